"""Statistics on arrays alone: estimates with intervals, classification scores, segmentation of a depth profile.

Intervals come from the bootstrap over clusters (Efron and Tibshirani, 1993): whole clusters are drawn again,
so that texts which are not independent are never counted as if they were. A resample is a row of weights, how
often each example was drawn, which turns every statistic here into one matrix product over all resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval and the number of independent clusters behind it."""

    value: float
    low: float
    high: float
    n: int

    def excludes(self, value: float) -> bool:
        """Whether the interval lies wholly on one side of a value; False where it is undefined."""
        return bool(self.low > value or self.high < value)

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "undefined"
        if not np.isfinite([self.low, self.high]).all():
            return f"{decimal(self.value)}, no interval"
        return f"{decimal(self.value)} [{decimal(self.low)}, {decimal(self.high)}]"


def decimal(value: float, digits: int = 2) -> str:
    """Write a number with fixed decimals, but never a small one as zero."""
    text = f"{value:,.{digits}f}"
    if value and not float(text.replace(",", "")):
        text = f"{value:.1g}"
    return text.replace("-", "−")


def interval(value: float, resampled: Floats, n: int) -> Estimate:
    """Make an estimate from a value and its bootstrap replicates: the 2.5 and 97.5 % points.

    Undefined replicates (NaN) are left out; with half of them or more undefined so is the interval.
    """
    usable = resampled[np.isfinite(resampled)]
    if len(usable) <= len(resampled) / 2:
        return Estimate(value, float("nan"), float("nan"), n)
    low, high = np.quantile(usable, [0.025, 0.975])
    return Estimate(float(value), float(low), float(high), n)


def posterior_interval(value: float, drawn: Floats, n: int) -> Estimate:
    """Make an estimate from a value and draws of its posterior; the interval holds the value, at an extreme too."""
    found = interval(value, drawn, n)
    return Estimate(found.value, min(found.low, value), max(found.high, value), n)


def standard_interval(value: float, resampled: Floats, n: int, bounds: tuple[float, float]) -> Estimate:
    """Make an estimate whose interval is 1.96 standard deviations of the replicates to either side of the value.

    For counts of what exceeds a threshold: a replicate adds noise of its own, lifts what lies just below, and
    so estimates the spread of the count but not its place (Efron and Tibshirani, 1993, chapter 13). Ends are kept
    inside the bounds that the value has by definition; undefined replicates as in `interval`.
    """
    usable = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or len(usable) <= len(resampled) / 2:
        return Estimate(float(value), float("nan"), float("nan"), n)
    reach = 1.96 * float(usable.std())
    return Estimate(float(value), max(bounds[0], value - reach), min(bounds[1], value + reach), n)


def bootstrap_weights(clusters: Sequence[str], n_resamples: int, seed: int) -> Floats:
    """Draw clusters with replacement; return how often each example stands in each resample (resample, example)."""
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    return drawn[:, member].astype(float)


def with_resamples(clusters: Sequence[str], n_resamples: int, seed: int) -> Floats:
    """The examples as they are, and then as `bootstrap_weights` draws them (1 + resample, example)."""
    return np.concatenate([np.ones((1, len(clusters))), bootstrap_weights(clusters, n_resamples, seed)])


def estimated(values: Floats, n: int) -> Estimate:
    """Make an estimate of a value, which is the first, from its resamples, which are the others."""
    return interval(float(values[0]), values[1:], n)


