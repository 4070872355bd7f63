"""Activations of many texts at many hook points, on disk, from one pass over the texts.

The rows of a hook point are the content tokens of the texts (no BOS, no padding), in the order of the texts and of
their tokens. The model runs texts of similar length together, the longest first, and stops behind the deepest hook
point. Numbers have 16 bits: see `store_writing.Writer.write`.

A store lies in a folder that is named by the hash of the model and the tokens. If the process is killed, the same call
continues where it was, and the files are those of an uninterrupted run, byte for byte. Several processes can use one
store at a time. If not all hook points fit on the disk, or into the budget, they are read group by group, with one pass
for each.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emomech.core.devices import tokens_at_once
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import module_at
from emomech.models.language_model import LanguageModel
from emomech.models.pool import TokenPool
from emomech.models.store_folder import Record, StoreFolder, opened
from emomech.models.store_planning import Plan, planned
from emomech.models.store_writing import WIDTH, Writer, path_of

MEMORY = 2**31
"""Bytes of memory for activations unless a place says otherwise."""


@dataclass(frozen=True)
class Place:
    """Where activations lie, and what they may take."""

    folder: Path | None = None
    """Folder for the folder of the store; None: that for temporary files, where an interrupted run is not continued."""
    disk: int | None = None
    """Bytes on the disk; None: what is free, except for half a GB."""
    memory: int = MEMORY
    """Bytes in memory: of a batch while the model runs, and of one hook point that is read back."""
    keep: bool = False
    """Leave the store in its folder, for later calls."""


@dataclass(frozen=True, eq=False)
class ActivationStore:
    """Activations at some hook points; iterating gives each hook point with its activations."""

    lm: LanguageModel = field(repr=False)
    pool: TokenPool
    points: tuple[HookPoint, ...]
    place: Place
    _folder: StoreFolder = field(repr=False)
    _plan: Plan = field(repr=False)
    _say: Callable[[str], None] = field(repr=False)

    @classmethod
    @contextmanager
    def capture(
        cls,
        lm: LanguageModel,
        pool: TokenPool,
        points: Sequence[HookPoint],
        place: Place | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> Iterator["ActivationStore"]:
        """Read the activations of a pool of tokens; the store is removed at the end of the `with` block.

        It stays if `place` says so, and after an error or an interrupt if `place` names a folder; the same call
        continues it. `say` gets a line about the size of the store. Raises UsageError for a hook point that the model
        does not have, for a pool without tokens, and if not even one hook point fits; EmomechError if the disk is full,
        of which nothing remains, and for activations that are not finite.

        Example:
            >>> from emomech.core.hook_points import HookPoint
            >>> from emomech.models.pool import TokenPool
            >>> from emomech.models.store import ActivationStore
            >>> from emomech.study.spec import StudySpec
            >>> from emomech.study.study import Study
            >>> lm = Study(StudySpec(limit=8)).lm
            >>> pool = TokenPool.read(lm, ["Anna lost the ring.", "Ben won."], most=1000)
            >>> with ActivationStore.capture(lm, pool, [HookPoint(3), HookPoint(6)]) as store:
            ...     {str(point): tuple(activations.shape) for point, activations in store}
            {'blocks.3.hook_resid_post': (15, 128), 'blocks.6.hook_resid_post': (15, 128)}
        """
        place, points = place or Place(), tuple(dict.fromkeys(points))
        for point in points:
            module_at(lm, point)
        if not pool.n:
            raise UsageError("the texts have no token, so there are no activations. Take other texts.")
        if place.keep and place.folder is None:
            raise UsageError("activations that are kept need a folder. Name one.")
        with opened(place.folder, pool.address, say) as folder:
            with folder.alone():
                record = Record.read(folder.path)
                plan = planned(points, pool.n * lm.d_model * WIDTH, place.disk, folder.path)
                if place.keep and not record.keep:
                    record.keep = True
                    record.write(folder.path)
            store = cls(lm, pool, points, place, folder, plan, say)
            say(plan.described(pool.n))
            yield store

    @property
    def n(self) -> int:
        """Number of content tokens, which are the rows at each hook point."""
        return self.pool.n

    def __iter__(self) -> Iterator[tuple[HookPoint, Tensor]]:
        """Yield each hook point with its activations, as `at` returns them."""
        for point in self.points:
            yield point, self.at(point)

    def at(self, point: HookPoint) -> Tensor:
        """Return the activations (n, d_model) at a hook point, in float16 or bfloat16 on the CPU.

        They are read into memory if the budget allows, and mapped from the file otherwise. `x[rows].float()` gives some
        rows for a computation. The model runs if the hook point is not written yet.
        """
        if point not in self.points:
            raise unknown("hook point of the store", str(point), map(str, self.points))
        with self._folder.alone():
            record = Record.read(self._folder.path)
            self._write(self._plan.group_of(point), record)
            return self._read(point, record)

    def _write(self, group: Sequence[HookPoint], record: Record) -> None:
        """Write the hook points of a group that are not there; remove others if there is no room for both."""
        absent = [point for point in group if not self._is_complete(point, record)]
        if not absent:
            return
        self._make_room(group, record)
        per_token = len(group) * self.lm.d_model * WIDTH
        most = max(1, min(tokens_at_once(self.lm.device), self.place.memory // per_token))
        try:
            Writer(self.lm, self.pool, self._folder.path, record, most, self._say).write(absent)
        except (OSError, EmomechError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if not isinstance(cause, OSError):
                raise
            self._folder.remove()
            raise EmomechError(
                f"{self._folder.path}: activations cannot be written ({cause.strerror}); they were removed. Free "
                "some space, or name another folder or a smaller budget of disk space."
            ) from error

    def _is_complete(self, point: HookPoint, record: Record) -> bool:
        written = record.files.get(str(point))
        if written is None or written.texts < len(self.pool):
            return False
        path = path_of(self._folder.path, point, record)
        return path.exists() and path.stat().st_size == self._plan.bytes_each

    def _make_room(self, group: Sequence[HookPoint], record: Record) -> None:
        """Remove the files of other hook points if all of them do not fit."""
        others = [name for name in record.files if name not in map(str, group)]
        if self._plan.fits(len(others) + len(group)):
            return
        for name in others:
            path_of(self._folder.path, HookPoint.parse(name), record).unlink(missing_ok=True)
            del record.files[name]
        record.write(self._folder.path)

    def _read(self, point: HookPoint, record: Record) -> Tensor:
        """Read the file of a hook point, or map it."""
        path, n, d_model = path_of(self._folder.path, point, record), self.pool.n, self.lm.d_model
        dtype = getattr(torch, record.files[str(point)].format)
        if n * d_model * WIDTH <= self.place.memory:
            return torch.from_numpy(np.fromfile(path, np.int16)).view(dtype).view(n, d_model)
        return torch.from_file(str(path), shared=False, size=n * d_model, dtype=dtype).view(n, d_model)
