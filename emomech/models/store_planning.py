"""Plan how many hook points of an activation store fit on the disk at a time.

Example:
    >>> from emomech.core.hook_points import HookPoint
    >>> from emomech.models.store_planning import Plan
    >>> plan = Plan(tuple(HookPoint(layer) for layer in range(5)), bytes_each=1000, room=2500)
    >>> [[point.layer for point in group] for group in plan.groups]
    [[0, 1], [2, 3], [4]]
    >>> print(plan.described(n=10))
    activations of 10 tokens at 5 hook points need 5.00kB; 2.50kB are free for them, so the texts are read 3 times
"""

import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint

SPARE = 500 * 10**6
"""Bytes of a disk that are left free."""
_size = partial(tqdm.format_sizeof, suffix="B")
"""Write a number of bytes with its unit."""


@dataclass(frozen=True)
class Plan:
    """Hook points of a store, and how many of them fit at a time."""

    points: tuple[HookPoint, ...]
    bytes_each: int
    """Bytes of one hook point."""
    room: int
    """Bytes for all that is held at a time."""

    @property
    def groups(self) -> list[tuple[HookPoint, ...]]:
        """Hook points that are read in one pass over the texts: as few groups as fit, of about the same size."""
        n_passes = math.ceil(len(self.points) / max(1, self.room // self.bytes_each))
        size = math.ceil(len(self.points) / max(1, n_passes))
        return [self.points[start : start + size] for start in range(0, len(self.points), max(1, size))]

    def group_of(self, point: HookPoint) -> tuple[HookPoint, ...]:
        """Return the group that a hook point belongs to."""
        return next(group for group in self.groups if point in group)

    def fits(self, n_points: int) -> bool:
        """Whether so many hook points fit at a time."""
        return n_points * self.bytes_each <= self.room

    def described(self, n: int) -> str:
        """Say what the store of n tokens takes, and how often the texts are read."""
        need = len(self.points) * self.bytes_each
        text = f"activations of {n:,} tokens at {len(self.points)} hook points need {_size(need)}"
        if (passes := len(self.groups)) < 2:
            return text
        return f"{text}; {_size(self.room)} are free for them, so the texts are read {passes} times"


def planned(points: Sequence[HookPoint], bytes_each: int, budget: int | None, folder: Path) -> Plan:
    """Plan a store in a folder that exists, within a budget of bytes and what is free on its disk.

    What the folder holds already counts as free. Raises UsageError if not even one hook point fits.
    """
    held = sum(path.stat().st_blocks * 512 for path in folder.iterdir())
    free = max(0, shutil.disk_usage(folder).free - SPARE) + held
    plan = Plan(tuple(points), bytes_each, free if budget is None else min(free, budget))
    if points and not plan.fits(1):
        limit = f"the disk of {folder.parent} has {_size(free)} free for them, besides {_size(SPARE)} that stay free"
        if budget is not None and budget < free:
            limit = f"the budget of disk space is {_size(budget)}"
        raise UsageError(
            f"activations at one hook point need {_size(bytes_each)}, but {limit}. Take fewer tokens, a larger budget, "
            "or a folder on another disk."
        )
    return plan
