"""A small timer for contenders that are compared with one another, which pyperf and pytest-benchmark cannot do.

Both run one benchmark to its end before they begin the next, so that whatever else the machine does meets one of them
alone. Here contenders take turns, and it meets all; the first turn warms up and is not counted; the median of the
others counts. Time is that of the process's own work on one thread: other programs lengthen it through the caches that
they share, but not by the time that they take. On a GPU it is the time until the device is done.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Timed:
    """One contender's turns."""

    turns: tuple[float, ...]
    """Seconds of each that counts."""

    @property
    def seconds(self) -> float:
        """Median."""
        return median(self.turns)


def take_turns(contenders: Mapping[str, Callable[[], float]], n_turns: int) -> dict[str, Timed]:
    """Have contenders, by name, called once in every turn; each says how many seconds it took."""
    turns: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(n_turns + 1):
        for name, call in contenders.items():
            seconds = call()
            if turn:
                turns[name].append(seconds)
    return {name: Timed(tuple(all_)) for name, all_ in turns.items()}


def worked(call: Callable[[], object]) -> Callable[[], float]:
    """Time a call by what this process works for it."""

    def turn() -> float:
        start = time.process_time()
        call()
        return time.process_time() - start

    return turn


def rate(n_turns: int, size: int = 768) -> float:
    """Floating-point operations per second of a matrix product: what the machine is able to do, as it is used now."""
    import torch

    left, right = torch.randn(512, size), torch.randn(size, 4 * size)
    found = take_turns({"product": worked(lambda: left @ right)}, n_turns)["product"]
    return 2 * left.shape[0] * right.numel() / found.seconds
