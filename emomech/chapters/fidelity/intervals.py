"""Intervals of the differences between two kinds of units on the same texts.

Both are exact sums over texts with the quantiles of Student's t, so that they hold their level for rare values as well.

Example:
    >>> import numpy as np
    >>> from emomech.chapters.fidelity.intervals import auroc_lead, mean_of
    >>> rng = np.random.default_rng(0)
    >>> member = np.arange(200) < 40
    >>> good, poor = member + rng.normal(0, 0.5, 200), member + rng.normal(0, 2, 200)
    >>> auroc_lead(good, poor, member).low > 0.1, str(mean_of(np.array([1.0, 2.0, 3.0])))
    (True, '2.00 [−0.48, 4.48]')
"""

import numpy as np
from scipy.stats import t

from emomech.stats.auroc import Bools, concordance
from emomech.stats.estimates import Estimate, Floats


def auroc_lead(first: Floats, second: Floats, member: Bools) -> Estimate:
    """AUROC of the first score minus that of the second on the same texts, with its 95 % interval (all: text).

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988, Biometrics 44).
    """
    gain = concordance(first, member) - concordance(second, member)
    inside, outside = gain.shape
    variance = gain.mean(1).var(ddof=1) / inside + gain.mean(0).var(ddof=1) / outside
    return _around(float(gain.mean()), float(np.sqrt(variance)), inside, min(inside, outside))


def mean_of(values: Floats) -> Estimate:
    """Mean of values (text), one text per cluster, with its 95 % interval; undefined for fewer than two texts."""
    n = len(values)
    if n < 2:
        return Estimate(float(values.mean()) if n else np.nan, np.nan, np.nan, n)
    return _around(float(values.mean()), float(values.std(ddof=1) / np.sqrt(n)), n, n)


def _around(value: float, error: float, n: int, smallest: int) -> Estimate:
    reach = float(t.ppf(0.975, max(1, smallest - 1))) * error
    return Estimate(value, value - reach, value + reach, n)
