"""Which features tell a class of texts from the rest: rank statistics of sparse features, and their null.

A feature is selective for a class when its activation ranks higher (or lower) on the class than chance allows.
The statistic is the Wilcoxon rank sum, standardised by its exact mean and variance under permutation, ties
included. Permutation may be confined to *strata*, here the token that is read: what the token alone explains
is then part of the null (van Elteren, 1960). The threshold is the 95 % point, over permutations, of the largest
statistic of any feature and class (Westfall and Young, 1993), so that a layer in which nothing is selective shows
a false feature in one of twenty studies.

Features are sparse and never negative: the rank of zero is taken as the origin, and then every sum here is a
product of sparse matrices whose cost is that of the non-zeros.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

LEVEL = 0.05
"""Chance that a layer without any selective feature shows one or more."""


@dataclass(frozen=True)
class RankScores:
    """Midranks of each feature over the examples, less the midrank of its zeros (example, feature), sparse."""

    scores: sp.csr_array
    zero_rank: Floats
    """Midrank of the zeros of each feature (feature)."""

    @classmethod
    def of(cls, features: sp.csr_array) -> "RankScores":
        """Rank non-negative features (example, feature) from their non-zeros alone."""
        n_examples, n_features = features.shape
        entries = features.tocsc()
        column = np.repeat(np.arange(n_features), np.diff(entries.indptr))
        order = np.lexsort((entries.data, column))
        value, row, column = entries.data[order], entries.indices[order], column[order]
        fresh = np.ones(len(value), dtype=bool)
        fresh[1:] = (value[1:] != value[:-1]) | (column[1:] != column[:-1])
        tie = np.cumsum(fresh) - 1
        size = np.bincount(tie)
        first = np.flatnonzero(fresh)
        zeros = n_examples - np.diff(entries.indptr)
        within = first - entries.indptr[column[first]]
        midrank = zeros[column[first]] + within + (size + 1) / 2
        zero_rank = (zeros + 1) / 2
        score = midrank[tie] - zero_rank[column]
        return cls(sp.csr_array((score, (row, column)), shape=features.shape), zero_rank)

    def auroc(self, member: Floats) -> Floats:
        """Area under the ROC curve of every feature for every class (class, feature), from membership (example, class)."""
        positives = member.sum(0)[:, None]
        rank_sum = member.T @ self.scores + positives * self.zero_rank
        with np.errstate(invalid="ignore", divide="ignore"):
            return (rank_sum - positives * (positives + 1) / 2) / (positives * (len(member) - positives))


@dataclass(frozen=True)
class Strata:
    """Moments of the rank scores within each stratum; classes are compared only inside strata."""

    onehot: sp.csr_array
    """(stratum, example)."""

    @classmethod
    def of(cls, names: NDArray[np.str_]) -> "Strata":
        """Group examples by name."""
        found, index = np.unique(names, return_inverse=True)
        entries = (np.ones(len(names)), (index, np.arange(len(names))))
        return cls(sp.csr_array(entries, shape=(len(found), len(names))))

    def standardise(self, ranks: RankScores, member: Floats, weights: Floats | None = None) -> Floats:
        """Rank sums in standard deviations of the permutation null (class, feature).

        `member` is (example, class), 0 or 1; `weights` (example) says how often each example was drawn into a
        resample. An example drawn twice is permuted as one, so the statistic keeps unit variance under the
        null; it is smaller than in the full sample, as a resample holds fewer independent examples. Zero where
        a feature or a class does not vary inside any stratum.
        """
        weights = np.ones(member.shape[0]) if weights is None else weights
        null_mean, null_sd = self.null_moments(ranks, member, weights)
        observed = (member * weights[:, None]).T @ ranks.scores
        return np.where(null_sd > 1e-9, (observed - null_mean) / np.where(null_sd > 1e-9, null_sd, 1), 0)

    def null_moments(self, ranks: RankScores, member: Floats, weights: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the rank sums when labels are shuffled inside strata (class, feature)."""
        weighted = self.onehot.multiply(weights).tocsr()
        size = np.maximum(weighted.sum(1), 1e-12)[:, None]
        share = (weighted @ member) / size
        total = (weighted @ ranks.scores).toarray()
        mean = total / size
        twice = weighted.multiply(weights).tocsr()
        squares = (twice @ ranks.scores.power(2)).toarray()
        if (weights != 1).any():
            total = (twice @ ranks.scores).toarray()
        deviation = np.maximum(squares - 2 * mean * total + mean**2 * twice.sum(1)[:, None], 0)
        spread = share * (1 - share) * size / np.maximum(size - 1, 1)
        return (share * size).T @ mean, np.sqrt(spread.T @ deviation)

    def permute(self, labels: Ints, n: int, seed: int) -> Ints:
        """Shuffle labels inside each stratum, `n` times (permutation, example)."""
        rng = np.random.default_rng(seed)
        stratum = self.onehot.tocsc().indices
        home = np.argsort(stratum, kind="stable")
        shuffled = np.empty((n, len(labels)), dtype=labels.dtype)
        for row in shuffled:
            drawn = np.lexsort((rng.random(len(labels)), stratum))
            row[home] = labels[drawn]
        return shuffled


def threshold(ranks: RankScores, labels: Ints, strata: Strata, n_permutations: int, seed: int) -> float:
    """The statistic that the largest of all features and classes exceeds in 5 % of permutations of the labels."""
    n_classes = int(labels.max()) + 1
    ones = np.ones(len(labels))
    null_mean, null_sd = strata.null_moments(ranks, onehot(labels, n_classes), ones)
    scale = np.where(null_sd > 1e-9, 1 / np.where(null_sd > 1e-9, null_sd, 1), 0)
    largest = []
    for shuffled in strata.permute(labels, n_permutations, seed):
        observed = onehot(shuffled, n_classes).T @ ranks.scores
        largest.append(np.abs((observed - null_mean) * scale).max())
    return float(np.quantile(largest, 1 - LEVEL))


def onehot(labels: Ints, n_classes: int) -> Floats:
    """Membership of each example in each class (example, class)."""
    return np.eye(n_classes)[labels]
