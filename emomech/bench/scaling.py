"""How cost grows with the number of texts, features and layers: the exponent of a power law, fitted to every turn."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emomech.bench.comparisons import Sizes
from emomech.bench.interleaved import OURS, Arena, Entry
from emomech.bench.workloads import Subject


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Fit seconds ∝ size^exponent by least squares of the logarithms: estimate, and ends of its 95 % interval.

    The interval is Student's, of n - 2 degrees of freedom; it takes turns to be independent and their logarithms to
    scatter alike at every size.
    """
    from scipy.stats import linregress, t

    fit: Any = linregress(np.log(sizes), np.log(seconds))
    half = float(t.ppf(0.975, len(sizes) - 2) * fit.stderr)
    return float(fit.slope), float(fit.slope) - half, float(fit.slope) + half


@dataclass(frozen=True)
class Growth:
    """Cost of one task at several sizes of one thing."""

    subject: str
    task: str
    of: str
    """What there is more and more of."""
    sizes: tuple[int, ...]
    """Of each turn (turn)."""
    seconds: tuple[float, ...]
    """Of each turn (turn)."""
    exponent: float
    low: float
    high: float
    """Ends of the exponent's 95 % interval."""


def grown(subject: Subject, case: Path, sizes: Sizes) -> Iterator[Growth]:
    """Let texts, features and layers become more, one of them at a time."""
    usual = subject.usual([subject.middle])[subject.middle]
    features = subject.alive(usual, sizes.n_answer)
    texts, layers = steps(len(subject.questions)), steps(subject.lm.n_layers)
    one = max(1, len(subject.questions) // 4)
    with Arena(case, sizes.n_turns) as arena:
        for task, name in (("capture", "encoding"), ("screen", "attribution")):
            yield _grown(arena, (subject.name, name, "texts"), task, {n: {"n_texts": n} for n in texts})
            some = {n: {"n_texts": one, "n_layers": n} for n in layers}
            yield _grown(arena, (subject.name, name, "layers"), task, some)
        asked = {"point": str(subject.middle), "where": "answer"}
        moves = {
            n: {**asked, "features": features[:n], "targets": usual.features[features[:n]].tolist()}
            for n in steps(len(features))
        }
        yield _grown(arena, (subject.name, "ablation", "features"), "effects", moves)
        last = moves[max(moves)]
        some = {n: {**last, "n_texts": n} for n in texts}
        yield _grown(arena, (subject.name, "ablation", "texts"), "effects", some)


def grown_scores(folder: Path, sizes: Sizes, n: int = 5000, d_sae: int = 16384) -> Iterator[Growth]:
    """Let the texts and features that are scored become more."""
    name = "scores"
    with Arena(folder, sizes.n_turns) as arena:
        some = {m: {"features": [], "n_texts": m} for m in steps(n)}
        yield _grown(arena, ("random features", name, "texts"), "scores", some)
        some = {m: {"features": [], "n_features": m} for m in steps(d_sae)}
        yield _grown(arena, ("random features", name, "features"), "scores", some)


def steps(most: int) -> list[int]:
    """A quarter, half, and all."""
    return sorted({max(1, most // 4), max(1, most // 2), most})


def _grown(arena: Arena, told: tuple[str, str, str], task: str, given: Mapping[int, Mapping[str, Any]]) -> Growth:
    sizes: list[int] = []
    seconds: list[float] = []
    for size, one in given.items():
        turns = arena.contest([Entry(OURS, task, one)])[OURS].turns
        sizes += [size] * len(turns)
        seconds += turns
    return Growth(*told, tuple(sizes), tuple(seconds), *exponent(sizes, seconds))
