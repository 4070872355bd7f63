"""Which features belong to which emotions, and how many of them several would share if emotions chose independently.

Two kinds of evidence. A feature is *selective* for an emotion when it ranks higher on its texts than on the others
(`selectivity`); it *supports* the emotion when it also ranks higher there and moving it to what is usual would lower
the log-odds of the label (`attribution`). Either is chosen on one split and has to show again on another.

To be shared by two emotions is no finding by itself: features that fire often have more occasions to belong to any.
Under *independent assignment* every emotion keeps the number of its features, in each bin of firing rate, but not
which ones they are.
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
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.language_model import LanguageModel
from emomech.saes.encoding import encode
from emomech.saes.sae import Sae
from emomech.stats.auroc import Bools
from emomech.stats.estimates import Floats, Ints, with_resamples
from emomech.stats.selectivity import Selectivity, Strata
from emomech.stats.testing import mean_and_t, significant_columns

NOMINAL = 1.645
"""What a standardised rank sum has to exceed where it is to show again: one-sided 5 %."""
LEAST_SUPPORT = 0.01
"""Smallest loss of log-odds, in nats, that counts as support: a hundredth of what makes odds e times as large."""
N_BINS = 5
"""Bins of firing rate, of equally many features."""
_CHUNK = 64
"""Texts whose effects of all features are held at once."""


@dataclass(frozen=True, eq=False)
class Side:
    """The questions of one split, asked of one model: what stands at their answers, and how often each is drawn."""

    questions: Questions = field(repr=False)
    activations: Mapping[HookPoint, Tensor] = field(repr=False)
    weights: Floats = field(repr=False)
    """(resample, text); the first row is the texts themselves."""

    @classmethod
    def of(cls, questions: Questions, saes: Mapping[HookPoint, Sae], n_resamples: int, seed: int) -> "Side":
        """Run the model over the questions, and draw their clusters again `n_resamples` times."""
        weights = with_resamples(questions.clusters, n_resamples, seed)
        return cls(questions, questions.activations(list(saes), "answer"), weights)

    @property
    def unweighted(self) -> "Side":
        """Leave the resamples out."""
        return replace(self, weights=self.weights[:1])

    def on(self, lm: LanguageModel) -> "Side":
        """Ask another model of the same tokenizer."""
        asked = self.questions.on(lm)
        return replace(self, questions=asked, activations=asked.activations(list(self.activations), "answer"))

    def with_labels_shuffled(self, seed: int) -> "Side":
        """Exchange the labels: what is then found is found by chance."""
        gold = np.random.default_rng(seed).permutation(self.questions.gold)
        return replace(self, questions=replace(self.questions, gold=gold))


@dataclass(frozen=True, eq=False)
class Belonging:
    """Which features of one hook point belong to which emotion."""

    feature: Ints
    """Number of each feature that fires where features are chosen (feature)."""
    rate: Floats
    """Share of the texts on which it fires (feature)."""
    member: Bools
    """(resample, feature, emotion); the first row is of the texts themselves."""
    profile: Floats
    """Mean activation on each emotion's texts, where it has to show again (feature, emotion)."""

    def keep(self, which: Bools) -> "Belonging":
        """Keep some of the features."""
        return Belonging(self.feature[which], self.rate[which], self.member[:, which], self.profile[which])

    def independent(self, n: int, seed: int) -> Bools:
        """Draw from independent assignment, once for each resample, `n` times for the first (draw, feature, emotion).

        The draws of the first come first.
        """
        rng = np.random.default_rng(seed)
        drawn = np.concatenate([np.repeat(self.member[:1], n, 0), self.member[1:]])
        order = np.lexsort((rng.random(len(self.rate)), self.rate))  # those that fire alike, in any order
        for same in np.array_split(order, N_BINS):
            if len(same):
                drawn[:, same] = rng.permuted(drawn[:, same], axis=1)
        return drawn


def how_many(member: Bools) -> Ints:
    """Count the features that belong to 0, 1, 2, … emotions (resample, number)."""
    numbers = member.sum(2)
    return np.stack([(numbers == k).sum(1) for k in range(member.shape[2] + 1)], 1)


def specific(member: Bools) -> Ints:
    """Count the features that belong to each emotion and to no other (resample, emotion)."""
    return (member & (member.sum(2, keepdims=True) == 1)).sum(1)


def in_common(member: Bools) -> Ints:
    """Count the features that each two emotions have in common; on the diagonal, each one's (resample, emotion, …)."""
    each = member.astype(np.float32)
    return np.rint(each.transpose(0, 2, 1) @ each).astype(int)


def selective(
    saes: Mapping[HookPoint, Sae], chosen: Side, again: Side, n: int, seed: int
) -> dict[HookPoint, Belonging]:
    """Find the features that rank higher on an emotion's texts: above the threshold, and again nominally.

    The threshold is that of the largest of all features of the hook point, over `n` permutations of the labels.
    """
    found = {}
    for point, sae in saes.items():
        here, there = (encode(sae, side.activations[point]) for side in (chosen, again))
        tested, feature = _ranked(here, chosen), np.unique(here.indices)
        above = tested.statistic(chosen.weights) > tested.null(n, seed).threshold
        member = above & _above(there, again, sae.d_sae, NOMINAL)[:, :, feature]
        found[point] = _belonging(here, there, feature, member, again)
    return found


