"""Which features tell the classes of a label family apart: standardised rank sums and their permutation null.

A feature is selective when its activation ranks higher (or lower) on some class than chance allows. The
statistic is the Wilcoxon rank sum in standard deviations of its exact permutation distribution, ties
included. Labels are permuted only inside *strata*, here the word that is read, so that what the word alone
explains is part of the null (van Elteren, 1960). A layer's threshold is the 95 % point, over permutations, of the
largest statistic of any feature and class (Westfall and Young, 1993): a layer in which nothing is selective
shows one false feature or more in one of twenty studies.

With ranks r and membership m, both less their mean inside the stratum, the statistic is sum(m r) / sqrt(sum(v r²)),
v being the variance of m under permutation. What a rank is above that of a zero (see `ranks`) is sparse, and less its
stratum's mean it is the rank less its own; so all features, classes and permutations are a few sparse products.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from emomech.stats.ranks import Floats, Ints, Ranks

LEVEL = 0.05
"""Chance that a layer without any selective feature shows one or more."""
_ROUNDING = 1e-10
"""Share of a sum of squares that is left by rounding where centred ranks are zero."""
_BLOCK = 64
"""Permutations or resamples that are multiplied at once; bounds the memory, not the result."""


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

    @property
    def size(self) -> Ints:
        """Examples of each stratum (stratum)."""
        return np.bincount(self.index)

    @property
    def member(self) -> sp.csr_array:
        """One where an example is of a stratum (stratum, example)."""
        n = len(self.index)
        return sp.csr_array((np.ones(n), (self.index, np.arange(n))), shape=(len(self.size), n))

    def _mean(self, values: Floats) -> Floats:
        return ((self.member @ values) / self.size[:, None])[self.index].astype(values.dtype)

    def variance(self, member: Floats) -> Floats:
        """Variance of each example's membership under permutation inside its stratum (example, class)."""
        size = self.size[self.index][:, None]
        share = self._mean(member)
        return share * (1 - share) * size / np.maximum(size - 1, 1)

    def permute(self, labels: Ints, n: int, seed: int) -> Ints:
        """Shuffle labels inside each stratum, `n` times (permutation, example)."""
        within = np.random.default_rng(seed).random((n, len(labels)))
        home = np.argsort(self.index, kind="stable")
        shuffled = np.empty((n, len(labels)), dtype=labels.dtype)
        shuffled[:, home] = labels[np.argsort(self.index + within, axis=1)]
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

    ranks: Ranks
    labels: Ints
    strata: Strata
    mean: sp.csr_array
    """Mean of the ranks in each stratum, above that of the zeros (active feature, stratum)."""

    @classmethod
    def of(cls, features: sp.csr_array, labels: Ints, strata: Strata) -> "Selectivity":
        """Rank the features (example, feature)."""
        return cls.ranked(Ranks.of(features), labels, strata)

    @classmethod
    def ranked(cls, ranks: Ranks, labels: Ints, strata: Strata) -> "Selectivity":
        """Take ranks as they are."""
        share = sp.diags_array(1 / strata.size)
        return cls(ranks, labels, strata, sp.csr_array(ranks.above @ strata.member.T @ share))

    @property
    def n_active(self) -> int:
        """How many features fire on any example."""
        return len(self.ranks.feature)

    def statistic(self, weights: Floats | None = None) -> Floats:
        """Standardised rank sums (resample, class, active feature).

        `weights` (resample, example) says how often each example was drawn into each resample; half of the examples
        are a study half as large, a bootstrap draw is one as large as the full sample. Ranks and stratum means
        stay those of the full sample. Zero where a feature or class does not vary in any stratum.
        """
        weights = np.ones((1, len(self.labels))) if weights is None else weights
        centred, variance = self.strata.centre(_onehot(self.labels)), self._variance()
        parts = []
        for w in np.array_split(weights, max(1, len(weights) // _BLOCK)):
            null_sd = self._spread(w[:, :, None] * variance)
            parts.append(self._sums(w[:, :, None] * centred) * _inverse(null_sd))
        return np.concatenate(parts)

    def null(self, n_permutations: int, seed: int) -> "Null":
        """Permute the labels inside the strata. The same labels are permuted alike, whatever the features."""
        scale = _inverse(self._spread(self._variance()[None]))
        shuffled = self.strata.permute(self.labels, n_permutations, seed)
        largest = []
        for block in np.array_split(shuffled, max(1, n_permutations // _BLOCK)):
            largest.append(np.abs(self._sums(_onehot(block)) * scale).max(1))
        return Null(np.concatenate(largest))

    def _sums(self, left: Floats) -> Floats:
        """Sum the centred ranks, weighted (resample, example, class), to (resample, class, active feature).

        Of all classes together every example has the same weight, and centred ranks add up to nothing; so the last
        class has what the others lack.
        """
        left = left[:, :, :-1]
        found = _products(self.ranks.above, left) - _products(self.mean, self._by_stratum(left))
        return np.concatenate([found, -found.sum(1, keepdims=True)], 1)

    def _variance(self) -> Floats:
        """Variance of the membership of each class (example, class); of two classes, of either (example, 1)."""
        found = self.strata.variance(_onehot(self.labels))
        return found[:, :1] if found.shape[1] == 2 else found

    def _spread(self, left: Floats) -> Floats:
        """Root of the weighted sum of the squares of the centred ranks, zero where they are all alike.

        Were no rank above that of a zero, it would be the squares of the means; to these comes what the others differ.
        """
        unraised = _products(self.mean.power(2), self._by_stratum(left))
        found = unraised + _products(self._raised, left)
        return np.sqrt(np.where(found > _ROUNDING * unraised, found, 0))

    @cached_property
    def _raised(self) -> sp.csr_array:
        """Square of a centred rank less that of the stratum's zeros (active feature, example)."""
        above = self.ranks.above.tocoo()
        if not above.nnz:
            return self.ranks.above
        mean = np.asarray(self.mean[above.row, self.strata.index[above.col]]).ravel()
        return sp.csr_array((above.data * (above.data - 2 * mean), (above.row, above.col)), shape=above.shape)

    def _by_stratum(self, left: Floats) -> Floats:
        """Sum (resample, example, class) over the examples of each stratum (resample, stratum, class)."""
        n_resamples, n_examples, n_classes = left.shape
        flat = self.strata.member @ left.transpose(1, 0, 2).reshape(n_examples, -1)
        return flat.reshape(-1, n_resamples, n_classes).transpose(1, 0, 2)

    def n_selective(self, threshold: float, weights: Floats | None = None) -> Ints:
        """Count the features whose largest statistic of any class exceeds the threshold (resample)."""
        return (np.abs(self.statistic(weights)).max(1, initial=0) > threshold).sum(-1)


def _inverse(values: Floats) -> Floats:
    """One over each value, and zero for zero."""
    return np.divide(1, values, out=np.zeros_like(values), where=values > 0)


def _onehot(labels: Ints) -> Floats:
    return np.eye(int(labels.max()) + 1)[labels]


def _products(ranks: sp.csr_array, left: Floats) -> Floats:
    """Multiply (feature, example) with (resample, example, class) to (resample, class, feature)."""
    n_resamples, n_examples, n_classes = left.shape
    flat = ranks @ left.transpose(1, 0, 2).reshape(n_examples, -1)
    return flat.reshape(-1, n_resamples, n_classes).transpose(1, 2, 0)
