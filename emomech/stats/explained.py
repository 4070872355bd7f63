"""What share of the features' variance a label explains: an estimate whose expectation does not depend on sample size.

A share of features beyond a threshold grows with the number of examples, because small effects pass it only in large
samples; so does the squared effect itself, to which noise adds. Here the effect of the labels on the ranks of every
feature is estimated twice, in two halves without a common example, and the two are multiplied. Their errors are
independent, so the product is on average the square of the effect at any sample size, and 0 where there is none. This
is the cross-validated distance of Walther et al. (2016), taken over features and divided by their variance. A single
study may show a value below 0.

Labels are compared only inside *strata*, such as the word that is read (see `selectivity`). The variance is that of all
ranks, so the share is small where the stratum decides most. In terms of AUROC: for one feature with two equally
frequent classes in one stratum, the share is 3 (AUROC − 0.5)², for a feature without ties.

Example:
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from emomech.stats.explained import contrasts, explained, split
    >>> from emomech.stats.ranks import Ranks
    >>> from emomech.stats.selectivity import Strata
    >>> labels = np.tile([0, 1], 40)
    >>> features = sp.csr_array(np.stack([labels * 1.0, np.arange(80) % 4 // 2], 1))  # the first one follows the label
    >>> strata, first = Strata.of(np.array(["happy"] * 80)), split(80, seed=0)
    >>> made = contrasts(labels[None], strata, first, np.ones((1, 80)))
    >>> explained(Ranks.of(features), made).round(1).tolist()
    [0.5]
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from emomech.stats.estimates import Bools, Floats, Ints
from emomech.stats.ranks import Ranks
from emomech.stats.selectivity import Strata

_BLOCK = 64
"""Resamples that are multiplied at once, which bounds the memory and does not change the result."""
_SINGULAR = 1e-9
"""Share of the largest eigenvalue below which a contrast of classes does not occur in a half."""


@dataclass(frozen=True)
class Contrasts:
    """Weights of the examples with which sums of ranks become effects of the label, in both halves."""

    factors: Floats
    """(resample, example, contrast)."""
    first: Bools
    """Whether an example is in the first half (example)."""


def split(n: int, seed: int) -> Bools:
    """Divide examples at random into two halves; say which are in the first one (example)."""
    return np.random.default_rng(seed).permutation(n) < n / 2


def contrasts(labels: Ints, strata: Strata, first: Bools, weights: Floats) -> Contrasts:
    """Prepare the labels for `explained`.

    `labels` are numbers of classes (resample or 1, example), `first` says which half an example belongs to (example),
    `weights` is how often it is drawn into each resample (resample or 1, example). A class that does not occur in one
    of the halves of a resample explains nothing there.
    """
    n_rows = max(len(labels), len(weights))
    group = strata.index * 2 + first
    parts = [
        _factors(labels[rows % len(labels)], group, first, weights[rows % len(weights)])
        for rows in np.array_split(np.arange(n_rows), -(-n_rows // _BLOCK))
    ]
    return Contrasts(np.concatenate(parts).astype(np.float32), first)


def explained(ranks: Ranks, made: Contrasts) -> Floats:
    """Share of the variance of all features' ranks that the labels explain (resample); 0 if no feature varies.

    The value of the full sample, and of every resample, is measured against the variance in the full sample.
    """
    n_rows, n, _ = made.factors.shape
    above = ranks.above.astype(np.float32)
    halves = [(above[:, at], made.factors[:, at]) for at in (np.flatnonzero(made.first), np.flatnonzero(~made.first))]
    variance = float((above.power(2).sum(1) / n - (above.sum(1) / n) ** 2).sum())
    if variance <= 0:
        return np.zeros(n_rows)
    totals = []
    for rows in np.array_split(np.arange(n_rows), -(-n_rows // _BLOCK)):
        a, b = (_sums(of_half, factors[rows]) for of_half, factors in halves)
        totals.append(np.einsum("frc,frc->r", a, b))
    return np.concatenate(totals).astype(float) / variance


def _sums(above: sp.csr_array, factors: Floats) -> Floats:
    """Multiply (feature, example) with (resample, example, contrast) to (feature, resample, contrast)."""
    n_rows, n, n_contrasts = factors.shape
    flat = np.ascontiguousarray(factors.transpose(1, 0, 2)).reshape(n, -1)
    return (above @ flat).reshape(-1, n_rows, n_contrasts)


def _factors(labels: Ints, group: Ints, first: Bools, weights: Floats) -> Floats:
    """Weights of the examples (resample, example, contrast); with them, products of sums are variances explained.

    In each half, effects are regression coefficients of the ranks on the classes, with the strata held constant. They
    are expressed in contrasts of which each counts as much as it varies in both halves together, per degree of freedom.
    """
    member = np.eye(int(labels.max()) + 1)[labels][:, :, :-1]
    centred = weights[:, :, None] * (member - _group_means(member, group, weights))
    scatter = [np.einsum("rnc,rnd->rcd", centred[:, at], member[:, at]) for at in (first, ~first)]
    freedom = np.maximum(np.maximum(_group_sizes(group, weights) - 1, 0).sum(0), 1)
    root = _power(scatter[0] + scatter[1], 0.5) / np.sqrt(freedom)[:, None, None]
    factors = np.empty_like(centred)
    for at, of_half in zip((first, ~first), scatter, strict=True):
        factors[:, at] = centred[:, at] @ (_power(of_half, -1) @ root)
    return factors


def _group_means(member: Floats, group: Ints, weights: Floats) -> Floats:
    """Weighted mean membership in the group of each example (resample, example, class)."""
    n_rows, n, n_classes = member.shape
    flat = (weights[:, :, None] * member).transpose(1, 0, 2).reshape(n, -1)
    sums = (_groups(group) @ flat).reshape(-1, n_rows, n_classes)
    return (sums / np.maximum(_group_sizes(group, weights), 1)[:, :, None])[group].transpose(1, 0, 2)


def _group_sizes(group: Ints, weights: Floats) -> Floats:
    """Summed weights of each group (group, resample)."""
    return _groups(group) @ weights.T


def _groups(group: Ints) -> sp.csr_array:
    """1 where an example belongs to a group (group, example)."""
    n = len(group)
    return sp.csr_array((np.ones(n), (group, np.arange(n))), shape=(int(group.max()) + 1, n))


def _power(matrix: Floats, exponent: float) -> Floats:
    """Power of symmetric matrices (resample, class, class); directions without variance stay 0."""
    values, vectors = np.linalg.eigh(matrix)
    kept = values > _SINGULAR * np.maximum(values.max(-1, keepdims=True), 1)
    powers = np.where(kept, np.where(kept, values, 1) ** exponent, 0)
    return (vectors * powers[:, None, :]) @ vectors.transpose(0, 2, 1)
