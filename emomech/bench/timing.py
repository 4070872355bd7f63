"""A small timer for contenders that are compared with one another.

Contenders take turns, so that what else the machine does meets all of them; the first turn warms up and is not counted;
the median of the others counts. Time is that of the process's own work on one thread: other programs lengthen it
through the caches that they share, but not by the time that they take.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Timed:
    """One contender's turns."""

    seconds: float
    """Median."""
    spread: float
    """Largest less smallest turn, as a share of the median."""


def take_turns(contenders: Mapping[str, Callable[[], object]], n_turns: int) -> dict[str, Timed]:
    """Time contenders by name, each called once in every turn."""
    turns: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(n_turns + 1):
        for name, call in contenders.items():
            start = time.process_time()
            call()
            if turn:
                turns[name].append(time.process_time() - start)
    return {name: Timed(median(all_), (max(all_) - min(all_)) / median(all_)) for name, all_ in turns.items()}


def rate(n_turns: int, size: int = 768) -> float:
    """Floating-point operations per second of a matrix product: what the machine is able to do, as it is used now."""
    import torch

    left, right = torch.randn(512, size), torch.randn(size, 4 * size)
    found = take_turns({"product": lambda: left @ right}, n_turns)["product"]
    return 2 * left.shape[0] * right.numel() / found.seconds
