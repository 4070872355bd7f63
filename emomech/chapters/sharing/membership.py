"""Membership: which features belong to which emotions, and how many emotions share if they choose independently.

There are two kinds of evidence. A feature is *selective* for an emotion if its activation ranks higher on the emotion's
texts than on the others (`stats.selectivity`). It *supports* the emotion if it also ranks higher there and moving it to
its mean would lower the log-odds of the label (`causal.attribution`). Either is found on one split and has to be
confirmed on the other.

A feature that belongs to two emotions is no evidence for sharing by itself, because features that fire often have more
chances to belong to any emotion. Under *independent assignment* every emotion keeps the number of its features in each
bin of firing rate, but which features these are is random.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from emomech.causal.attribution import attribute
from emomech.causal.logit_attribution import written_labels
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.language_model import LanguageModel
from emomech.saes.encoding import encode
from emomech.saes.sae import Sae
from emomech.stats.auroc import Bools
from emomech.stats.estimates import Floats, Ints
from emomech.stats.selectivity import Selectivity, Strata
from emomech.stats.testing import discovery_threshold, mean_and_t, permuted

NOMINAL = 1.645
"""Least standardised rank sum that confirms a feature on the second split: one-sided 5 %."""
LEAST_SUPPORT = 0.01
"""Smallest loss of log-odds, in nats, that counts as support; 1 nat makes the odds e times as large."""
N_BINS = 5
"""Number of bins of firing rate, with equally many features each."""
_CHUNK = 64
"""Texts whose effects of all features are in memory at the same time."""


@dataclass(frozen=True, eq=False)
class AnswerSample:
    """The sample of one split, and the activations of one model at its answers."""

    sample: Sample = field(repr=False)
    activations: Mapping[HookPoint, Tensor] = field(repr=False)
    """Hook point -> activations at the answer (text, d_in)."""

    @classmethod
    def of(cls, questions: Questions, saes: Mapping[HookPoint, Sae], n_resamples: int, seed: int) -> "AnswerSample":
        """Read the activations, and resample the clusters of the questions `n_resamples` times."""
        return cls(Sample.of(questions, n_resamples, seed), questions.activations(list(saes), "answer"))

    @property
    def questions(self) -> Questions:
        """The texts with their question and label."""
        return self.sample.questions

    @property
    def weights(self) -> Floats:
        """How often each text is drawn (draw, text); the first draw is the texts themselves."""
        return self.sample.weights

    @property
    def without_resamples(self) -> "AnswerSample":
        """Keep the first draw only."""
        return replace(self, sample=replace(self.sample, weights=self.weights[:1]))

    def on(self, lm: LanguageModel) -> "AnswerSample":
        """Read another model with the same tokenizer."""
        sample = self.sample.on(lm)
        return AnswerSample(sample, sample.questions.activations(list(self.activations), "answer"))

    def with_permuted_labels(self, seed: int) -> "AnswerSample":
        """Permute the labels among all texts, so that any membership is chance."""
        gold = permuted(self.questions.gold, np.random.default_rng(seed))
        return replace(self, sample=self.sample.with_gold(gold))


@dataclass(frozen=True, eq=False)
class Membership:
    """Which features of one hook point belong to which emotions."""

    feature: Ints
    """Number of each feature that fires on the first split (feature)."""
    rate: Floats
    """Share of the texts of the first split on which it fires (feature)."""
    member: Bools
    """Whether a feature belongs to an emotion (draw, feature, emotion); the first draw is the texts themselves."""
    profile: Floats
    """Mean activation on each emotion's texts of the second split (feature, emotion)."""

    def keep(self, which: Bools) -> "Membership":
        """Keep the features that `which` (feature) selects."""
        return Membership(self.feature[which], self.rate[which], self.member[:, which], self.profile[which])

    def independent(self, n: int, seed: int) -> Bools:
        """Draw from independent assignment (draw, feature, emotion): `n` draws for the first row of `member`.

        One draw for each other row of `member` follows.
        """
        rng = np.random.default_rng(seed)
        drawn = np.concatenate([np.repeat(self.member[:1], n, 0), self.member[1:]])
        order = np.lexsort((rng.random(len(self.rate)), self.rate))  # features with equal rates in random order
        for same_rate in np.array_split(order, N_BINS):
            if len(same_rate):
                drawn[:, same_rate] = rng.permuted(drawn[:, same_rate], axis=1)
        return drawn


