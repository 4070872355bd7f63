"""Values with 95 % intervals, from resamples or draws, and how they are written.

Intervals come from the bootstrap over clusters (Efron and Tibshirani, 1993): whole clusters are drawn with replacement,
so that texts of one cluster never count as independent. A resample is a row of weights, how often each example is
drawn, so every statistic here is one matrix product over all resamples. With few clusters the interval is too narrow.

Example:
    >>> import numpy as np
    >>> from emomech.stats.estimates import bootstrap_weights, mean_estimate
    >>> loss, clusters = np.array([0.2, 0.4, 0.3, 0.5]), ["story 1", "story 1", "story 2", "story 3"]
    >>> print(mean_estimate(loss, bootstrap_weights(clusters, n_resamples=1000, seed=0)))
    0.35 [0.30, 0.50]
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emomech.core.errors import EmomechError

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]
Kind = Literal["percentile", "posterior", "normal"]
"""How an interval is made from draws; see `from_draws`."""


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval.

    Example:
        >>> from emomech.stats.estimates import Estimate
        >>> loss = Estimate(value=0.31, low=0.12, high=0.55, n=40)
        >>> str(loss), loss.excludes(0)
        ('0.31 [0.12, 0.55]', True)
    """

    value: float
    low: float
    high: float
    n: int
    """Examples that the value is measured on."""

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
    """Write a number with fixed decimals; one that would round to 0 gets one significant digit instead."""
    text = f"{value:,.{digits}f}"
    if value and not float(text.replace(",", "")):
        text = f"{value:.1g}"
    return text.replace("-", "−")


def interval(value: float, resampled: Floats, n: int) -> Estimate:
    """Percentile interval: the 2.5 and 97.5 % points of the bootstrap replicates (draw).

    Undefined replicates (NaN) are left out; if half of them or more are undefined, so is the interval.
    """
    usable = resampled[np.isfinite(resampled)]
    if len(usable) <= len(resampled) / 2:
        return Estimate(value, float("nan"), float("nan"), n)
    low, high = np.quantile(usable, [0.025, 0.975])
    return Estimate(float(value), float(low), float(high), n)


def posterior_interval(value: float, drawn: Floats, n: int) -> Estimate:
    """Percentile interval of draws from the value's posterior (draw), widened to hold the value.

    Widening matters at the ends of the scale: no draw reaches a recall of 1.
    """
    estimate = interval(value, drawn, n)
    return Estimate(estimate.value, min(estimate.low, value), max(estimate.high, value), n)


def standard_interval(value: float, resampled: Floats, n: int, bounds: tuple[float, float]) -> Estimate:
    """Normal interval: 1.96 standard deviations of the replicates (draw) to either side of the value.

    For counts of values above a threshold. Resampling adds noise, which lifts values just below the threshold, so the
    replicates have the right spread but the wrong centre (Efron and Tibshirani, 1993, chapter 13). The ends are
    clipped to `bounds`, the range of the value. Undefined replicates are treated as in `interval`.
    """
    usable = resampled[np.isfinite(resampled)]
    if not np.isfinite(value) or len(usable) <= len(resampled) / 2:
        return Estimate(float(value), float("nan"), float("nan"), n)
    reach = 1.96 * float(usable.std())
    return Estimate(float(value), max(bounds[0], value - reach), min(bounds[1], value + reach), n)


def wilson_interval(hits: int, n: int) -> Estimate:
    """Share of hits among n examples with its 95 % interval (Wilson, 1927), which is valid at 0 and 1 too.

    Example:
        >>> from emomech.stats.estimates import wilson_interval
        >>> print(wilson_interval(hits=9, n=10))
        0.90 [0.60, 0.98]
    """
    from scipy.stats import binomtest

    ends = binomtest(hits, n).proportion_ci(method="wilson")
    return Estimate(hits / n, float(ends.low), float(ends.high), n)


def exact_interval(hits: float, n: int) -> Estimate:
    """Share of hits among n examples with its exact 95 % interval (Clopper and Pearson, 1934).

    `hits` may be a sum of parts. Raises ValueError for less than one example.

    Example:
        >>> from emomech.stats.estimates import exact_interval
        >>> print(exact_interval(hits=2, n=20))
        0.10 [0.01, 0.32]
    """
    from scipy.special import betaincinv

    if n < 1:
        raise ValueError(f"n {n}: expected at least one example.")
    low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
    return Estimate(hits / n, low, high, n)


