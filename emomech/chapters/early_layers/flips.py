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
from dataclasses import replace

import numpy as np

from emomech.stats.estimates import Estimate, Floats, exact_interval, t_interval


def mean_flips(lost: Floats, clusters: Sequence[str]) -> Estimate:
    """Mean of what texts lose (text), each between -1 and 1, with its interval. Undefined without texts."""
    if not len(lost):
        return Estimate(np.nan, np.nan, np.nan, 0)
    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    size = np.bincount(member)
    n = len(size)
    worse, better = (np.bincount(member, np.maximum(sign * lost, 0)) / size for sign in (1, -1))
    counts = [float((share * size).sum() / size.sum()) * n for share in (worse, better)]
    return replace(difference(*(exact_interval(hits, n) for hits in counts)), n=len(lost))


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
    if len(before) < 2:
        return Estimate(np.nan, np.nan, np.nan, len(before))
    ratio = after.sum() / before.sum()
    rises = ratio - 1 + (after - ratio * before) / before.mean()  # the mean of these is the rise
    return t_interval(rises)
