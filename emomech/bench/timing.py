"""Time implementations that take turns, which pyperf and pytest-benchmark do not offer.

Both run one benchmark to its end before the next begins, so that other load on the machine hits one of them only. Here
the implementations take turns, and the load hits all of them. The first turn warms up and is not counted; the median of
the others counts. Time is the processor time of the process, on one thread: other programs lengthen it through the
shared caches, but not by the time that they use. Where all cores are used it is the time that passes, and on a GPU the
time until the device has finished.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Timed:
    """The turns of one implementation."""

    turns: tuple[float, ...]
    """Seconds of each turn that counts."""

    @property
    def seconds(self) -> float:
        """Median over the turns."""
        return median(self.turns)


def take_turns(calls: Mapping[str, Callable[[], float]], n_turns: int, warm_up: bool = True) -> dict[str, Timed]:
    """Call every implementation once per turn; each call returns the seconds that it took.

    With `warm_up`, there is one turn more, which is not counted.

    Example:
        >>> from emomech.bench.timing import take_turns, timed
        >>> times = take_turns({"sorted": timed(lambda: sorted(range(1000))), "list": timed(lambda: list(range(9)))}, 3)
        >>> len(times["sorted"].turns), times["sorted"].seconds > 0
        (3, True)
    """
    turns: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(n_turns + warm_up):
        for name, call in calls.items():
            seconds = call()
            if turn >= warm_up:
                turns[name].append(seconds)
    return {name: Timed(tuple(counted)) for name, counted in turns.items()}


def timed(call: Callable[[], object]) -> Callable[[], float]:
    """Wrap a call so that it returns the processor time of this process, in seconds."""

    def turn() -> float:
        start = time.process_time()
        call()
        return time.process_time() - start

    return turn


def matmul_rate(n_turns: int, size: int = 768) -> float:
    """Measure the floating-point operations per second of a matrix product, as a practical limit of this machine."""
    import torch

    left, right = torch.randn(512, size), torch.randn(size, 4 * size)
    product = take_turns({"product": timed(lambda: left @ right)}, n_turns)["product"]
    return 2 * left.shape[0] * right.numel() / product.seconds
