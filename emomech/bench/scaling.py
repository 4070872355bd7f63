"""Growth of cost with the number of texts, features and layers: the exponent of a power law, fitted to all turns.

The exponent is 1 if cost is proportional to the size, and 0 if the size does not matter. Small sizes are dominated by
fixed costs, which makes an exponent smaller than that of large sizes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emomech.bench.comparisons import Sizes, moves_to_mean
from emomech.bench.interleaved import OURS, Entry, Processes
from emomech.bench.workloads import Workload


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Fit seconds ∝ size^exponent by least squares of the logarithms: estimate, low and high end of its 95 % interval.

    The interval is that of Student's t with n - 2 degrees of freedom; it assumes that turns are independent and that
    their logarithms have the same variance at every size.

    Example:
        >>> from emomech.bench.scaling import exponent
        >>> estimate, low, high = exponent([1, 2, 4, 8], [3.0, 12.1, 47.8, 193.0])
        >>> round(estimate, 1), low < 2 < high
        (2.0, True)
    """
    from scipy.stats import linregress, t

    fit: Any = linregress(np.log(sizes), np.log(seconds))
    half = float(t.ppf(0.975, len(sizes) - 2) * fit.stderr)
    return float(fit.slope), float(fit.slope) - half, float(fit.slope) + half


@dataclass(frozen=True)
class Growth:
    """Cost of one task at several sizes. The fields are those of an entry of `growth` in `book/bench.json`."""

    subject: str
    """Name of the workload."""
    task: str
    of: str
    """What grows: texts, layers or features."""
    sizes: tuple[int, ...]
    """Size in each turn (turn)."""
    seconds: tuple[float, ...]
    """Seconds of each turn (turn)."""
    exponent: float
    low: float
    high: float
    """Ends of the 95 % interval of the exponent."""


def measure_growth(workload: Workload, processes: Processes, sizes: Sizes) -> Iterator[Growth]:
    """Measure the cost at a quarter, half and all of the texts, features and layers, one of them at a time."""
    middle, name = workload.middle, workload.name
    stats = workload.feature_stats([middle])[middle]
    features = workload.draw_features(stats, sizes.n_answer)
    n_texts, n_layers = steps(len(workload.questions)), steps(workload.lm.n_layers)
    few = max(1, len(workload.questions) // 4)
    for task, title in (("capture", "encoding"), ("screen", "attribution")):
        yield _growth(processes, (name, title, "texts"), task, {n: {"n_texts": n} for n in n_texts})
        options = {n: {"n_texts": few, "n_layers": n} for n in n_layers}
        yield _growth(processes, (name, title, "layers"), task, options)
    place = {"point": str(middle), "where": "answer"}
    moves = {n: {**place, **moves_to_mean(stats, features[:n])} for n in steps(len(features))}
    yield _growth(processes, (name, "ablation", "features"), "effects", moves)
    every = moves[max(moves)]
    options = {n: {**every, "n_texts": n} for n in n_texts}
    yield _growth(processes, (name, "ablation", "texts"), "effects", options)


def measure_score_growth(processes: Processes, n: int = 5000, d_sae: int = 16384) -> Iterator[Growth]:
    """Measure the cost of scores at a quarter, half and all of the n texts and d_sae features."""
    for thing, option, size in (("texts", "n_texts", n), ("features", "n_features", d_sae)):
        options = {step: {"features": [], option: step} for step in steps(size)}
        yield _growth(processes, ("random features", "scores", thing), "scores", options)


def steps(most: int) -> list[int]:
    """Return a quarter, half and all of a number, each at least 1.

    Example:
        >>> from emomech.bench.scaling import steps
        >>> steps(12), steps(2)
        ([3, 6, 12], [1, 2])
    """
    return sorted({max(1, most // 4), max(1, most // 2), most})


def _growth(
    processes: Processes, title: tuple[str, str, str], task: str, options: Mapping[int, Mapping[str, Any]]
) -> Growth:
    """Time a task with the options of each size; the title is (workload, task, what grows)."""
    sizes: list[int] = []
    seconds: list[float] = []
    for size, of_size in options.items():
        turns = processes.compare([Entry(OURS, task, of_size)])[OURS].turns
        sizes += [size] * len(turns)
        seconds += turns
    return Growth(*title, tuple(sizes), tuple(seconds), *exponent(sizes, seconds))
