"""Which features separate the classes of a label family: standardised rank sums and their permutation null.

A feature is selective if its activation ranks higher (or lower) on some class than chance allows. The statistic is the
Wilcoxon rank sum in standard deviations of its exact permutation distribution, ties included. Labels are permuted only
inside *strata*, such as the word that is read, so that an effect of the word alone is part of the null (van Elteren,
1960). The threshold of a layer is the 95 % point, over permutations, of the largest statistic of any feature and class
(Westfall and Young, 1993): a layer without any selective feature shows one or more in one of twenty studies.

With ranks r and membership m, both centred inside the stratum, the statistic is sum(m r) / sqrt(sum(v r²)), where v is
the variance of m under permutation. Centring removes any constant, so ranks can be replaced by their excess over the
rank of a zero, which is sparse (see `ranks`). All features, classes and permutations are then a few sparse products.

A stratum of one example, or of one class, contributes nothing; if all strata are such, every statistic is 0.

Example:
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from emomech.stats.selectivity import Selectivity, Strata
    >>> labels = np.repeat([0, 1], 20)
    >>> features = sp.csr_array(np.stack([labels * 1.0, np.arange(40) % 2], 1))  # the first one follows the label
    >>> tested = Selectivity.of(features, labels, Strata.of(np.array(["happy"] * 40)))
    >>> null = tested.null(n_permutations=200, seed=0)
    >>> (np.abs(tested.statistic()[0]).max(0) > null.threshold).tolist()
    [True, False]
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from emomech.stats.estimates import Floats, Ints
from emomech.stats.ranks import Ranks
from emomech.stats.testing import LEVEL, permuted_within

_ROUNDING = 1e-10
"""Share of a sum of squares that rounding leaves if all centred ranks are 0."""
_BLOCK = 64
"""Permutations or resamples that are multiplied at once, which bounds the memory and does not change the result."""


@dataclass(frozen=True)
class Strata:
    """Groups of examples; only the examples of one stratum exchange their labels."""

    index: Ints
    """Number of each example's stratum (example)."""

    @classmethod
    def of(cls, names: NDArray[np.str_]) -> "Strata":
        """Group examples by the name of their stratum (example)."""
        return cls(np.unique(names, return_inverse=True)[1])

    def centre(self, values: Floats) -> Floats:
        """Subtract from each example the mean of its stratum (example, …)."""
        return values - self._mean(values)

    @property
    def size(self) -> Ints:
        """Number of examples of each stratum (stratum)."""
        return np.bincount(self.index)

    @property
    def member(self) -> sp.csr_array:
        """1 where an example belongs to a stratum (stratum, example)."""
        n = len(self.index)
        return sp.csr_array((np.ones(n), (self.index, np.arange(n))), shape=(len(self.size), n))

    def _mean(self, values: Floats) -> Floats:
        return ((self.member @ values) / self.size[:, None])[self.index].astype(values.dtype)

    def variance(self, member: Floats) -> Floats:
        """Variance of each example's membership under permutation inside its stratum (example, class)."""
        size = self.size[self.index][:, None]
        share = self._mean(member)
        return share * (1 - share) * size / np.maximum(size - 1, 1)


@dataclass(frozen=True)
class Null:
    """Null distribution of the statistic: its values under permuted labels."""

    largest: Floats
    """Largest absolute statistic of any class (permutation, active feature)."""

    @property
    def threshold(self) -> float:
        """The value that the largest statistic of all features exceeds in 5 % of permutations."""
        return float(np.quantile(self.largest.max(1, initial=0), 1 - LEVEL))

    def n_selective(self) -> Ints:
        """Number of features beyond the threshold (permutation)."""
        return (self.largest > self.threshold).sum(1)


