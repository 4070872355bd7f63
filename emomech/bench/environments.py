"""The environment of each peer library, which `make bench` creates from `bench/*.txt`."""

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from emomech.core.paths import CHECKOUT

FILES, FOLDER = CHECKOUT / "bench", CHECKOUT / ".bench"
NOT_INSTALLED = "not installed: make bench creates it"


@dataclass(frozen=True)
class Peer:
    """A library that a user could take instead of this package."""

    environment: str
    """Name of its requirements file in `bench/`, and of its module in `peers`."""
    package: str
    """Its name in the package index."""

    @property
    def module(self) -> str:
        """The module that its process runs."""
        return f"emomech.bench.peers.{self.environment}"

    @property
    def pinned(self) -> dict[str, str]:
        """Package to version, as its requirements file pins them."""
        lines = (FILES / f"{self.environment}.txt").read_text(encoding="utf-8").splitlines()
        return dict(line.split("==") for line in lines if line and not line.startswith("#"))

    @property
    def interpreter(self) -> str | None:
        """The interpreter of its environment, or this one if it has the pinned version; None if neither exists."""
        python = FOLDER / self.environment / "bin" / "python"
        if python.exists():
            return str(python)
        try:
            return sys.executable if version(self.package) == self.pinned[self.package] else None
        except (PackageNotFoundError, OSError):
            return None


SAELENS, LENS, NNSIGHT, SKLEARN = "SAELens", "TransformerLens", "nnsight", "scikit-learn"
SPARSIFY, DICTIONARY_LEARNING = "sparsify", "dictionary_learning"
PEERS = {
    SAELENS: Peer("saelens", "sae-lens"),
    LENS: Peer("transformer_lens", "transformer-lens"),
    NNSIGHT: Peer("nnsight", "nnsight"),
    SKLEARN: Peer("sklearn", "scikit-learn"),
    SPARSIFY: Peer("sparsify", "eai-sparsify"),
    DICTIONARY_LEARNING: Peer("dictionary_learning", "dictionary-learning"),
}


def versions() -> dict[str, str]:
    """Return the version of each peer that is measured, or `NOT_INSTALLED`."""
    return {peer.package: peer.pinned[peer.package] if peer.interpreter else NOT_INSTALLED for peer in PEERS.values()}
