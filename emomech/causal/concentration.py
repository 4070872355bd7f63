"""Over how many features an emotion is spread, and how much they carry together.

An emotion's features are chosen on the `discover` split (see `support`) and counted on `report`, in two ways. The
effective number is the participation ratio of their support, (Σ a)² / Σ a²: n features that matter alike count as n.
The curve is the fall of the log-odds when the k first are ablated to their means together; the total effect is its end.

A square of a noisy mean counts noise as features, more so for a weak emotion; so squares are made of pairs of
different clusters of texts, which makes both sums unbiased.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from emomech.causal.dictionary import Dictionary, Support
from emomech.causal.feature_selection import Chosen
from emomech.causal.feature_stats import references
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample, doubling
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.data.corpus import Split
from emomech.stats.estimates import Floats
from emomech.study.study import Study

EFFECTIVE, TOTAL, RECALL = "effective number", "total effect", "recall"
HALF, MOST = "features to 50 %", "features to 90 %"
MEASURES = (EFFECTIVE, HALF, MOST, TOTAL, RECALL)
Features = Sequence[Sequence[FeatureId]]
"""Ranked features, by label."""


def effective_number(support: Floats, clusters: Sequence[str], weights: Floats) -> Floats:
    """Participation ratio of some features' support (text, feature) in each resample (resample, text).

    Undefined (NaN) where the features together support nothing.
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
    """Sum the products of all ordered pairs of different rows, drawn so often (resample, column)."""
    return (weights @ values) ** 2 - (weights**2) @ values**2


def features_to(fall: Floats, sizes: Sequence[int], share: float) -> Floats:
    """How many features reach a share of a curve's end (resample), from the curve (resample, size) by straight lines.

    Undefined (NaN) where all together lower nothing.
    """
    if not sizes:
        return np.full(len(fall), np.nan)
    k, end = np.array([0, *sizes], dtype=float), fall[:, -1]
    curve = np.concatenate([np.zeros((len(fall), 1)), fall], 1)
    goal = share * np.where(end > 0, end, np.nan)[:, None]
    after = np.maximum((curve >= goal).argmax(1), 1)
    row = np.arange(len(fall))
    low, high = curve[row, after - 1], curve[row, after]
    found = k[after - 1] + (k[after] - k[after - 1]) * (goal[:, 0] - low) / np.where(high > low, high - low, 1)
    return np.where(end > 0, found, np.nan)


@dataclass(frozen=True, eq=False)
class Spread:
    """Over how many features each label is spread: every measure (draw, label), and the curves."""

    values: Mapping[str, Floats]
    curves: Sequence[tuple[Sequence[int], Floats]] = field(repr=False)
    """Sizes, and the fall of the log-odds at each (draw, size), by label."""

    def of(self, defined: Sequence[bool]) -> "Spread":
        """Leave undefined, beside the recall, what is measured of labels that are not recognised."""
        gone = np.where(defined, 0.0, np.nan)
        values = {name: found + (0 if name == RECALL else gone) for name, found in self.values.items()}
        return replace(self, values=values)

    def contrast(self, measure: str, label: int) -> Floats:
        """A label's value less the mean of those of the others (draw)."""
        values = self.values[measure]
        others = np.delete(values, label, axis=1)
        defined = np.isfinite(others)
        mean = np.where(defined, others, 0).sum(1) / np.where(defined.any(1), defined.sum(1), np.nan)
        return values[:, label] - mean


def spread(
    sample: Sample,
    dictionary: Dictionary,
    features: Features,
    support: Support,
    curve: bool = True,
) -> Spread:
    """Measure each label's features on the sample, whose texts have this support; without `curve`, its end alone."""
    values = {measure: np.full_like(sample.recall, np.nan) for measure in MEASURES}
    values[RECALL] = sample.recall
    curves: list[tuple[Sequence[int], Floats]] = []
    for label, chosen in enumerate(features):
        rows = sample.rows(label)
        sizes = doubling(len(chosen)) if curve else doubling(len(chosen))[-1:]
        fall = sample.mean(sample.falls(dictionary, chosen, sizes, rows), rows)
        curves.append((sizes, fall))
        values[TOTAL][:, label] = fall[:, -1] if sizes else 0
        if not sizes:
            continue
        here = np.stack([support[one.point][rows, one.index] for one in chosen], 1)
        clusters = [sample.questions.clusters[i] for i in rows]
        values[EFFECTIVE][:, label] = effective_number(here, clusters, sample.weights[:, rows])
        if curve:
            values[HALF][:, label], values[MOST][:, label] = (features_to(fall, sizes, s) for s in (0.5, 0.9))
    return Spread(values, curves)


@dataclass(frozen=True, eq=False)
class Traced:
    """The dictionary, which features of each hook point support each label, and how much they do there."""

    discover: Questions
    sample: Sample
    dictionary: Dictionary
    chosen: Chosen
    support: Support
    """Of the reported texts."""
    at: Mapping[HookPoint, Features]
    totals: Mapping[HookPoint, float]
    """Total effect of the features of a hook point, mean over the labels, on the `tune` split."""

    @classmethod
    def of(cls, study: Study, questions: Mapping[Split, Questions], sample: Sample) -> "Traced":
        """Choose features, and see at which hook point they do most."""
        discover, seed = questions["discover"], study.spec.seed
        dictionary = Dictionary(study.saes, references(discover, study.saes, seed=seed))
        chosen, support = Chosen.of(dictionary, discover), dictionary.support(sample.questions)
        at = {p: chosen.by_label(p) for p in dictionary.saes}
        tune = Sample.of(questions["tune"], 1, seed)
        totals = {p: float(np.mean(list(_totals(tune, dictionary, found)))) for p, found in at.items()}
        return cls(discover, sample, dictionary, chosen, support, at, totals)

    @property
    def point(self) -> HookPoint:
        """Where the features of all labels have the largest total effect, on average."""
        return max(self.totals, key=lambda point: self.totals[point])

    @property
    def features(self) -> Features:
        """Those of the hook point that was chosen."""
        return self.at[self.point]

    def measured(self, point: HookPoint, curve: bool = True) -> Spread:
        """Measure the features of a hook point; of labels that are not recognised the recall alone."""
        found = spread(self.sample, self.dictionary, self.at[point], self.support, curve)
        return found.of(self.sample.recognised)


def _totals(sample: Sample, dictionary: Dictionary, features: Features) -> Iterator[float]:
    for label, chosen in enumerate(features):
        fall = sample.falls(dictionary, chosen, doubling(len(chosen))[-1:], sample.rows(label))
        yield float(fall.mean()) if len(fall) else 0.0