def stepwise(
    saes: Mapping[HookPoint, Sae], chosen: Side, again: Side, found: Mapping[HookPoint, Belonging], n: int, seed: int
) -> dict[HookPoint, Belonging]:
    """Add to what is selective a second emotion each, looked for with the texts of the strongest put aside.

    Ranks of one emotion against all others add up to nothing: what a feature tells most hides what else it tells.
    The threshold stays that of `selective`, with which it was `found`.
    """
    more = {}
    for point, sae in saes.items():
        here, there = (encode(sae, side.activations[point]) for side in (chosen, again))
        tested, one = _ranked(here, chosen), found[point]
        threshold = tested.null(n, seed).threshold
        strongest = np.where(one.member[0].any(1), tested.statistic()[0].argmax(0), -1)
        member = one.member.copy()
        for label in np.unique(strongest[strongest >= 0]):
            first, second = (_without(x, side, label) for x, side in ((here, chosen), (there, again)))
            beside = _above(*first, sae.d_sae, threshold) & _above(*second, sae.d_sae, NOMINAL)
            of_it = one.feature[strongest == label]
            member[:, strongest == label] |= beside[:, :, of_it].transpose(0, 2, 1)
        more[point] = replace(one, member=member)
    return more


def _without(features: csr_array, side: Side, label: int) -> tuple[csr_array, Side]:
    """Put the texts of a label aside."""
    kept = np.flatnonzero(side.questions.gold != label)
    return features[kept], Side(side.questions.take(kept), {}, side.weights[:, kept])


def _ranked(features: csr_array, side: Side) -> Selectivity:
    return Selectivity.of(features, side.questions.gold, Strata(np.zeros(len(side.questions), dtype=int)))


def _above(features: csr_array, side: Side, d_sae: int, threshold: float) -> Bools:
    """Whether each feature ranks higher on an emotion's texts, beyond a threshold (resample, emotion, feature)."""
    statistic = _ranked(features, side).statistic(side.weights)
    found = np.zeros((len(statistic), len(side.questions.labels), d_sae), dtype=bool)
    found[:, : statistic.shape[1], np.unique(features.indices)] = statistic > threshold
    return found


def _belonging(here: csr_array, there: csr_array, feature: Ints, member: Bools, again: Side) -> Belonging:
    """Gather what is known of the features that fire; member is (resample, emotion, feature)."""
    rate = np.bincount(here.indices, minlength=here.shape[1])[feature] / here.shape[0]
    return Belonging(feature, rate, member.transpose(0, 2, 1), label_means(there, again.questions)[feature])


def label_means(features: csr_array, questions: Questions) -> Floats:
    """Mean of each feature over each label's texts (feature, label)."""
    member = np.eye(len(questions.labels))[questions.gold]
    return (features.T @ member) / np.maximum(member.sum(0), 1)


def supporting(saes: Mapping[HookPoint, Sae], chosen: Side, again: Side) -> dict[HookPoint, Belonging]:
    """Find the features that support an emotion: by FDR among all of a hook point, and again nominally and in size."""
    usual = {point: sae.encode(chosen.activations[point]).mean(0) for point, sae in saes.items()}
    read = {point: [encode(sae, side.activations[point]) for side in (chosen, again)] for point, sae in saes.items()}
    active = {point: np.unique(here.indices) for point, (here, _) in read.items()}
    first, second = (_effects(side.questions, saes, usual, active) for side in (chosen, again))
    found = {}
    for point, sae in saes.items():
        here, there = read[point]
        _, t = mean_and_t(first[point], chosen.questions.gold, chosen.weights)
        mean_again, t_again = mean_and_t(second[point], again.questions.gold, again.weights)
        shows = (t_again < -NOMINAL) & (mean_again < -LEAST_SUPPORT)
        member = (t <= -significant_columns(-t[0], np.bincount(chosen.questions.gold))) & shows
        for features, side in ((here, chosen), (there, again)):
            member &= _above(features, side.unweighted, sae.d_sae, NOMINAL)[:, :, active[point]]
        found[point] = _belonging(here, there, active[point], member, again)
    return found


def _effects(
    questions: Questions,
    saes: Mapping[HookPoint, Sae],
    usual: Mapping[HookPoint, Tensor],
    active: Mapping[HookPoint, Ints],
) -> dict[HookPoint, Floats]:
    """Estimate per text how the log-odds change when an active feature of the answer is moved (text, feature)."""
    targets = {point: (usual[point], torch.zeros(sae.d_in)) for point, sae in saes.items()}
    found: dict[HookPoint, list[Floats]] = {point: [] for point in saes}
    for start in range(0, len(questions), _CHUNK):
        some = questions.take(range(start, min(start + _CHUNK, len(questions))))
        for point, one in attribute(some, saes, targets, "answer", np.arange(len(some))).items():
            found[point].append(one.effect[: len(some), active[point]].astype(np.float32))
    return {point: np.concatenate(parts) for point, parts in found.items()}


def label_writing(questions: Questions, sae: Sae, one: Belonging) -> Bools:
    """Whether each feature of a hook point belongs to an emotion and writes a label (feature)."""
    wrote = one.member[0].any(1)
    features = [FeatureId(sae.point, int(i)) for i in one.feature[wrote]]
    named = written_labels(questions, {sae.point: sae}, features)
    wrote[wrote] = [label != "" for label in named]
    return wrote
