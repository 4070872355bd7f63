"""How many features a label is spread over, and how much they carry together.

The features of a label are selected on the `discover` split (`feature_selection`) and counted on `report`, in two ways.
The effective number is the participation ratio of their support a, (Σ a)² / Σ a²: n features with equal support count
as n. The curve is the fall of the log-odds when the first k are ablated to their means together; its end is the total
effect.

The square of a noisy mean is too large, so noise would count as features, most of all for a weak label. Squares are
therefore computed from products over pairs of different clusters of texts, which makes both sums unbiased.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import FeatureScreen, TextSupport, text_support
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample, doubling
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.data.corpus import Split
from emomech.stats.estimates import Floats, Ints
from emomech.study.study import Study

EFFECTIVE, TOTAL, RECALL = "effective number", "total effect", "recall"
HALF, MOST = "features to 50 %", "features to 90 %"
MEASURES = (EFFECTIVE, HALF, MOST, TOTAL, RECALL)
FeaturesByLabel = Sequence[Sequence[FeatureId]]
"""Ranked features of each label (label)."""


def effective_number(support: Floats, clusters: Sequence[str], weights: Floats) -> Floats:
    """Participation ratio of the support (text, feature) in each row of the weights (draw, text).

    NaN if the features together have no positive support.

    Example:
        >>> import numpy as np
        >>> from emomech.causal.concentration import effective_number
        >>> support = np.tile([2.0, 2.0, 0.0], (4, 1))  # two of three features, equally
        >>> effective_number(support, ["a", "b", "c", "d"], np.ones((1, 4)))
        array([2.])
    """
    _, first, member = np.unique(np.asarray(clusters), return_index=True, return_inverse=True)
    by_cluster = np.zeros((len(first), support.shape[1]))
    np.add.at(by_cluster, member, support)
    drawn = weights[:, first]
    together = by_cluster.sum(1, keepdims=True)
    sums = drawn @ together
    top, bottom = _of_pairs(together, drawn)[:, 0], _of_pairs(by_cluster, drawn).sum(1)
    defined = (sums[:, 0] > 0) & (top > 0) & (bottom > 0)
    return np.where(defined, top / np.where(defined, bottom, 1), np.nan)


def _of_pairs(values: Floats, weights: Floats) -> Floats:
    """Sum the products of all ordered pairs of different rows, weighted (draw, column)."""
    return (weights @ values) ** 2 - (weights**2) @ values**2


def features_to(fall: Floats, sizes: Sequence[int], share: float) -> Floats:
    """Number of features at which a curve (draw, size) reaches a share of its last value, interpolated linearly (draw).

    NaN if the last value is not positive.
    """
    if not sizes:
        return np.full(len(fall), np.nan)
    k, end = np.array([0, *sizes], dtype=float), fall[:, -1]
    curve = np.concatenate([np.zeros((len(fall), 1)), fall], 1)
    goal = share * np.where(end > 0, end, np.nan)[:, None]
    after = np.maximum((curve >= goal).argmax(1), 1)
    row = np.arange(len(fall))
    low, high = curve[row, after - 1], curve[row, after]
    reached = k[after - 1] + (k[after] - k[after - 1]) * (goal[:, 0] - low) / np.where(high > low, high - low, 1)
    return np.where(end > 0, reached, np.nan)


@dataclass(frozen=True, eq=False)
class LabelMeasures:
    """Every measure of each label's features (draw, label), and their curves."""

    values: Mapping[str, Floats]
    curves: Sequence[tuple[Sequence[int], Floats]] = field(repr=False)
    """Sizes, and the fall of the log-odds at each (draw, size), by label."""

    def where_recognised(self, recognised: Sequence[bool]) -> "LabelMeasures":
        """Set all measures but the recall to NaN for labels that the model does not recognise."""
        blank = np.where(recognised, 0.0, np.nan)
        values = {name: draws + (0 if name == RECALL else blank) for name, draws in self.values.items()}
        return replace(self, values=values)

    def contrast(self, measure: str, label: int) -> Floats:
        """A label's value minus the mean over the other labels for which it is defined (draw)."""
        values = self.values[measure]
        others = np.delete(values, label, axis=1)
        defined = np.isfinite(others)
        mean = np.where(defined, others, 0).sum(1) / np.where(defined.any(1), defined.sum(1), np.nan)
        return values[:, label] - mean


def measure_features(
    sample: Sample, dictionary: Dictionary, features: FeaturesByLabel, support: TextSupport, curve: bool = True
) -> LabelMeasures:
    """Measure each label's features on the sample with this support; without `curve`, only the end of the curve."""
    values = {measure: np.full_like(sample.recall, np.nan) for measure in MEASURES}
    values[RECALL] = sample.recall
    curves: list[tuple[Sequence[int], Floats]] = []
    for label, ranked in enumerate(features):
        rows = sample.rows(label)
        sizes = doubling(len(ranked)) if curve else doubling(len(ranked))[-1:]
        fall = sample.mean_draws(_falls(sample, dictionary, ranked, sizes, rows), rows)
        curves.append((sizes, fall))
        values[TOTAL][:, label] = fall[:, -1] if sizes else 0
        if not sizes:
            continue
        of_label = np.stack([support[feature.point][rows, feature.index] for feature in ranked], 1)
        clusters = [sample.questions.clusters[i] for i in rows]
        values[EFFECTIVE][:, label] = effective_number(of_label, clusters, sample.weights[:, rows])
        if curve:
            values[HALF][:, label], values[MOST][:, label] = (features_to(fall, sizes, s) for s in (0.5, 0.9))
    return LabelMeasures(values, curves)


