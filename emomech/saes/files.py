"""SAEs on disk in SAELens's format: `cfg.json` describes an SAE before any of its weights are read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.config import read
from emomech.saes.sae import Sae
from emomech.saes.saelens import sae_of

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
"""The two files of an SAE's folder."""


class Model(Protocol):
    """The name and shape of a language model; an SAE has to match the shape."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def d_model(self) -> int: ...  # noqa: D102
    @property
    def n_layers(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class SaeFile:
    """One SAE on disk."""

    folder: Path
    name: str
    """Name of the set of SAEs that it belongs to."""
    point: HookPoint
    d_in: int
    d_sae: int
    trained_on: str
    """The model, as recorded with the SAE; empty if unknown."""
    k: int | None = None
    """Largest number of features that fire at once; None if it is not a TopK SAE."""
    control: str = ""
    """How the decoder was kept from learning, see `beside.Control`; empty if it was not, or if nothing is recorded."""

    @property
    def n_bytes(self) -> int:
        """Bytes in memory: both matrices in float32; biases are negligible."""
        return 2 * self.d_in * self.d_sae * 4

    def load(self) -> Sae:
        """Read the weights. Raises EmomechError that names the file if it is damaged or not supported."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.folder / WEIGHTS, framework="pt") as opened:
                weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise EmomechError(f"{self.folder / WEIGHTS}: is damaged: {error}. Get the file again.") from error
        config = read(self.folder / CONFIG)
        try:
            return sae_of(config, weights, name=self.name)
        except EmomechError as error:
            raise type(error)(f"{self.folder / WEIGHTS}: {error}") from error

    def check_fits(self, lm: Model) -> None:
        """Raise UsageError if the SAE has another width than the model, or a layer that the model does not have.

        Names are not compared, as a model has many (hub, folder, TransformerLens). SAEs of another model of the same
        shape are recognised by their quality, see `compatibility`.
        """
        origin = f"It was trained on {self.trained_on or 'an unnamed model'}; take SAEs of the model that is studied."
        if self.d_in != lm.d_model:
            widths = f"reads {self.d_in} numbers, but the residual stream of {lm.name} has {lm.d_model}"
            raise UsageError(f"SAE {self.name} at {self.point}: {widths}. {origin}")
        if self.point.layer >= lm.n_layers:
            raise UsageError(f"SAE {self.name} at {self.point}: {lm.name} has blocks 0..{lm.n_layers - 1}. {origin}")


def scan(folder: Path, *, name: str) -> list[SaeFile]:
    """Describe every SAE in a folder or below it, in order of depth; no weights are read.

    Raises UsageError if there is none, or two for one hook point. Raises EmomechError that names the file for an SAE
    that is damaged or of an unsupported kind.
    """
    configs = sorted(folder.rglob(CONFIG))
    if not configs:
        raise UsageError(f"{folder}: holds no SAE; expected {CONFIG} and {WEIGHTS}, in one folder per hook point.")
    return in_order(describe(config.parent, name=name) for config in configs)


def in_order(files: Iterable[SaeFile]) -> list[SaeFile]:
    """Sort SAEs by depth. Raises UsageError for two at one hook point."""
    by_point: dict[HookPoint, SaeFile] = {}
    for file in files:
        first = by_point.setdefault(file.point, file)
        if first is not file:
            raise UsageError(f"{file.folder}: is a second SAE for {file.point}; the first is {first.folder}.")
    return sorted(by_point.values(), key=lambda file: file.point.resid_index())


def describe(folder: Path, *, name: str) -> SaeFile:
    """Describe the SAE of a folder by its `cfg.json`. Raises EmomechError that names what is missing or damaged."""
    config = read(folder / CONFIG)
    if not (folder / WEIGHTS).is_file():
        raise EmomechError(f"{folder / WEIGHTS}: is missing, although its folder has a {CONFIG}.")
    control = config.recipe.get("control", "")
    return SaeFile(folder, name, config.point, config.d_in, config.d_sae, config.trained_on, config.k, control)
