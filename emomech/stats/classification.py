"""How well predicted labels agree with gold labels: confusion, balanced accuracy, calibration.

Example:
    >>> import numpy as np
    >>> from emomech.stats.classification import Confusion
    >>> confusion = Confusion.of(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1]), n_classes=3)
    >>> confusion.recall()[0].tolist(), confusion.balanced_accuracy()[0].tolist()
    ([0.5, 1.0, 0.0], 0.5)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emomech.stats.estimates import Estimate, Floats, Ints, posterior_interval, ratio

_POSTERIOR_DRAWS = 2000


@dataclass(frozen=True)
class Confusion:
    """Weighted confusion counts and the scores that follow from them.

    Scores are means over the classes that occur as gold; for the full sample they equal scikit-learn's.
    """

    counts: Floats
    """(resample, gold class, predicted class)."""

    @classmethod
    def of(cls, gold: Ints, predicted: Ints, n_classes: int, weights: Floats | None = None) -> "Confusion":
        """Count pairs of class numbers (example); `weights` (resample, example) gives one matrix per resample."""
        cell = np.zeros((len(gold), n_classes * n_classes))
        cell[np.arange(len(gold)), gold * n_classes + predicted] = 1
        weights = np.ones((1, len(gold))) if weights is None else weights
        return cls((weights @ cell).reshape(len(weights), n_classes, n_classes))

    def recall(self) -> Floats:
        """Share of each gold class that is predicted as itself (resample, class); NaN for a class without examples."""
        return ratio(np.diagonal(self.counts, axis1=-2, axis2=-1), self.counts.sum(-1))

    def recall_draws(self, n_draws: int, seed: int, independent: float = 1) -> Floats:
        """Draw the recall of each class from its posterior (draw, class); NaN for a class without examples.

        The posterior is a beta distribution, with Jeffreys's prior (Brodersen et al., 2010). Unlike a bootstrap, it
        allows for errors in a class that shows none in this sample. `independent` is the share of examples that count
        as independent: clusters divided by examples. Only for a single matrix.
        """
        right = np.diagonal(self.counts[0]) * independent
        n = self.counts[0].sum(-1) * independent
        draws = np.random.default_rng(seed).beta(right + 0.5, n - right + 0.5, (n_draws, len(n)))
        draws[:, n == 0] = np.nan
        return draws

    def precision(self) -> Floats:
        """Share of each predicted class that is right (resample, class); NaN for a class that is never predicted."""
        return ratio(np.diagonal(self.counts, axis1=-2, axis2=-1), self.counts.sum(-2))

    def balanced_accuracy(self) -> Floats:
        """Mean recall over the gold classes (resample)."""
        recall = self.recall()
        return ratio(np.nansum(recall, -1), np.isfinite(recall).sum(-1))

    def macro_f1(self) -> Floats:
        """Mean F1 over the classes that occur as gold or as prediction (resample)."""
        support = self.counts.sum(-1) + self.counts.sum(-2)
        f1 = ratio(2 * np.diagonal(self.counts, axis1=-2, axis2=-1), support)
        return ratio(np.nansum(f1, -1), np.isfinite(f1).sum(-1))


def balanced_accuracy(gold: Ints, predicted: Ints, n_classes: int, clusters: Sequence[str], seed: int) -> Estimate:
    """Balanced accuracy with the 95 % interval of its posterior (see `Confusion.recall_draws`).

    `clusters` names each example's cluster; the examples of a cluster count as one independent example.
    """
    confusion = Confusion.of(gold, predicted, n_classes)
    independent = len(set(clusters)) / len(gold)
    draws = np.nanmean(confusion.recall_draws(_POSTERIOR_DRAWS, seed, independent), 1)
    return posterior_interval(float(confusion.balanced_accuracy()[0]), draws, len(gold))


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of similar confidence."""

    confidence: float
    """Mean confidence, from 0 to 1."""
    accuracy: float
    """Share that is right."""
    n: int
    """Number of predictions."""


def reliability(confidence: Floats, correct: NDArray[np.bool_], n_bins: int = 10) -> list[ReliabilityBin]:
    """Group predictions (example) by confidence into bins of equal count (Nguyen and O'Connor, 2015).

    Example:
        >>> import numpy as np
        >>> from emomech.stats.classification import calibration_error, reliability
        >>> bins = reliability(np.array([0.9, 0.7, 0.5, 0.3]), np.array([True, True, True, False]), n_bins=2)
        >>> [(round(bin.confidence, 2), bin.accuracy) for bin in bins], round(calibration_error(bins), 2)
        ([(0.4, 0.5), (0.8, 1.0)], 0.15)
    """
    order = np.argsort(confidence, kind="stable")
    bins = [rows for rows in np.array_split(order, n_bins) if len(rows)]
    return [ReliabilityBin(float(confidence[rows].mean()), float(correct[rows].mean()), len(rows)) for rows in bins]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: mean gap of confidence and accuracy, weighted by count (Guo et al., 2017)."""
    n = sum(b.n for b in bins)
    return sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / n