Memberships = Mapping[HookPoint, Membership]


def counts_by_number(member: Bools) -> Ints:
    """Count the features that belong to 0, 1, 2, … emotions (draw, number)."""
    numbers = member.sum(2)
    return np.stack([(numbers == k).sum(1) for k in range(member.shape[2] + 1)], 1)


def specific_counts(member: Bools) -> Ints:
    """Count the features that belong to each emotion and to no other (draw, emotion)."""
    return (member & (member.sum(2, keepdims=True) == 1)).sum(1)


def common_counts(member: Bools) -> Ints:
    """Count the features that two emotions have in common, on the diagonal those of one (draw, emotion, emotion)."""
    each = member.astype(np.float32)
    return np.rint(each.transpose(0, 2, 1) @ each).astype(int)


def selective(
    saes: Mapping[HookPoint, Sae], first: AnswerSample, second: AnswerSample, n: int, seed: int
) -> dict[HookPoint, Membership]:
    """Find features that rank higher on an emotion's texts: beyond the threshold on `first`, nominally on `second`.

    The threshold is the 95 % point of the largest statistic of all features of the hook point, over `n` permutations
    of the labels.
    """
    memberships = {}
    for point, sae in saes.items():
        x, x_again = (encode(sae, sample.activations[point]) for sample in (first, second))
        ranks, feature = _selectivity(x, first), np.unique(x.indices)
        above = ranks.statistic(first.weights) > ranks.null(n, seed).threshold
        member = above & _above(x_again, second, sae.d_sae, NOMINAL)[:, :, feature]
        memberships[point] = _membership(x, x_again, feature, member, second)
    return memberships


def stepwise(
    saes: Mapping[HookPoint, Sae], first: AnswerSample, second: AnswerSample, known: Memberships, n: int, seed: int
) -> dict[HookPoint, Membership]:
    """Extend the memberships of `selective`, `known`, by further emotions of the same features.

    The rank sums of a feature over all emotions add up to zero, so a strong effect for one emotion hides effects for
    others. They are looked for on the texts without the feature's strongest emotion, with the threshold of `selective`.
    """
    extended = {}
    for point, sae in saes.items():
        x, x_again = (encode(sae, sample.activations[point]) for sample in (first, second))
        ranks, membership = _selectivity(x, first), known[point]
        threshold = ranks.null(n, seed).threshold
        strongest = np.where(membership.member[0].any(1), ranks.statistic()[0].argmax(0), -1)
        member = membership.member.copy()
        for label in np.unique(strongest[strongest >= 0]):
            rest, rest_again = (_without(y, sample, label) for y, sample in ((x, first), (x_again, second)))
            further = _above(*rest, sae.d_sae, threshold) & _above(*rest_again, sae.d_sae, NOMINAL)
            features = membership.feature[strongest == label]
            member[:, strongest == label] |= further[:, :, features].transpose(0, 2, 1)
        extended[point] = replace(membership, member=member)
    return extended


def _without(features: csr_array, answers: AnswerSample, label: int) -> tuple[csr_array, AnswerSample]:
    """Leave out the texts of a label."""
    kept = np.flatnonzero(answers.questions.gold != label)
    sample = Sample(answers.questions.take(kept), answers.weights[:, kept], answers.sample.seed)
    return features[kept], AnswerSample(sample, {})


def _selectivity(features: csr_array, answers: AnswerSample) -> Selectivity:
    return Selectivity.of(features, answers.questions.gold, Strata(np.zeros(len(answers.questions), dtype=int)))


