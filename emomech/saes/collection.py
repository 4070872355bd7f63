"""The SAEs of a model by hook point; weights are read when an SAE is first used, and dropped when memory is short.

A public SAE takes up to a few GiB, and a model has one per layer. An analysis that goes layer by layer needs one at a
time. An analysis that uses many layers at once works as well, and takes the memory of all of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.presets import lookup
from emomech.presets.kinds import SaePreset
from emomech.saes.files import Model, SaeFile, scan
from emomech.saes.sae import Sae

HELD_BYTES = 2**31
"""Bytes of SAEs that stay in memory; the last SAE that was read stays even if it is larger."""
T = TypeVar("T")


class SaeSet(Mapping[HookPoint, Sae]):
    """SAEs by hook point, in order of depth; hook points and sizes are known without reading weights."""

    def __init__(self, files: Iterable[SaeFile], held_bytes: int = HELD_BYTES) -> None:
        """Take files of different hook points, in order of depth."""
        self._files = {file.point: file for file in files}
        self._held_bytes = held_bytes
        self._held: dict[HookPoint, Sae] = {}

    def __getitem__(self, point: HookPoint) -> Sae:
        """Return the SAE at a hook point. Raises KeyError if there is none, EmomechError if its file is damaged."""
        if point not in self._held:
            file = self._files[point]
            self._make_room(file.n_bytes)
            self._held[point] = file.load()
        return self._held[point]

    def __contains__(self, point: object) -> bool:
        return point in self._files

    def __iter__(self) -> Iterator[HookPoint]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def d_sae(self, point: HookPoint) -> int:
        """Return the number of features of the SAE at a hook point, without reading its weights."""
        return self._files[point].d_sae

    def file(self, point: HookPoint) -> SaeFile:
        """Return the description of the SAE at a hook point, without reading its weights."""
        return self._files[point]

    def check_fits(self, lm: Model) -> None:
        """Raise UsageError if an SAE has another width than the model, or a layer that the model does not have."""
        for file in self._files.values():
            file.check_fits(lm)

    def _make_room(self, n_bytes: int) -> None:
        """Drop the SAEs that were read last, so that the next pass through all layers still has the first ones."""
        while self._held and n_bytes + sum(self._files[p].n_bytes for p in self._held) > self._held_bytes:
            self._held.popitem()


def load_saes(name: str | Path) -> SaeSet:
    """Load the SAEs of a preset, or of a folder with one SAELens folder per hook point, by hook point.

    The SAEs of a public release are fetched once and cached. Whether they fit a model is not checked: a `Study` does
    that when its SAEs are first used. Raises UsageError for an unknown preset or folder, or for a folder without SAEs;
    EmomechError for a file that is damaged or of a kind that is not supported, or if the hub cannot be reached.

    Example:
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.saes.collection import load_saes
        >>> saes = load_saes("organism")
        >>> len(saes), saes[HookPoint(3)].d_in, saes[HookPoint(3)].d_sae
        (9, 128, 512)
    """
    text = name if isinstance(name, str) else str(name.absolute())
    return saes_of(text, lookup.sae(text))


def saes_of(name: str, preset: SaePreset) -> SaeSet:
    """Load the SAEs of a preset that was looked up by `name`. Raises as `load_saes` does."""
    if preset.path:
        return SaeSet(scan(lookup.shipped(preset.path), name=name))
    from emomech.saes.releases import released

    return SaeSet(released(preset))


def check_alike(saes: SaeSet, like: SaeSet, control: str, folder: Path) -> None:
    """Raise UsageError unless `saes` have the hook points and the sizes of `like`, and are the control that is named.

    `control` is empty for SAEs that are no control; messages name the `folder` of `saes`. No weights are read.
    """
    for point in like:
        expected = like.file(point)
        if point not in saes:
            raise UsageError(
                f"{folder}: has no SAE at {point}, but {expected.folder.parent} has one. Train it: "
                "emomech sae train, with the options of the others; layers that are there are skipped."
            )
        found = saes.file(point)
        if (found.d_in, found.d_sae, found.k) != (expected.d_in, expected.d_sae, expected.k):
            raise UsageError(
                f"{found.folder}: reads {found.d_in} numbers and has {found.d_sae} features, k {found.k}; expected "
                f"{expected.d_in}, {expected.d_sae} and {expected.k} as in {expected.folder}. Train it with these."
            )
        if found.control != control:
            kinds = [f"the control {kind!r}" if kind else "no control" for kind in (found.control, control)]
            raise UsageError(f"{found.folder}: is {kinds[0]}, expected {kinds[1]} in a folder of this name.")


def portions(activations: Iterable[T], n_bytes: Callable[[T], int], limit: int = 2**29) -> Iterator[list[T]]:
    """Batch activations up to `limit` bytes, so that each SAE is loaded once per batch; the last batch may be smaller.

    A batch is full as soon as it has `limit` bytes, as `n_bytes` counts them.
    """
    batch: list[T] = []
    size = 0
    for item in activations:
        batch.append(item)
        size += n_bytes(item)
        if size >= limit:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
