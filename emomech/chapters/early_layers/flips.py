"""Intervals of what an edit costs, which hold for rare flips as well.

An edit turns some right answers wrong and some wrong ones right. If neither happens among n texts, the bootstrap gives
an interval of no width, while up to 3 in n texts may still flip (rule of three; Hanley and Lippman-Hand, 1983). So each
share of flips gets the exact interval of Clopper and Pearson (1934), and their difference the interval that combines
the two (square-and-add; Newcombe, 1998, *Statistics in Medicine* 17:2635; Zou and Donner, 2008, 27:1693).

A mean over several edits is taken per text first: the same texts asked again are no further texts. A text then flips in
part; the interval treats the sum of the parts as a number of flips, which is wider than needed, because no variable
between 0 and 1 with the same mean varies more than one that is 0 or 1. Texts of one cluster count as one, too.

Example:
    >>> import numpy as np
    >>> from emomech.chapters.early_layers.flips import mean_flips
    >>> print(mean_flips(np.zeros(56), [str(i) for i in range(56)]))
    0.00 [−0.06, 0.06]
"""

from collections.abc import Sequence

import numpy as np

from emomech.stats.estimates import Estimate, Floats
from emomech.stats.testing import LEVEL


def share_interval(hits: float, n: int) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson, 1934); `hits` of n may be a sum of parts.

    Example:
        >>> from emomech.chapters.early_layers.flips import share_interval
        >>> [round(end, 3) for end in share_interval(2, 20)]
        [0.012, 0.317]
    """
    from scipy.special import betaincinv

    low = float(betaincinv(hits, n - hits + 1, LEVEL / 2)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - LEVEL / 2)) if hits < n else 1.0
    return low, high


def mean_flips(lost: Floats, clusters: Sequence[str]) -> Estimate:
    """Mean of what texts lose (text), each between -1 and 1, with its interval. Undefined without texts."""
    if not len(lost):
        return Estimate(np.nan, np.nan, np.nan, 0)
    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    size = np.bincount(member)
    n = len(size)
    worse, better = (np.bincount(member, np.maximum(sign * lost, 0)) / size for sign in (1, -1))
    counts = [float((share * size).sum() / size.sum()) * n for share in (worse, better)]
    return difference(*(Estimate(hits / n, *share_interval(hits, n), len(lost)) for hits in counts))


def difference(first: Estimate, second: Estimate) -> Estimate:
    """Difference of two estimates with the interval that combines theirs (Zou and Donner, 2008)."""
    value = first.value - second.value
    below = np.hypot(first.value - first.low, second.high - second.value)
    above = np.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, float(value - below), float(value + above), first.n)


def rise_of_loss(before: Floats, after: Floats) -> Estimate:
    """Relative rise of a sum over texts (text), with Student's t interval of the linearised ratio.

    Undefined for fewer than two texts.
    """
    from scipy.stats import t

    n = len(before)
    if n < 2:
        return Estimate(np.nan, np.nan, np.nan, n)
    ratio = after.sum() / before.sum()
    residual = (after - ratio * before) / before.mean()
    reach = float(t.isf(LEVEL / 2, n - 1) * residual.std(ddof=1) / np.sqrt(n))
    return Estimate(float(ratio - 1), float(ratio - 1 - reach), float(ratio - 1 + reach), n)
