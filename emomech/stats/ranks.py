"""Ranks, AUROC and effect sizes of sparse features, for all features and classes in a few sparse products.

Most features are zero on most examples, and the zeros of a feature share one midrank. So a rank is stored as its excess
over the midrank of the zeros, only at the examples where the feature fires. Sums of ranks over classes are then sparse
products, and features are sorted once for all permutations of the labels.

Example:
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from emomech.stats.ranks import Ranks
    >>> features = sp.csr_array(np.array([[2.0, 0], [1.0, 0], [0, 0], [0, 0]]))  # (text, feature); the second is silent
    >>> ranks = Ranks.of(features)
    >>> ranks.feature.tolist(), ranks.aurocs(np.array([[True], [True], [False], [False]])).tolist()
    ([0], [[1.0]])
"""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from emomech.stats.estimates import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Ranks:
    """Midranks over the examples, of the active features: those that fire on any example."""

    feature: Ints
    """Number of each active feature (active feature)."""
    zero: Floats = field(repr=False)
    """Midrank of the examples on which it is zero (active feature)."""
    above: sp.csr_array = field(repr=False)
    """Excess of the rank over that midrank, where the feature fires (active feature, example)."""

    @classmethod
    def of(cls, features: sp.csr_array) -> "Ranks":
        """Rank features (example, feature), which must not be negative; only positive activations are sorted."""
        entries = features.tocsc()
        entries.eliminate_zeros()
        n_fires = np.diff(entries.indptr)
        column = np.repeat(np.arange(features.shape[1]), n_fires)
        order = np.lexsort((entries.data, column))
        value, row = _rounded(entries.data[order]), entries.indices[order]
        starts_tie = np.ones(len(value), dtype=bool)
        starts_tie[1:] = (value[1:] != value[:-1]) | (column[1:] != column[:-1])
        tie, first = np.cumsum(starts_tie) - 1, np.flatnonzero(starts_tie)
        n_zero = features.shape[0] - n_fires
        midrank = n_zero[column[first]] + (first - entries.indptr[column[first]]) + (np.bincount(tie) + 1) / 2
        feature, zero = np.flatnonzero(n_fires), (n_zero + 1) / 2
        above = midrank[tie] - zero[column]
        start = np.concatenate([[0], np.cumsum(n_fires[feature])])
        return cls(feature, zero[feature], sp.csr_array((above, row, start), shape=(len(feature), features.shape[0])))

    @property
    def n(self) -> int:
        """Number of examples."""
        return self.above.shape[1]

    def sums(self, member: Floats | Bools) -> Floats:
        """Sum of ranks over the examples of each class (active feature, class), from `member` (example, class)."""
        member = member.astype(float)
        return self.above @ member + self.zero[:, None] * member.sum(0)

    def aurocs(self, member: Bools) -> Floats:
        """AUROC of every active feature for every class (class, active feature), equal to `auroc.aurocs`."""
        n_in = member.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return ((self.sums(member) - n_in * (n_in + 1) / 2) / (n_in * (self.n - n_in))).T


def effect_sizes(features: sp.csr_array, member: Bools) -> Floats:
    """Cohen's d (1988) of every feature for every class (class, feature); NaN if the feature does not vary.

    The difference of the means inside and outside of the class, in pooled standard deviations. `features` is (example,
    feature), `member` is (example, class).
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
    """Round values that differ only by the precision of float32 to the same number, so that they tie."""
    return np.round(values / values.max(initial=1e-12), 5)
