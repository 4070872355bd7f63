"""Which features tell the classes of a label family apart: standardised rank sums and their permutation null.

A feature is selective when its activation ranks higher (or lower) on some class than chance allows. The
statistic is the Wilcoxon rank sum in standard deviations of its exact permutation distribution, ties
included. Labels are permuted only inside *strata*, here the word that is read, so that what the word alone
explains is part of the null (van Elteren, 1960). A layer's threshold is the 95 % point, over permutations, of the
largest statistic of any feature and class (Westfall and Young, 1993): a layer in which nothing is selective
shows one false feature or more in one of twenty studies.

With ranks r and membership m, both less their mean inside the stratum, the statistic is sum(m r) / sqrt(sum(v r²)),
v being the variance of m under permutation. All features, classes and permutations are one matrix product.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

LEVEL = 0.05
"""Chance that a layer without any selective feature shows one or more."""

_BLOCK = 64
"""Permutations or resamples that are multiplied at once; bounds the memory, not the result."""


def rank(features: sp.csr_array) -> Floats:
    """Midranks over the examples of the features that fire at all (example, active feature), float32.

    Features are sparse and never negative, so only the non-zeros are sorted; zeros share the lowest midrank.
    """
    entries = features.tocsc()
    column = np.repeat(np.arange(features.shape[1]), np.diff(entries.indptr))
    order = np.lexsort((entries.data, column))
    value, row, column = _rounded(entries.data[order]), entries.indices[order], column[order]
    fresh = np.ones(len(value), dtype=bool)
    fresh[1:] = (value[1:] != value[:-1]) | (column[1:] != column[:-1])
    tie = np.cumsum(fresh) - 1
    first = np.flatnonzero(fresh)
    n_zero = features.shape[0] - np.diff(entries.indptr)
    midrank = n_zero[column[first]] + (first - entries.indptr[column[first]]) + (np.bincount(tie) + 1) / 2
    active, position = np.unique(column, return_inverse=True)
    ranks = np.tile(((n_zero[active] + 1) / 2).astype(np.float32), (features.shape[0], 1))
    ranks[row, position] = midrank[tie]
    return ranks


def _rounded(values: Floats) -> Floats:
    """Make equal what differs by the rounding of float32 only, so that it ties."""
    return np.round(values / values.max(initial=1e-12), 5)


@dataclass(frozen=True)
class Strata:
    """Which examples may exchange their labels: those of one stratum."""

    index: Ints
    """Number of each example's stratum (example)."""

    @classmethod
    def of(cls, names: NDArray[np.str_]) -> "Strata":
        """Group examples by name."""
        return cls(np.unique(names, return_inverse=True)[1])

    def centre(self, values: Floats) -> Floats:
        """Subtract from each example the mean of its stratum (example, …)."""
        return values - self._mean(values)

    def _mean(self, values: Floats) -> Floats:
        n_strata = int(self.index.max()) + 1
        member = sp.csr_array((np.ones(len(self.index)), (self.index, np.arange(len(self.index)))))
        size = np.bincount(self.index, minlength=n_strata)[:, None]
        return ((member @ values) / size)[self.index].astype(values.dtype)

    def variance(self, member: Floats) -> Floats:
        """Variance of each example's membership under permutation inside its stratum (example, class)."""
        size = np.bincount(self.index)[self.index][:, None]
        share = self._mean(member)
        return share * (1 - share) * size / np.maximum(size - 1, 1)

    def permute(self, labels: Ints, n: int, seed: int) -> Ints:
        """Shuffle labels inside each stratum, `n` times (permutation, example)."""
        rng = np.random.default_rng(seed)
        home = np.argsort(self.index, kind="stable")
        shuffled = np.empty((n, len(labels)), dtype=labels.dtype)
        for row in shuffled:
            row[home] = labels[np.lexsort((rng.random(len(labels)), self.index))]
        return shuffled


@dataclass(frozen=True)
class Null:
    """What the statistic is when labels are exchanged."""

    largest: Floats
    """Size of the largest statistic of any class (permutation, active feature)."""

    @property
    def threshold(self) -> float:
        """The size that the largest of all features exceeds in 5 % of permutations."""
        return float(np.quantile(self.largest.max(1, initial=0), 1 - LEVEL))

    def n_selective(self) -> Ints:
        """Count the features beyond the threshold (permutation)."""
        return (self.largest > self.threshold).sum(1)


@dataclass(frozen=True)
class Selectivity:
    """All that the statistic needs of one layer's features and one family's labels."""

    ranks: Floats
    """Midranks less their stratum's mean (example, active feature)."""
    labels: Ints
    strata: Strata

    @classmethod
    def of(cls, features: sp.csr_array, labels: Ints, strata: Strata) -> "Selectivity":
        """Rank the features (example, feature) and centre them inside the strata."""
        return cls(strata.centre(rank(features)), labels, strata)

    @property
    def n_active(self) -> int:
        """How many features fire on any example."""
        return self.ranks.shape[1]

    def statistic(self, weights: Floats | None = None) -> Floats:
        """Standardised rank sums (resample, class, active feature).

        `weights` (resample, example) says how often each example was drawn into each resample; half of the examples
        are a study half as large, a bootstrap draw is one as large as the full sample. Ranks and stratum means
        stay those of the full sample. Zero where a feature or class does not vary in any stratum.
        """
        member = _onehot(self.labels)
        weights = np.ones((1, len(self.labels)), dtype=np.float32) if weights is None else weights.astype(np.float32)
        centred, variance = self.strata.centre(member), self.strata.variance(member)
        squares = self.ranks**2
        parts = []
        for w in np.array_split(weights, max(1, len(weights) // _BLOCK)):
            total = _products(w[:, :, None] * centred, self.ranks)
            null_sd = np.sqrt(_products(w[:, :, None] * variance, squares))
            parts.append(np.where(null_sd > 1e-6, total / np.maximum(null_sd, 1e-6), 0))
        return np.concatenate(parts)

    def null(self, n_permutations: int, seed: int) -> "Null":
        """Permute the labels inside the strata. The same labels are permuted alike, whatever the features."""
        variance = self.strata.variance(_onehot(self.labels))
        null_sd = np.sqrt(variance.T @ self.ranks**2)
        scale = np.where(null_sd > 1e-6, 1 / np.maximum(null_sd, 1e-6), 0)
        shuffled = self.strata.permute(self.labels, n_permutations, seed)
        largest = []
        for block in np.array_split(shuffled, max(1, n_permutations // _BLOCK)):
            total = _products(np.eye(len(null_sd), dtype=np.float32)[block], self.ranks)
            largest.append(np.abs(total * scale).max(1))
        return Null(np.concatenate(largest))

    def n_selective(self, threshold: float, weights: Floats | None = None) -> Ints:
        """Count the features whose largest statistic of any class exceeds the threshold (resample)."""
        return (np.abs(self.statistic(weights)).max(1, initial=0) > threshold).sum(-1)


def _onehot(labels: Ints) -> Floats:
    return np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]


def _products(left: Floats, ranks: Floats) -> Floats:
    """Multiply (resample, example, class) with (example, feature) to (resample, class, feature)."""
    n_resamples, n_examples, n_classes = left.shape
    flat = left.transpose(0, 2, 1).reshape(-1, n_examples)
    return (flat @ ranks).reshape(n_resamples, n_classes, -1)
