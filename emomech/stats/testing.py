"""Hypothesis tests and corrections for many of them: t, McNemar, permutation p values, Holm, false discovery rates."""

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from emomech.stats.estimates import Floats, Ints
from emomech.stats.selectivity import LEVEL

_NOTHING = 1e-6
"""Nats that are the rounding of float32."""


def mean_and_t(effect: Floats, gold: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Mean effect on each label's texts and Student's t of it (resample, label, feature).

    t is 0 for a mean of nothing, and very large where all effects are the same.
    """
    means, ts = [], []
    for label in range(int(gold.max()) + 1):
        drawn, x = weights[:, gold == label], effect[gold == label].astype(float)
        n = np.maximum(drawn.sum(1, keepdims=True), 2)
        mean = drawn @ x / n
        error = np.sqrt(np.maximum(drawn @ x**2 / n - mean**2, 0) / (n - 1))
        means.append(mean)
        ts.append(np.where(np.abs(mean) > _NOTHING, mean / np.maximum(error, _NOTHING), 0))
    return np.stack(means, 1), np.stack(ts, 1)


def significant_columns(t: Floats, n: Ints) -> float:
    """Give the least t (label, feature) that is a discovery at a rate of 5 % false ones; infinite where none is."""
    from scipy import stats

    if not t.size:
        return np.inf
    p = stats.t.sf(t, np.maximum(n - 1, 1)[:, None])
    passed = stats.false_discovery_control(p, axis=None).reshape(t.shape) <= LEVEL
    return float(t[passed].min()) if passed.any() else np.inf


def holm(p: Floats) -> Floats:
    """Correct p-values for their number (Holm, 1979); undefined ones count as no test."""
    found = np.full(len(p), np.nan)
    order = [int(i) for i in np.argsort(p) if np.isfinite(p[i])]
    worst = 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, float(p[i]) * (len(order) - rank)))
        found[i] = worst
    return found


def p_values(loss: Floats, clusters: Sequence[str]) -> Floats:
    """Two-sided p-value that a part's mean loss is zero (part), of losses (part, text): t-test over cluster means."""
    from scipy.stats import ttest_1samp

    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    means = (loss @ np.eye(len(names))[member]) / np.bincount(member)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):  # a loss that is the same in all texts
        found = ttest_1samp(means, 0, axis=1).pvalue
    return np.where(means.mean(1) == 0, 1.0, np.nan_to_num(found, nan=0.0))


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's correlation; undefined for fewer than five values, or where all are equal."""
    from scipy.stats import spearmanr

    if len(first) < 5 or min(np.ptp(first), np.ptp(second)) == 0:
        return float("nan")
    return float(np.asarray(spearmanr(first, second))[0])


def false_discovery_rates(differences: Sequence[Floats]) -> Floats:
    """Rate at which each difference would count among all, from its draws (draw); the first draw is the value itself.

    Its p-value is twice the share of draws on the rarer side of zero. Undefined (NaN) where the difference is.
    """
    from scipy.stats import false_discovery_control

    found = np.full(len(differences), np.nan)
    p = [two_sided(draws[1:]) for draws in differences]
    defined = np.isfinite([draws[0] for draws in differences])
    if defined.any():
        found[defined] = false_discovery_control(np.array(p)[defined])
    return found


def two_sided(draws: Floats) -> float:
    """p-value that a value is zero: twice the share of its draws on the rarer side, never below 2 / (draws + 1)."""
    usable = draws[np.isfinite(draws)]
    rarer = min(int((usable <= 0).sum()), int((usable >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (len(usable) + 1))


def mcnemar(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """Exact p-value of McNemar's test (1947) that as many examples were put right as wrong; 1 where none changed."""
    from scipy.stats import binomtest

    right, wrong = int((after & ~before).sum()), int((before & ~after).sum())
    return float(binomtest(right, right + wrong).pvalue) if right + wrong else 1.0
