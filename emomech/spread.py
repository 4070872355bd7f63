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

from emomech.corpus import Split
from emomech.exact_effects import logits_of_each
from emomech.questions import Questions, log_odds
from emomech.reference import references
from emomech.stats import (
    Confusion,
    Estimate,
    Floats,
    Ints,
    doubling,
    posterior_interval,
    two_sided,
    with_resamples,
)
from emomech.study import Study
from emomech.support import Chosen, Dictionary, Support
from emomech.vocab import FeatureId, HookPoint

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
class Sample:
    """The reported questions, what the model makes of them, and resamples of their clusters."""

    questions: Questions
    logits: Floats = field(repr=False)
    weights: Floats = field(repr=False)
    """The texts as they are, and then each resample (draw, text)."""
    recall: Floats = field(repr=False)
    """Of each label, and then draws of its posterior (draw, label)."""

    @classmethod
    def of(cls, questions: Questions, n_resamples: int, seed: int) -> "Sample":
        """Ask the questions."""
        logits = questions.logits()
        weights = with_resamples(questions.clusters, n_resamples, seed)
        confusion = Confusion.of(questions.gold, logits.argmax(1), len(questions.labels))
        independent = len(set(questions.clusters)) / len(questions)
        drawn = confusion.recall_draws(n_resamples, seed, independent)
        return cls(questions, logits, weights, np.concatenate([confusion.recall(), drawn]))

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions."""
        return self.questions.labels

    def rows(self, label: int) -> Ints:
        """Texts of a label."""
        return np.flatnonzero(self.questions.gold == label)

    @property
    def n(self) -> int:
        """Texts of each label."""
        return len(self.questions) // len(self.labels)

    @property
    def accuracy(self) -> Estimate:
        """Balanced accuracy."""
        return estimate(self.recall.mean(1), len(self.questions))

    @property
    def recognised(self) -> list[bool]:
        """Which labels are recalled above chance; one that is not has no features to count."""
        chance = 1 / len(self.labels)
        return [estimate(drawn, self.n).low > chance for drawn in self.recall.T]

    def mean(self, values: Floats, rows: Ints) -> Floats:
        """Mean over some texts (draw, …) of values (…, text)."""
        weights = self.weights[:, rows]
        return (weights @ values.T) / np.maximum(weights.sum(1), 1).reshape(-1, *[1] * (values.ndim - 1))

    def falls(self, dictionary: Dictionary, features: Sequence[FeatureId], sizes: Sequence[int], rows: Ints) -> Floats:
        """By how much the log-odds of some texts fall when the first features are ablated, so many (size, text)."""
        questions, before = self.questions.take(rows), log_odds(self.logits[rows], self.questions.gold[rows])
        if not sizes:
            return np.zeros((0, len(rows)))
        after = logits_of_each(questions, [dictionary.ablated(features[:k]) for k in sizes])
        return np.stack([before - log_odds(one, questions.gold) for one in after])


def estimate(draws: Floats, n: int) -> Estimate:
    """Make an estimate of a value, which is the first, and its draws."""
    if not np.isfinite(draws[0]):
        return Estimate(float("nan"), float("nan"), float("nan"), n)
    return posterior_interval(float(draws[0]), draws[1:], n)


def false_discovery_rates(differences: Sequence[Floats]) -> Floats:
    """Rate at which each difference would count among all, from its draws (draw); the first draw is the value itself.

    Its p-value is twice the share of draws on the rarer side of zero. Undefined (NaN) where the difference is.
    """
    from scipy.stats import false_discovery_control

    found = np.full(len(differences), np.nan)
    p = [two_sided(draws[1:]) for draws in differences]
    defined = np.isfinite([draws[0] for draws in differences])
    if defined.any():
        found[defined] = false_discovery_control(np.array(p)[defined])
    return found


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