def two_sided(draws: Floats) -> float:
    """p-value that a value is zero: twice the share of its draws on the rarer side, never below 2 / (draws + 1)."""
    usable = draws[np.isfinite(draws)]
    rarer = min(int((usable <= 0).sum()), int((usable >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (len(usable) + 1))


def mean_estimate(values: Floats, weights: Floats) -> Estimate:
    """Mean over examples with its bootstrap interval; weights (resample, example) are those of `bootstrap_weights`."""
    return ratio_estimate(values, np.ones_like(values), weights)


def ratio_estimate(top: Floats, bottom: Floats, weights: Floats) -> Estimate:
    """Ratio of two sums over examples with its bootstrap interval; undefined where the lower sum is 0."""
    value = float(_ratio(top.sum(), bottom.sum()))
    return interval(value, _ratio(weights @ top, weights @ bottom), len(top))


def mcnemar(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """Exact p-value of McNemar's test (1947) that as many examples were put right as wrong; 1 where none changed."""
    from scipy.stats import binomtest

    right, wrong = int((after & ~before).sum()), int((before & ~after).sum())
    return float(binomtest(right, right + wrong).pvalue) if right + wrong else 1.0


@dataclass(frozen=True)
class Confusion:
    """Weighted confusion counts (…, gold, predicted) and the scores that follow from them.

    Scores run over the classes that occur as gold; for the full sample they equal scikit-learn's.
    """

    counts: Floats

    @classmethod
    def of(cls, gold: Ints, predicted: Ints, n_classes: int, weights: Floats | None = None) -> "Confusion":
        """Count pairs of class numbers; `weights` (resample, example) gives one matrix per resample."""
        cell = np.zeros((len(gold), n_classes * n_classes))
        cell[np.arange(len(gold)), gold * n_classes + predicted] = 1
        weights = np.ones((1, len(gold))) if weights is None else weights
        return cls((weights @ cell).reshape(len(weights), n_classes, n_classes))

    def recall(self) -> Floats:
        """Share of each gold class that is predicted as itself (…, class); NaN where a class does not occur."""
        return _ratio(np.diagonal(self.counts, axis1=-2, axis2=-1), self.counts.sum(-1))

    def recall_draws(self, n_draws: int, seed: int, independent: float = 1) -> Floats:
        """Draw each class's recall from its posterior under Jeffreys's prior (draw, class); NaN where it has no texts.

        Unlike a bootstrap it knows that a class without an error may still have errors elsewhere (Brodersen et al.,
        2010). `independent` is the share of texts that count as independent: clusters by texts. For one matrix.
        """
        right = np.diagonal(self.counts[0]) * independent
        n = self.counts[0].sum(-1) * independent
        drawn = np.random.default_rng(seed).beta(right + 0.5, n - right + 0.5, (n_draws, len(n)))
        drawn[:, n == 0] = np.nan
        return drawn

    def precision(self) -> Floats:
        """Share of each predicted class that is right (…, class); NaN where it is never predicted."""
        return _ratio(np.diagonal(self.counts, axis1=-2, axis2=-1), self.counts.sum(-2))

    def balanced_accuracy(self) -> Floats:
        """Mean recall over the gold classes (…)."""
        recall = self.recall()
        return _ratio(np.nansum(recall, -1), np.isfinite(recall).sum(-1))

    def macro_f1(self) -> Floats:
        """Mean F1 over the classes that occur as gold or as prediction (…)."""
        support = self.counts.sum(-1) + self.counts.sum(-2)
        f1 = _ratio(2 * np.diagonal(self.counts, axis1=-2, axis2=-1), support)
        return _ratio(np.nansum(f1, -1), np.isfinite(f1).sum(-1))


def standing(gold: Ints, predicted: Ints, n_classes: int, clusters: Sequence[str], seed: int) -> Estimate:
    """Balanced accuracy with the interval of its posterior, clusters counted as one (see `Confusion.recall_draws`)."""
    found = Confusion.of(gold, predicted, n_classes)
    drawn = np.nanmean(found.recall_draws(2000, seed, len(set(clusters)) / len(gold)), 1)
    return posterior_interval(float(found.balanced_accuracy()[0]), drawn, len(gold))


def doubling(n: int) -> list[int]:
    """Sizes to try of up to n things: powers of two, and all; none of nothing."""
    return [*(2**i for i in range(n.bit_length()) if 2**i < n), n] if n else []


def _ratio(top: Floats, bottom: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(bottom > 0, top / bottom, np.nan)


def centre_of_gravity(depth: Floats, profile: Floats) -> Floats:
    """Mean depth weighted by a profile (…, layer), as in Tenney et al. (2019); NaN where it is zero throughout."""
    return _ratio((profile * depth).sum(-1), profile.sum(-1))


def segment(profile: Floats, k: int) -> list[int]:
    """Cut a profile (layer, family) into `k` runs of layers of least squared error; return where each run starts.

    Exact dynamic programme (Fisher, 1958; Bellman, 1961).
    """
    n = len(profile)
    cost = np.full((n + 1, n + 1), np.inf)
    for start in range(n):
        for stop in range(start + 1, n + 1):
            run = profile[start:stop]
            cost[start, stop] = ((run - run.mean(0)) ** 2).sum()
    best = np.full((k + 1, n + 1), np.inf)
    best[0, 0] = 0
    cut = np.zeros((k + 1, n + 1), dtype=int)
    for run in range(1, k + 1):
        for stop in range(run, n + 1):
            totals = best[run - 1, :stop] + cost[:stop, stop]
            cut[run, stop] = int(np.argmin(totals))
            best[run, stop] = totals[cut[run, stop]]
    starts, stop = [], n
    for run in range(k, 0, -1):
        stop = int(cut[run, stop])
        starts.append(stop)
    return starts[::-1]


def step_error(fit: Floats, held_out: Floats, k: int) -> float:
    """Mean squared error on a held-out profile of the best `k`-step function of the other (layer, family)."""
    edges = [*segment(fit, k), len(fit)]
    steps = np.concatenate([np.repeat(fit[a:b].mean(0, keepdims=True), b - a, 0) for a, b in pairwise(edges)])
    return float(((held_out - steps) ** 2).mean())


def ramp_error(fit: Floats, held_out: Floats, depth: Floats) -> float:
    """Mean squared error on a held-out profile of a straight line in depth, fitted per family to the other."""
    design = np.stack([np.ones_like(depth), depth], 1)
    line, *_ = np.linalg.lstsq(design, fit, rcond=None)
    return float(((held_out - design @ line) ** 2).mean())


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of like confidence: how sure they are on average, and how often right."""

    confidence: float
    accuracy: float
    n: int


def reliability(confidence: Floats, correct: NDArray[np.bool_], n_bins: int = 10) -> list[ReliabilityBin]:
    """Group predictions into bins of equal count by confidence (adaptive binning, Nguyen and O'Connor, 2015)."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, n_bins) if len(part)]
    return [ReliabilityBin(float(confidence[p].mean()), float(correct[p].mean()), len(p)) for p in parts]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: mean gap between confidence and accuracy, weighted by count (Guo et al., 2017)."""
    n = sum(b.n for b in bins)
    return sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / n
