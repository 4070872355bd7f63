"""Means over ordered pairs of sets, where each set occurs in many pairs: intervals over sets, not over pairs.

Pairs that share a source or a target are not independent. Leaving out one set, as source and as target, gives the
jackknife of dyadic data (Snijders and Borgatti, 1999); with few sets its interval is that of Student's t.

Example:
    >>> from emomech.stats.crossed_sets import mean_over_pairs
    >>> gains = {("a", "b"): 0.1, ("b", "a"): 0.12, ("a", "c"): 0.08, ("c", "a"): 0.1, ("b", "c"): 0.1, ("c", "b"): 0.1}
    >>> print(mean_over_pairs(gains))
    0.10 [0.05, 0.15]
"""

import math
from collections.abc import Mapping

import numpy as np

from emomech.stats.estimates import Estimate

LEAST_SETS = 3
"""Sets that an interval needs: without one of two sets there is no pair left."""


def mean_over_pairs(values: Mapping[tuple[str, str], float]) -> Estimate:
    """Mean over pairs (source, target), with the 95 % interval over sets; n is the number of pairs.

    The interval is NaN for fewer than `LEAST_SETS` sets, and everything is NaN without pairs.
    """
    if not values:
        return Estimate(math.nan, math.nan, math.nan, 0)
    from scipy.stats import t

    every, sets = np.array(list(values.values())), sorted({name for pair in values for name in pair})
    mean, n = float(every.mean()), len(sets)
    without = [[value for pair, value in values.items() if left_out not in pair] for left_out in sets]
    if n < LEAST_SETS or not all(without):
        return Estimate(mean, math.nan, math.nan, len(every))
    means = np.array([np.mean(kept) for kept in without])
    error = math.sqrt((n - 1) / n * float(((means - means.mean()) ** 2).sum()))
    reach = float(t.ppf(0.975, n - 1)) * error
    return Estimate(mean, mean - reach, mean + reach, len(every))
