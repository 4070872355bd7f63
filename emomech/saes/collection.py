"""The SAEs of a study by hook point, read from disk when they are asked for, and no more held than memory allows.

One public SAE takes up to a few GiB and a model has one per layer. What an analysis does layer by layer needs one of
them at a time; what it does to many layers at once still works, and takes what it takes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from emomech.core.hook_points import HookPoint
from emomech.saes.files import SaeFile
from emomech.saes.sae import Sae

HELD_BYTES = 2**31
"""How much of SAEs stays in memory; at least the last one does, whatever its size."""
T = TypeVar("T")


class SaeSet(Mapping[HookPoint, Sae]):
    """SAEs by hook point, in the order given; hook points and sizes are known without reading weights."""

    def __init__(self, files: Iterable[SaeFile], held_bytes: int = HELD_BYTES) -> None:
        """Take files of different hook points."""
        self._files = {file.point: file for file in files}
        self._held_bytes = held_bytes
        self._held: dict[HookPoint, Sae] = {}

    def __getitem__(self, point: HookPoint) -> Sae:
        """Give the SAE at a hook point. Raises KeyError, and EmomechError where its file is damaged."""
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
        """Say how many features the SAE at a hook point has, without reading it."""
        return self._files[point].d_sae

    def _make_room(self, n_bytes: int) -> None:
        """Let the last read go first: those that go through all layers again and again find the others."""
        while self._held and n_bytes + sum(self._files[p].n_bytes for p in self._held) > self._held_bytes:
            self._held.popitem()


def portions(read: Iterable[T], n_bytes: Callable[[T], int], limit: int = 2**29) -> Iterator[list[T]]:
    """Gather what is read of a model until it takes so many bytes, so that each SAE is asked once per portion."""
    held: list[T] = []
    size = 0
    for one in read:
        held.append(one)
        size += n_bytes(one)
        if size >= limit:
            yield held
            held, size = [], 0
    if held:
        yield held
