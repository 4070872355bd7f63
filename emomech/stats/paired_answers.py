"""Right and wrong answers to the same texts under two treatments: exact shares of flips, and intervals of a rise.

Few texts change their answer, so that a bootstrap of the texts alone is too narrow: four texts that turn right and none
that turns wrong give an interval above zero, while an exact test does not (p = .125). Intervals of a rise are therefore
at least as wide as those of Agresti and Min (2005), and flips are judged by exact intervals (Clopper and Pearson,
1934), which is McNemar's test (1947) written as an interval.

Example:
    >>> from emomech.stats.paired_answers import share_beyond_half
    >>> print(share_beyond_half(4, 4))
    0.50 [−0.10, 0.50]
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np

from emomech.stats.estimates import Bools, Estimate, Floats, Ints, exact_interval, interval

Answers: TypeAlias = Bools | Floats
"""Whether each text is right (draw, text), or its score."""
LEAST_RIGHT = 6
"""Texts that have to turn right, with none that turns wrong, before an exact two-sided test reaches 5 %."""
_POWER = 0.8
_HALF = 0.5
"""Added to each of the four counts of a pair of treatments (Agresti and Min, 2005)."""


def share_beyond_half(hits: int, n: int) -> Estimate:
    """Share of hits less one half, with its exact 95 % interval; without examples every share is possible."""
    if not n:
        return Estimate(0.0, -0.5, 0.5, 0)
    share = exact_interval(hits, n)
    return Estimate(share.value - 0.5, share.low - 0.5, share.high - 0.5, n)


@lru_cache
def showable_rise(n_wrong: int, n: int) -> float:
    """Smallest rise of accuracy that an exact test shows with a chance of 80 %, if no text turns wrong.

    `n_wrong` of n texts are wrong to begin with, and each turns right with the same chance. NaN if they are too few.

    Example:
        >>> from emomech.stats.paired_answers import showable_rise
        >>> round(showable_rise(25, 280), 3), showable_rise(5, 280)
        (0.027, nan)
    """
    from scipy.stats import binom

    chances = np.linspace(0, 1, 1001)
    shown = np.asarray(binom.sf(LEAST_RIGHT - 1, n_wrong, chances)) >= _POWER
    return float(chances[shown].min()) * n_wrong / n if shown.any() else float("nan")


def balanced_rises(gold: Ints, first: Answers, second: Answers, weights: Floats | None = None) -> Floats:
    """Rise of balanced accuracy from the second to the first treatment (resample, draw).

    `gold` is the number of each text's label (text). Both say which texts are right (draw, text), one row for all draws
    or one for each; numbers instead of truth values are scores of single texts. `weights` is how often each text is
    drawn (resample, text); one row of ones by default.
    """
    change = first.astype(float) - second.astype(float)
    weights = np.ones((1, len(gold))) if weights is None else weights
    of_label = np.eye(int(gold.max()) + 1)[gold]
    n = weights @ of_label
    n_labels = np.maximum((n > 0).sum(1), 1)
    share = (of_label[:, None] * change.T[..., None]).reshape(len(gold), -1)
    sums = (weights @ share).reshape(len(weights), len(change), -1)
    return (sums / np.maximum(n, 1)[:, None]).sum(-1) / n_labels[:, None]


def rise(gold: Ints, first: Answers, second: Answers, weights: Floats, seed: int = 0) -> Estimate:
    """Mean rise of balanced accuracy over draws of the labelled texts, with its 95 % interval.

    Arguments are those of `balanced_rises`. Every resample takes one draw and draws the texts again, so the interval
    covers both, for a reader who has one set of labelled texts. It is at least as wide as that of Agresti and Min
    (2005), which allows for flips that these few texts do not show.

    Example:
        >>> import numpy as np
        >>> from emomech.stats.estimates import bootstrap_weights
        >>> from emomech.stats.paired_answers import rise
        >>> gold, weights = np.arange(200) % 2, bootstrap_weights([str(i) for i in range(200)], 500, 0)
        >>> before = np.arange(200) >= 60
        >>> print(rise(gold, (before | (np.arange(200) < 30))[None], before[None], weights))
        0.15 [0.10, 0.20]
    """
    value = float(np.round(balanced_rises(gold, first, second).mean(), 12))
    by_draw = np.round(balanced_rises(gold, first, second, weights), 12)
    drawn = np.random.default_rng(seed).integers(by_draw.shape[1], size=len(by_draw))
    found = interval(value, by_draw[np.arange(len(by_draw)), drawn], len(gold))
    reach = _least_reach(first, second)
    return Estimate(value, min(found.low, value - reach), max(found.high, value + reach), len(gold))


def _least_reach(first: Answers, second: Answers) -> float:
    """Half the width of the interval of Agresti and Min, from the mean counts over the draws."""
    change = first.astype(float) - second.astype(float)
    right, wrong = (float((change * sign > 0).sum(-1).mean()) + _HALF for sign in (1, -1))
    n_more = change.shape[-1] + 4 * _HALF
    return 1.96 * float(np.sqrt(right + wrong - (right - wrong) ** 2 / n_more)) / n_more