def _falls(
    sample: Sample, dictionary: Dictionary, ranked: Sequence[FeatureId], sizes: Sequence[int], rows: Ints
) -> Floats:
    """Fall of the log-odds of some texts when the first k features are ablated together (size, text)."""
    return sample.take(rows).losses(dictionary.ablate(ranked[:k]) for k in sizes)


@dataclass(frozen=True, eq=False)
class SelectedFeatures:
    """The features of a model that support each label, at each hook point, and the sample they are measured on."""

    discover: Questions
    """The texts on which features are selected."""
    sample: Sample
    """The texts on which they are measured."""
    dictionary: Dictionary
    screen: FeatureScreen
    support: TextSupport
    """Support of the texts of the sample."""
    at: Mapping[HookPoint, FeaturesByLabel]
    totals: Mapping[HookPoint, float]
    """Total effect of the features of each hook point, in nats, mean over the labels, on the `tune` split."""

    @classmethod
    def of(cls, study: Study, questions: Mapping[Split, Questions], sample: Sample) -> "SelectedFeatures":
        """Select features on `discover`, and measure their total effect at every hook point on `tune`."""
        discover, seed = questions["discover"], study.spec.seed
        dictionary = Dictionary.of(discover, study.saes, seed)
        screen, support = FeatureScreen.of(dictionary, discover), text_support(dictionary, sample.questions)
        at = {point: screen.by_label(point) for point in dictionary.saes}
        totals = _totals(Sample.of(questions["tune"], 1, seed), dictionary, at)
        return cls(discover, sample, dictionary, screen, support, at, totals)

    @property
    def point(self) -> HookPoint:
        """The hook point at which the features of all labels have the largest total effect, on average."""
        return max(self.totals, key=lambda point: self.totals[point])

    @property
    def features(self) -> FeaturesByLabel:
        """Ranked features of each label at the chosen hook point."""
        return self.at[self.point]

    def measured(self, point: HookPoint, curve: bool = True) -> LabelMeasures:
        """Measure the features of a hook point; for a label that is not recognised, only the recall is defined."""
        measures = measure_features(self.sample, self.dictionary, self.at[point], self.support, curve)
        return measures.where_recognised(self.sample.recognised)


def _totals(sample: Sample, dictionary: Dictionary, at: Mapping[HookPoint, FeaturesByLabel]) -> dict[HookPoint, float]:
    """Total effect of the features of each hook point, mean over the labels; all replayed from one pass per label."""
    totals = dict.fromkeys(at, 0.0)
    for label in range(len(sample.labels)):
        points = [point for point, by_label in at.items() if by_label[label]]
        edits = [dictionary.ablate(at[point][label]) for point in points]
        falls = sample.take(sample.rows(label)).losses(edits)
        for point, fall in zip(points, falls, strict=True):
            totals[point] += float(fall.mean()) / len(sample.labels) if len(fall) else 0.0
    return totals


def halves(clusters: Sequence[str], rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Split texts at random into two halves (text) that share no cluster."""
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    first = np.zeros(len(names), bool)
    first[rng.permutation(len(names))[: len(names) // 2]] = True
    return np.flatnonzero(first[member]), np.flatnonzero(~first[member])


@dataclass(frozen=True, eq=False)
class Resplit:
    """Features that are selected on a random half of the texts that a model was screened on, and the other half."""

    screen: FeatureScreen
    """The half that selects."""
    sample: Sample
    """The half that reports, without resamples: two draws, both the texts themselves."""
    support: TextSupport
    """Support of the texts that report."""

    @classmethod
    def of(cls, selected: SelectedFeatures, draw: int) -> "Resplit":
        """Split the texts of both splits again; nothing is run through the model.

        That a feature fires on a label's texts is taken from the texts that selected at first.
        """
        first, second = selected.discover, selected.sample.questions
        both = replace(
            first,
            texts=first.texts + second.texts,
            label_ids=torch.cat([first.label_ids, second.label_ids]),
            gold=np.concatenate([first.gold, second.gold]),
            examples=first.examples + second.examples,
        )
        choose, report = halves(both.clusters, np.random.default_rng([selected.sample.seed, draw]))
        support = {p: np.concatenate([selected.screen.support[p], selected.support[p]]) for p in selected.support}
        of_half = {point: values[choose] for point, values in support.items()}
        screen = FeatureScreen(of_half, both.gold[choose], selected.screen.against_zero)
        sample = Sample(both.take(report), np.ones((2, len(report))), selected.sample.seed)
        return cls(screen, sample, {point: values[report] for point, values in support.items()})

    def effective_numbers(self, point: HookPoint) -> Floats:
        """Effective number of features of each label at a hook point (label)."""
        numbers = np.full(len(self.sample.labels), np.nan)
        for label, ranked in enumerate(self.screen.by_label(point)):
            if ranked:
                rows = self.sample.rows(label)
                of_label = np.stack([self.support[f.point][rows, f.index] for f in ranked], 1)
                clusters = [self.sample.questions.clusters[i] for i in rows]
                numbers[label] = effective_number(of_label, clusters, np.ones((1, len(rows))))[0]
        return numbers
