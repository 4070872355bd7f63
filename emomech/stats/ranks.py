"""Ranks, AUROC and effect sizes of sparse features, all features and classes in a few sparse products.

Most features are zero at most examples, and all zeros of a feature share one midrank. So only what a rank is above that
of the zeros is kept, at the examples where the feature fires: sums of ranks over classes are sparse products, and the
ranks that cost a sort are used again for every permutation of the labels.
"""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ranks:
    """Midranks over the examples, of the features that fire at all."""

    feature: Ints
    """Number of each active feature (active feature)."""
    zero: Floats = field(repr=False)
    """Midrank of the examples at which it is zero (active feature)."""
    above: sp.csr_array = field(repr=False)
    """By how much the rank is above that where it fires (active feature, example)."""

    @classmethod
    def of(cls, features: sp.csr_array) -> "Ranks":
        """Rank features (example, feature), which are never negative; only where they fire is anything sorted."""
        entries = features.tocsc()
        entries.eliminate_zeros()
        n_fires = np.diff(entries.indptr)
        column = np.repeat(np.arange(features.shape[1]), n_fires)
        order = np.lexsort((entries.data, column))
        value, row = _rounded(entries.data[order]), entries.indices[order]
        fresh = np.ones(len(value), dtype=bool)
        fresh[1:] = (value[1:] != value[:-1]) | (column[1:] != column[:-1])
        tie, first = np.cumsum(fresh) - 1, np.flatnonzero(fresh)
        n_zero = features.shape[0] - n_fires
        midrank = n_zero[column[first]] + (first - entries.indptr[column[first]]) + (np.bincount(tie) + 1) / 2
        feature, zero = np.flatnonzero(n_fires), (n_zero + 1) / 2
        above = midrank[tie] - zero[column]
        start = np.concatenate([[0], np.cumsum(n_fires[feature])])
        return cls(feature, zero[feature], sp.csr_array((above, row, start), shape=(len(feature), features.shape[0])))

    @property
    def n(self) -> int:
        """How many examples are ranked."""
        return self.above.shape[1]

    def sums(self, member: Floats | Bools) -> Floats:
        """Sum of the ranks over each class's examples (active feature, class), from (example, class)."""
        member = member.astype(float)
        return self.above @ member + self.zero[:, None] * member.sum(0)

    def aurocs(self, member: Bools) -> Floats:
        """AUROC of every feature for every class (class, active feature), as `detection.aurocs` has it."""
        n_in = member.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return ((self.sums(member) - n_in * (n_in + 1) / 2) / (n_in * (self.n - n_in))).T


def effect_sizes(features: sp.csr_array, member: Bools) -> Floats:
    """Difference of the means in and outside of each class (class, feature), in pooled standard deviations.

    Cohen's d (1988), of features (example, feature) and classes (example, class); NaN where nothing varies.
    """
    inside = np.asarray(member, dtype=float)
    n_in, n_out = inside.sum(0)[:, None], (1 - inside).sum(0)[:, None]
    columns = features.T.tocsr()
    sums = (columns @ inside).T
    total, total_squares = np.asarray(columns.sum(1)).ravel(), np.asarray(columns.power(2).sum(1)).ravel()
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_in, mean_out = sums / n_in, (total - sums) / n_out
        within = total_squares - n_in * mean_in**2 - n_out * mean_out**2
        within = np.where(within > 1e-10 * total_squares, within, np.nan)
        return (mean_in - mean_out) / np.sqrt(within / (n_in + n_out - 2))


def _rounded(values: Floats) -> Floats:
    """Make equal what differs by the rounding of float32 only, so that it ties."""
    return np.round(values / values.max(initial=1e-12), 5)
