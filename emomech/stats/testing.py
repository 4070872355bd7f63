"""Hypothesis tests, corrections for many of them, and permutations of labels.

Many tests find something by chance: of 20 true null hypotheses, one is rejected at a level of 5 %. So the p-values of a
family of tests are corrected together, for the chance of any error (Holm, 1979) or for the share of errors among the
discoveries (Benjamini and Hochberg, 1995).

Example:
    >>> import numpy as np
    >>> from emomech.stats.testing import FALSE_DISCOVERIES, benjamini_hochberg, t_test
    >>> loss = np.random.default_rng(0).normal([0, 0, 2], 1, (30, 3))  # (text, feature)
    >>> (benjamini_hochberg(t_test(loss)) <= FALSE_DISCOVERIES).tolist()
    [False, False, True]
"""

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emomech.stats.estimates import Floats, Ints

LEVEL = 0.05
"""Significance level: the chance that a true null hypothesis is rejected."""
FALSE_DISCOVERIES = 0.05
"""False discovery rate: the expected share of true null hypotheses among those that are rejected."""
_NOTHING = 1e-6
"""A mean below this, in nats, is a rounding error of float32."""


def permuted(labels: Ints, rng: np.random.Generator) -> Ints:
    """Exchange labels among all examples (example); each label keeps its number of examples."""
    return rng.permutation(labels)


def deranged(labels: Ints, n_labels: int, rng: np.random.Generator) -> Ints:
    """Replace every label by another one (example), each of the others equally often.

    A plain permutation leaves some examples with their own label, so that part of its effect would remain.
    """
    deranged_labels = labels.copy()
    for label in range(n_labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        deranged_labels[rows] = (label + 1 + np.arange(len(rows)) % (n_labels - 1)) % n_labels
    return deranged_labels


def permuted_within(labels: Ints, strata: Ints, rng: np.random.Generator, n: int) -> Ints:
    """Exchange labels only inside each stratum, `n` times (permutation, example).

    `strata` is the number of each example's stratum (example).
    """
    order = rng.random((n, len(labels)))
    grouped = np.argsort(strata, kind="stable")
    permutations = np.empty((n, len(labels)), dtype=labels.dtype)
    permutations[:, grouped] = labels[np.argsort(strata + order, axis=1)]
    return permutations


def t_test(values: Floats, axis: int = 0, alternative: Literal["two-sided", "greater"] = "two-sided") -> Floats:
    """p-value of Student's t-test that the mean along an axis is 0.

    It is 1 if the mean is exactly 0. If all values are equal and not 0, it is 0 (1 for negative values and "greater").
    """
    from scipy.stats import ttest_1samp

    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):  # equal values have no error
        p = np.asarray(ttest_1samp(values, 0, axis=axis, alternative=alternative).pvalue)
    return np.where(values.mean(axis) == 0, 1.0, p)


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjust p-values (test) for their number, so that those up to q have a false discovery rate of q at most.

    Benjamini and Hochberg (1995). An undefined p-value (NaN) stays undefined and counts as no test.
    """
    from scipy.stats import false_discovery_control

    rates = np.full(len(p), np.nan)
    defined = ~np.isnan(p)
    if defined.any():
        rates[defined] = false_discovery_control(p[defined])
    return rates


def mean_and_t(effect: Floats, gold: Ints, weights: Floats) -> tuple[Floats, Floats]:
    """Mean effect on the texts of each label, and Student's t of that mean (both: resample, label, feature).

    `effect` is (text, feature), in nats; `gold` is the number of each text's label (text); `weights` is how often each
    text is drawn (resample, text). t is 0 if the mean is 0 up to rounding, and very large if all effects are equal.
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


def discovery_threshold(t: Floats, n: Ints) -> float:
    """Smallest t (label, feature) that is a discovery at the rate `FALSE_DISCOVERIES`; infinite if none is.

    The test is one-sided: a discovery has a large t. `n` is the number of texts of each label (label).
    """
    from scipy import stats

    if not t.size:
        return np.inf
    p = np.asarray(stats.t.sf(t, np.maximum(n - 1, 1)[:, None]))
    passed = benjamini_hochberg(p.ravel()).reshape(t.shape) <= FALSE_DISCOVERIES
    return float(t[passed].min()) if passed.any() else np.inf


def holm(p: Floats) -> Floats:
    """Adjust p-values (test) for their number, so that the chance of any false rejection is at most the level.

    Holm (1979). An undefined p-value (NaN) stays undefined and counts as no test.

    Example:
        >>> import numpy as np
        >>> from emomech.stats.testing import holm
        >>> holm(np.array([0.01, np.nan, 0.04])).tolist()
        [0.02, nan, 0.04]
    """
    adjusted_p = np.full(len(p), np.nan)
    order = [int(i) for i in np.argsort(p) if np.isfinite(p[i])]
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, float(p[i]) * (len(order) - rank)))
        adjusted_p[i] = largest
    return adjusted_p


def p_values(loss: Floats, clusters: Sequence[str]) -> Floats:
    """Two-sided p-value that the mean loss of each part is 0 (part), from losses (part, text).

    A t-test over the means of clusters, because texts of one cluster are not independent.
    """
    names, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    means = (loss @ np.eye(len(names))[cluster]) / np.bincount(cluster)
    return np.nan_to_num(t_test(means, axis=1), nan=0.0)


def rank_correlation(first: Floats, second: Floats) -> float:
    """Spearman's rank correlation; NaN for fewer than five values, or if all values of one side are equal."""
    from scipy.stats import spearmanr

    if len(first) < 5 or min(np.ptp(first), np.ptp(second)) == 0:
        return float("nan")
    return float(np.asarray(spearmanr(first, second))[0])


def false_discovery_rates(differences: Sequence[Floats]) -> Floats:
    """Smallest false discovery rate at which each difference is a discovery (difference).

    Each difference comes as draws (draw): first the value itself, then its resamples, which give its p-value (see
    `two_sided`). NaN for an undefined difference.
    """
    p = [two_sided(draws[1:]) if np.isfinite(draws[0]) else np.nan for draws in differences]
    return benjamini_hochberg(np.array(p, dtype=float))


def two_sided(draws: Floats) -> float:
    """Two-sided p-value that a value is 0, from its resamples (draw).

    Twice the share of draws on the rarer side of 0, and at least 2 / (draws + 1). Undefined draws (NaN) are left out.
    """
    usable = draws[np.isfinite(draws)]
    rarer = min(int((usable <= 0).sum()), int((usable >= 0).sum()))
    return min(1.0, 2 * (rarer + 1) / (len(usable) + 1))


def mcnemar(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    """Exact two-sided p-value of McNemar's test (1947); 1 if no example changed.

    `before` and `after` say which examples are right (example). The null hypothesis: an example that changes becomes
    right as often as wrong.
    """
    from scipy.stats import binomtest

    right, wrong = int((after & ~before).sum()), int((before & ~after).sum())
    return float(binomtest(right, right + wrong).pvalue) if right + wrong else 1.0