def t_interval(values: Floats) -> Estimate:
    """Mean of independent values (example) with the 95 % interval of Student's t; none for fewer than two values.

    It holds its level for few values that are about normal, such as three seeds, where a bootstrap is too narrow.

    Example:
        >>> import numpy as np
        >>> from emomech.stats.estimates import t_interval
        >>> print(t_interval(np.array([1.0, 2.0, 3.0])))
        2.00 [−0.48, 4.48]
    """
    from scipy.stats import t

    n = len(values)
    mean = float(np.mean(values)) if n else math.nan
    if n < 2:
        return Estimate(mean, math.nan, math.nan, n)
    reach = float(t.ppf(0.975, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - reach, mean + reach, n)


def covering(estimate: Estimate, others: Iterable[Estimate]) -> Estimate:
    """The estimate with the smallest interval that covers its own and the others; undefined if one of them is.

    Example:
        >>> from emomech.stats.estimates import Estimate, covering
        >>> print(covering(Estimate(2, 1, 3, 40), [Estimate(1, 0, 2, 40)]))
        2.00 [0.00, 3.00]
    """
    every = [estimate, *others]
    lows, highs = [e.low for e in every], [e.high for e in every]
    if not all(map(math.isfinite, lows + highs)):
        return Estimate(estimate.value, math.nan, math.nan, estimate.n)
    return Estimate(estimate.value, min(lows), max(highs), estimate.n)


def bootstrap_weights(clusters: Sequence[str], n_resamples: int, seed: int) -> Floats:
    """Draw clusters with replacement; return how often each example is drawn (resample, example).

    `clusters` names the cluster of each example.
    """
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    return drawn[:, member].astype(float)


def with_resamples(clusters: Sequence[str], n_resamples: int, seed: int) -> Floats:
    """Weights of the sample itself, all 1, above those of `bootstrap_weights` (1 + resample, example).

    A statistic of these weights is an array of draws, as `from_draws` takes it.
    """
    return np.concatenate([np.ones((1, len(clusters))), bootstrap_weights(clusters, n_resamples, seed)])


def from_draws(
    draws: Floats, n: int, kind: Kind = "percentile", bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Estimate:
    """Make an estimate from draws: the first is the value itself, the others are its resamples.

    `kind` says how the interval is made:
    - "percentile": `interval`, the 2.5 and 97.5 % points.
    - "posterior": `posterior_interval`, the same points, widened to hold the value. Undefined if the value is.
    - "normal": `standard_interval`, 1.96 standard deviations to either side, inside `bounds`.
    """
    value, resampled = float(draws[0]), draws[1:]
    if kind == "normal":
        return standard_interval(value, resampled, n, bounds)
    if kind == "percentile":
        return interval(value, resampled, n)
    if not math.isfinite(value):
        return Estimate(math.nan, math.nan, math.nan, n)
    return posterior_interval(value, resampled, n)


def mean_estimate(values: Floats, weights: Floats) -> Estimate:
    """Mean over examples (example) with its bootstrap interval; `weights` come from `bootstrap_weights`."""
    return ratio_estimate(values, np.ones_like(values), weights)


def ratio_estimate(top: Floats, bottom: Floats, weights: Floats) -> Estimate:
    """Ratio of two sums over examples (example) with its bootstrap interval; NaN if the denominator is 0.

    `weights` come from `bootstrap_weights` (resample, example).
    """
    value = float(ratio(top.sum(), bottom.sum()))
    return interval(value, ratio(weights @ top, weights @ bottom), len(top))


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Divide element by element; NaN for a denominator that is not positive."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(bottom > 0, top / bottom, np.nan)


def number_text(value: object) -> str:
    """Write a value as prose quotes it: an estimate with its interval, a number to two or three significant digits.

    Raises EmomechError for a value that is neither estimate, number nor text.

    Example:
        >>> from emomech.stats.estimates import number_text
        >>> number_text(1234), number_text(0.0431)
        ('1,234', '0.043')
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Estimate):
        return str(value).replace(" ", "\u00a0")  # keeps an interval on one line
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
