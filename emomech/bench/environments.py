"""Where each contender is installed: an environment of its own, as `make bench` makes it of `bench/*.txt`."""

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from emomech.core.paths import CHECKOUT

FILES, FOLDER = CHECKOUT / "bench", CHECKOUT / ".bench"
NOT_INSTALLED = "not installed: make bench creates it"


@dataclass(frozen=True)
class Peer:
    """What a user would take instead."""

    environment: str
    """Its file in `bench/`, and its program in `peers`."""
    package: str
    """What it is called where it is installed from."""

    @property
    def module(self) -> str:
        """Its program."""
        return f"emomech.bench.peers.{self.environment}"

    @property
    def pinned(self) -> dict[str, str]:
        """The versions that its file asks for."""
        lines = (FILES / f"{self.environment}.txt").read_text(encoding="utf-8").splitlines()
        return dict(line.split("==") for line in lines if line and not line.startswith("#"))

    @property
    def interpreter(self) -> str | None:
        """Its own environment's, or this one where it has the same version; None where it is not installed."""
        own = FOLDER / self.environment / "bin" / "python"
        if own.exists():
            return str(own)
        try:
            return sys.executable if version(self.package) == self.pinned[self.package] else None
        except (PackageNotFoundError, OSError):
            return None


SAELENS, LENS, NNSIGHT, SKLEARN = "SAELens", "TransformerLens", "nnsight", "scikit-learn"
PEERS = {
    SAELENS: Peer("saelens", "sae-lens"),
    LENS: Peer("transformer_lens", "transformer-lens"),
    NNSIGHT: Peer("nnsight", "nnsight"),
    SKLEARN: Peer("sklearn", "scikit-learn"),
}


def versions() -> dict[str, str]:
    """Which version of each peer was measured, or that it was not."""
    return {peer.package: peer.pinned[peer.package] if peer.interpreter else NOT_INSTALLED for peer in PEERS.values()}
