"""Membership: which features belong to which emotions, by what they tell and by what they do.

There are two kinds of evidence. A feature is *selective* for an emotion if its activation ranks higher on the emotion's
texts than on the others (`stats.selectivity`). It *supports* the emotion if it also ranks higher there and moving it to
its mean would lower the log-odds of the label (`causal.attribution`). Either is found on one split and has to be
confirmed on the other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.stats import norm
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
_CHUNK = 64
"""Texts whose effects of all features are in memory at the same time."""


FOUND = 0.75
"""AUROC of the feature whose chance of being found is reported."""


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
    threshold: float = float("inf")
    """Rank sum that selects a feature on the first split."""


Memberships = Mapping[HookPoint, Membership]


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
        gold, n_labels = first.questions.gold, len(first.questions.labels)
        threshold = _selectivity(x, gold).null(n, seed).threshold
        again = second.questions.gold, n_labels
        member = above(x, (gold, n_labels), threshold, first.weights) & above(x_again, again, NOMINAL, second.weights)
        memberships[point] = _membership(x, x_again, np.unique(x.indices), member, second, threshold)
    return memberships


def chance_of_finding(n_texts: Sequence[int], n_labels: int, threshold: float) -> float:
    """Chance with which a feature with an AUROC of `FOUND` for one of the labels is found.

    `n_texts` are the texts of each label on the two splits, `threshold` is that of the first. The rank sum of a feature
    with AUROC a is about normal, with a mean of (a − 1/2) √(12 n m / (n + m + 1)) standard deviations.

    Example:
        >>> from emomech.chapters.sharing.membership import chance_of_finding
        >>> [round(chance_of_finding((n, n), 7, 4.3), 2) for n in (24, 100)]
        [0.35, 1.0]
    """
    chance = 1.0
    for n, at in zip(n_texts, (threshold, NOMINAL), strict=True):
        others = n * (n_labels - 1)
        mean = (FOUND - 0.5) * np.sqrt(12 * n * others / (n + others + 1))
        chance *= float(norm.cdf(mean - at))
    return chance


def stepwise(
    saes: Mapping[HookPoint, Sae], first: AnswerSample, second: AnswerSample, known: Memberships
) -> dict[HookPoint, Membership]:
    """Extend the memberships of `selective`, `known`, by further emotions of the same features.

    The rank sums of a feature over all emotions add up to zero, so a strong effect for one emotion hides effects for
    others. They are looked for on the texts without the feature's strongest emotion, with the threshold of `selective`.
    """
    extended = {}
    for point, sae in saes.items():
        membership, read = known[point], []
        for sample, threshold in ((first, membership.threshold), (second, NOMINAL)):
            labels = sample.questions.gold, len(sample.questions.labels)
            read.append((encode(sae, sample.activations[point]), labels, threshold, sample.weights))
        extended[point] = replace(membership, member=with_further(membership, *read))
    return extended


Labels = tuple[Ints, int]
"""The number of each text's label (text), and how many labels there are."""
Read = tuple[csr_array, Labels, float, Floats]
"""Features (text, d_sae) of one split, their labels, the rank sum to exceed, and how often each text counts."""


def with_further(membership: Membership, first: Read, second: Read) -> Bools:
    """Members with further emotions, looked for without the texts of a feature's strongest (draw, feature, emotion)."""
    x, (gold, _), _, _ = first
    member = membership.member.copy()
    ranks = np.full((gold.max() + 1, x.shape[1]), -np.inf)
    ranks[:, np.unique(x.indices)] = _selectivity(x, gold).statistic()[0]
    strongest = np.where(member[0].any(1), ranks[:, membership.feature].argmax(0), -1)
    for label in np.unique(strongest[strongest >= 0]):
        found = []
        for features, (of_split, n_labels), threshold, weights in (first, second):
            kept = np.flatnonzero(of_split != label)
            found.append(above(features[kept], (of_split[kept], n_labels), threshold, weights[:, kept]))
        further = (found[0] & found[1])[:, :, membership.feature[strongest == label]]
        member[:, strongest == label] |= further.transpose(0, 2, 1)
    return member


def _selectivity(features: csr_array, gold: Ints) -> Selectivity:
    return Selectivity.of(features, gold, Strata(np.zeros(len(gold), dtype=int)))


def above(features: csr_array, labels: Labels, threshold: float, weights: Floats) -> Bools:
    """Whether features (text, d_sae) rank higher on a label's texts, beyond a threshold (draw, label, d_sae).

    `weights` is how often each text is drawn (draw, text).
    """
    gold, n_labels = labels
    statistic = _selectivity(features, gold).statistic(weights)
    exceeds = np.zeros((len(statistic), n_labels, features.shape[1]), dtype=bool)
    exceeds[:, : statistic.shape[1], np.unique(features.indices)] = statistic > threshold
    return exceeds


def _membership(
    x: csr_array, x_again: csr_array, feature: Ints, member: Bools, second: AnswerSample, threshold: float = np.inf
) -> Membership:
    """Membership of the features that fire on the first split; `member` is (draw, emotion, d_sae or feature)."""
    rate = np.bincount(x.indices, minlength=x.shape[1])[feature] / x.shape[0]
    profile = label_means(x_again, second.questions)[feature]
    of_feature = member[:, :, feature] if member.shape[2] == x.shape[1] else member
    return Membership(feature, rate, of_feature.transpose(0, 2, 1), profile, threshold)


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
    for point, (x, x_again) in read.items():
        _, t = mean_and_t(effects[point], first.questions.gold, first.weights)
        mean_again, t_again = mean_and_t(effects_again[point], second.questions.gold, second.weights)
        confirmed = (t_again < -NOMINAL) & (mean_again < -LEAST_SUPPORT)
        member = (t <= -discovery_threshold(-t[0], np.bincount(first.questions.gold))) & confirmed
        for features, sample in ((x, first), (x_again, second)):
            labels = sample.questions.gold, len(sample.questions.labels)
            member &= above(features, labels, NOMINAL, sample.weights[:1])[:, :, active[point]]
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