def _above(features: csr_array, answers: AnswerSample, d_sae: int, threshold: float) -> Bools:
    """Whether each feature ranks higher on an emotion's texts, beyond a threshold (draw, emotion, feature)."""
    statistic = _selectivity(features, answers).statistic(answers.weights)
    above = np.zeros((len(statistic), len(answers.questions.labels), d_sae), dtype=bool)
    above[:, : statistic.shape[1], np.unique(features.indices)] = statistic > threshold
    return above


def _membership(
    features: csr_array, features_again: csr_array, feature: Ints, member: Bools, second: AnswerSample
) -> Membership:
    """Membership of the features that fire on the first split; `member` is (draw, emotion, feature)."""
    rate = np.bincount(features.indices, minlength=features.shape[1])[feature] / features.shape[0]
    return Membership(feature, rate, member.transpose(0, 2, 1), label_means(features_again, second.questions)[feature])


def label_means(features: csr_array, questions: Questions) -> Floats:
    """Mean of each feature (text, feature) over each label's texts (feature, label)."""
    member = np.eye(len(questions.labels))[questions.gold]
    return (features.T @ member) / np.maximum(member.sum(0), 1)


def supporting(saes: Mapping[HookPoint, Sae], first: AnswerSample, second: AnswerSample) -> dict[HookPoint, Membership]:
    """Find features that support an emotion.

    On `first` the false discovery rate is controlled among all features of a hook point; on `second` the effect has to
    be nominally significant and at least `LEAST_SUPPORT`.
    """
    means = {point: sae.encode(first.activations[point]).mean(0) for point, sae in saes.items()}
    read = {
        point: [encode(sae, sample.activations[point]) for sample in (first, second)] for point, sae in saes.items()
    }
    active = {point: np.unique(x.indices) for point, (x, _) in read.items()}
    effects, effects_again = (_effects(sample.questions, saes, means, active) for sample in (first, second))
    memberships = {}
    for point, sae in saes.items():
        x, x_again = read[point]
        _, t = mean_and_t(effects[point], first.questions.gold, first.weights)
        mean_again, t_again = mean_and_t(effects_again[point], second.questions.gold, second.weights)
        confirmed = (t_again < -NOMINAL) & (mean_again < -LEAST_SUPPORT)
        member = (t <= -discovery_threshold(-t[0], np.bincount(first.questions.gold))) & confirmed
        for features, sample in ((x, first), (x_again, second)):
            member &= _above(features, sample.without_resamples, sae.d_sae, NOMINAL)[:, :, active[point]]
        memberships[point] = _membership(x, x_again, active[point], member, second)
    return memberships


def _effects(
    questions: Questions,
    saes: Mapping[HookPoint, Sae],
    means: Mapping[HookPoint, Tensor],
    active: Mapping[HookPoint, Ints],
) -> dict[HookPoint, Floats]:
    """Estimate how the log-odds of each text change when an active feature is moved to its mean (text, feature)."""
    targets = {point: (means[point], torch.zeros(sae.d_in)) for point, sae in saes.items()}
    parts: dict[HookPoint, list[Floats]] = {point: [] for point in saes}
    for start in range(0, len(questions), _CHUNK):
        chunk = questions.take(range(start, min(start + _CHUNK, len(questions))))
        for point, attribution in attribute(chunk, saes, targets, "answer", np.arange(len(chunk))).items():
            parts[point].append(attribution.effect[: len(chunk), active[point]].astype(np.float32))
    return {point: np.concatenate(effects) for point, effects in parts.items()}


def writes_label(questions: Questions, sae: Sae, membership: Membership) -> Bools:
    """Whether each feature of a hook point belongs to an emotion and writes a label word (feature)."""
    writes = membership.member[0].any(1)
    features = [FeatureId(sae.point, int(i)) for i in membership.feature[writes]]
    labels = written_labels(questions, {sae.point: sae}, features)
    writes[writes] = [label != "" for label in labels]
    return writes
