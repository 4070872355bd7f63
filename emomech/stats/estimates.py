"""Statistics on arrays alone: estimates with intervals, classification scores, segmentation of a depth profile.

Intervals come from the bootstrap over clusters (Efron and Tibshirani, 1993): whole clusters are drawn again,
so that texts which are not independent are never counted as if they were. A resample is a row of weights, how
often each example was drawn, which turns every statistic here into one matrix product over all resamples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

from emomech.core.errors import EmomechError

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


def mean_estimate(values: Floats, weights: Floats) -> Estimate:
    """Mean over examples with its bootstrap interval; weights (resample, example) are those of `bootstrap_weights`."""
    return ratio_estimate(values, np.ones_like(values), weights)


def ratio_estimate(top: Floats, bottom: Floats, weights: Floats) -> Estimate:
    """Ratio of two sums over examples with its bootstrap interval; undefined where the lower sum is 0."""
    value = float(ratio(top.sum(), bottom.sum()))
    return interval(value, ratio(weights @ top, weights @ bottom), len(top))


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide element by element; NaN where the denominator is not positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(bottom > 0, top / bottom, np.nan)


def number_text(value: object) -> str:
    """Write a value as prose quotes it: an estimate with its interval, a number to two or three significant digits.

    Raises EmomechError for what is neither number nor text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Estimate):
        return str(value).replace(" ", "\u00a0")  # an interval is not broken between lines
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    if isinstance(value, Real):
        return _significant(float(value))
    raise EmomechError(f"{value!r} is a {type(value).__name__}, expected an estimate, a number or text.")


def _significant(value: float) -> str:
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else ("−∞" if value < 0 else "∞")
    size = abs(value)
    if size >= 100:
        text = f"{value:,.0f}"
    elif size >= 10:
        text = f"{value:.1f}"
    elif size >= 0.1 or size == 0:
        text = f"{value:.2f}"
    elif size >= 0.0001:
        text = f"{value:.{1 - math.floor(math.log10(size))}f}"
    else:
        text = f"{value:.1e}"
    return text.replace("-", "−")