@dataclass(frozen=True)
class Selectivity:
    """One layer's features and one family's labels, prepared for the statistic."""

    ranks: Ranks
    labels: Ints
    """Number of each example's class (example)."""
    strata: Strata
    mean: sp.csr_array
    """Mean rank in each stratum, as excess over the rank of the zeros (active feature, stratum)."""

    @classmethod
    def of(cls, features: sp.csr_array, labels: Ints, strata: Strata) -> "Selectivity":
        """Rank the features (example, feature), and prepare the statistic."""
        return cls.ranked(Ranks.of(features), labels, strata)

    @classmethod
    def ranked(cls, ranks: Ranks, labels: Ints, strata: Strata) -> "Selectivity":
        """Prepare the statistic for features that are ranked already."""
        share = sp.diags_array(1 / strata.size)
        return cls(ranks, labels, strata, sp.csr_array(ranks.above @ strata.member.T @ share))

    @property
    def n_active(self) -> int:
        """Number of features that fire on any example."""
        return len(self.ranks.feature)

    def statistic(self, weights: Floats | None = None) -> Floats:
        """Standardised rank sums (resample, class, active feature).

        `weights` is how often each example is drawn into each resample (resample, example). Weights of half of the
        examples simulate a study of half the size; bootstrap weights simulate one of full size. Ranks and stratum means
        are always those of the full sample. 0 if the feature or the class does not vary in any stratum.
        """
        weights = np.ones((1, len(self.labels))) if weights is None else weights
        centred, variance = self.strata.centre(_onehot(self.labels)), self._variance()
        parts = []
        for w in np.array_split(weights, max(1, len(weights) // _BLOCK)):
            null_sd = self._null_sd(w[:, :, None] * variance)
            parts.append(self._sums(w[:, :, None] * centred) * _inverse(null_sd))
        return np.concatenate(parts)

    def null(self, n_permutations: int, seed: int) -> "Null":
        """Permute the labels inside the strata; the permutations depend on labels, strata and seed only."""
        scale = _inverse(self._null_sd(self._variance()[None]))
        permutations = permuted_within(self.labels, self.strata.index, np.random.default_rng(seed), n_permutations)
        largest = []
        for block in np.array_split(permutations, max(1, n_permutations // _BLOCK)):
            largest.append(np.abs(self._sums(_onehot(block)) * scale).max(1))
        return Null(np.concatenate(largest))

    def _sums(self, factors: Floats) -> Floats:
        """Weighted sums of the centred ranks (resample, class, active feature), from (resample, example, class).

        The sums of all classes add up to 0: over classes, all examples have the same weight, and centred ranks add up
        to 0. So the last class is computed from the others.
        """
        factors = factors[:, :, :-1]
        sums = _products(self.ranks.above, factors) - _products(self.mean, self._by_stratum(factors))
        return np.concatenate([sums, -sums.sum(1, keepdims=True)], 1)

    def _variance(self) -> Floats:
        """Variance of the membership of each class (example, class); (example, 1) for two classes, which share it."""
        variance = self.strata.variance(_onehot(self.labels))
        return variance[:, :1] if variance.shape[1] == 2 else variance

    def _null_sd(self, factors: Floats) -> Floats:
        """Root of the weighted sum of squared centred ranks (resample, class, active feature); 0 if all are equal.

        The sum is computed as if the feature never fired, plus the excess where it does.
        """
        of_zeros = _products(self.mean.power(2), self._by_stratum(factors))
        total = of_zeros + _products(self._excess_of_squares, factors)
        return np.sqrt(np.where(total > _ROUNDING * of_zeros, total, 0))

    @cached_property
    def _excess_of_squares(self) -> sp.csr_array:
        """Square of a centred rank minus that of a zero in its stratum (active feature, example)."""
        above = self.ranks.above.tocoo()
        if not above.nnz:
            return self.ranks.above
        mean = np.asarray(self.mean[above.row, self.strata.index[above.col]]).ravel()
        return sp.csr_array((above.data * (above.data - 2 * mean), (above.row, above.col)), shape=above.shape)

    def _by_stratum(self, factors: Floats) -> Floats:
        """Sum (resample, example, class) over the examples of each stratum (resample, stratum, class)."""
        n_resamples, n_examples, n_classes = factors.shape
        flat = self.strata.member @ factors.transpose(1, 0, 2).reshape(n_examples, -1)
        return flat.reshape(-1, n_resamples, n_classes).transpose(1, 0, 2)

    def n_selective(self, threshold: float, weights: Floats | None = None) -> Ints:
        """Number of features whose largest absolute statistic of any class exceeds the threshold (resample)."""
        return (np.abs(self.statistic(weights)).max(1, initial=0) > threshold).sum(-1)


def _inverse(values: Floats) -> Floats:
    """1 / value, and 0 for a value of 0."""
    return np.divide(1, values, out=np.zeros_like(values), where=values > 0)


def _onehot(labels: Ints) -> Floats:
    return np.eye(int(labels.max()) + 1)[labels]


def _products(ranks: sp.csr_array, factors: Floats) -> Floats:
    """Multiply (feature, example) with (resample, example, class) to (resample, class, feature)."""
    n_resamples, n_examples, n_classes = factors.shape
    flat = ranks @ factors.transpose(1, 0, 2).reshape(n_examples, -1)
    return flat.reshape(-1, n_resamples, n_classes).transpose(1, 2, 0)
