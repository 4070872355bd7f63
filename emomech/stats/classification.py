"""How well answers agree with labels: confusion, balanced accuracy, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emomech.stats.estimates import Estimate, Floats, Ints, posterior_interval, ratio


@dataclass(frozen=True)
class Confusion:
    """Weighted confusion counts (…, gold, predicted) and the scores that follow from them.

    Scores run over the classes that occur as gold; for the full sample they equal scikit-learn's.
    """

    counts: Floats

    @classmethod
    def of(cls, gold: Ints, predicted: Ints, n_classes: int, weights: Floats | None = None) -> "Confusion":
        """Count pairs of class numbers; `weights` (resample, example) gives one matrix per resample."""
        cell = np.zeros((len(gold), n_classes * n_classes))
        cell[np.arange(len(gold)), gold * n_classes + predicted] = 1
        weights = np.ones((1, len(gold))) if weights is None else weights
        return cls((weights @ cell).reshape(len(weights), n_classes, n_classes))

    def recall(self) -> Floats:
        """Share of each gold class that is predicted as itself (…, class); NaN where a class does not occur."""
        return ratio(np.diagonal(self.counts, axis1=-2, axis2=-1), self.counts.sum(-1))

    def recall_draws(self, n_draws: int, seed: int, independent: float = 1) -> Floats:
        """Draw each class's recall from its posterior under Jeffreys's prior (draw, class); NaN where it has no texts.

        Unlike a bootstrap it knows that a class without an error may still have errors elsewhere (Brodersen et al.,
        2010). `independent` is the share of texts that count as independent: clusters by texts. For one matrix.
        """
        right = np.diagonal(self.counts[0]) * independent
        n = self.counts[0].sum(-1) * independent
        drawn = np.random.default_rng(seed).beta(right + 0.5, n - right + 0.5, (n_draws, len(n)))
        drawn[:, n == 0] = np.nan
        return drawn

    def precision(self) -> Floats:
        """Share of each predicted class that is right (…, class); NaN where it is never predicted."""
        return ratio(np.diagonal(self.counts, axis1=-2, axis2=-1), self.counts.sum(-2))

    def balanced_accuracy(self) -> Floats:
        """Mean recall over the gold classes (…)."""
        recall = self.recall()
        return ratio(np.nansum(recall, -1), np.isfinite(recall).sum(-1))

    def macro_f1(self) -> Floats:
        """Mean F1 over the classes that occur as gold or as prediction (…)."""
        support = self.counts.sum(-1) + self.counts.sum(-2)
        f1 = ratio(2 * np.diagonal(self.counts, axis1=-2, axis2=-1), support)
        return ratio(np.nansum(f1, -1), np.isfinite(f1).sum(-1))


def standing(gold: Ints, predicted: Ints, n_classes: int, clusters: Sequence[str], seed: int) -> Estimate:
    """Balanced accuracy with the interval of its posterior, clusters counted as one (see `Confusion.recall_draws`)."""
    found = Confusion.of(gold, predicted, n_classes)
    drawn = np.nanmean(found.recall_draws(2000, seed, len(set(clusters)) / len(gold)), 1)
    return posterior_interval(float(found.balanced_accuracy()[0]), drawn, len(gold))


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions of like confidence: how sure they are on average, and how often right."""

    confidence: float
    accuracy: float
    n: int


def reliability(confidence: Floats, correct: NDArray[np.bool_], n_bins: int = 10) -> list[ReliabilityBin]:
    """Group predictions into bins of equal count by confidence (adaptive binning, Nguyen and O'Connor, 2015)."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, n_bins) if len(part)]
    return [ReliabilityBin(float(confidence[p].mean()), float(correct[p].mean()), len(p)) for p in parts]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: mean gap between confidence and accuracy, weighted by count (Guo et al., 2017)."""
    n = sum(b.n for b in bins)
    return sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / n
