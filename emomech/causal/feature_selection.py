"""Which features support a label: features of all hook points whose ablation would lower the label's log-odds.

A feature supports a label if moving it to its mean lowers the log-odds of the label on the label's texts, by the
gradient screen of `attribution`, beyond chance: one-sided t-test over texts, at a false discovery rate of 5 %
(Benjamini and Hochberg, 1995). A feature of another label that does not fire on these texts would pass
that test as well, because moving it to its mean, which is above zero, makes it fire. A feature of this label therefore
also needs an effect against zero that is at least half of its effect against the mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emomech.causal.attribution import Attribution, attribute, attribute_each
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, balanced
from emomech.core.errors import UsageError
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.data.corpus import Split
from emomech.stats.auroc import Bools
from emomech.stats.estimates import Floats, Ints
from emomech.stats.testing import FALSE_DISCOVERIES, benjamini_hochberg, deranged, t_test
from emomech.study.study import Study

MIN_TEXTS = 12
"""Texts per label that each split needs at least."""
TextSupport = Mapping[HookPoint, Floats]
"""How much each feature supports the label of each text, in nats (text, d_sae): the loss when it is ablated."""
LabelSupport = Mapping[HookPoint, Floats]
"""How much each feature supports each label, in nats, mean over the label's texts (label, d_sae)."""


def draw_questions(study: Study, most: Mapping[Split, int]) -> dict[Split, Questions] | str:
    """Draw equally many texts of every label from each split, at most `most`; or give the reason why that fails."""
    rows: dict[Split, Ints] = {split: balanced(study, split, n) for split, n in most.items()}
    fewest = min(map(len, rows.values())) // len(study.corpus.labels)
    if fewest < MIN_TEXTS:
        return f"only {fewest} texts of the rarest emotion are left in a split, and {MIN_TEXTS} are needed"
    _ = study.prompts, study.answers  # raises errors that are not about the labels
    try:
        return {split: Questions.of(study, chosen) for split, chosen in rows.items()}
    except UsageError as error:
        return f"the labels cannot be told apart by one token ({error})"


def text_support(dictionary: Dictionary, questions: Questions) -> dict[HookPoint, Floats]:
    """Screen how much every feature supports every text's label, in nats (text, d_sae)."""
    return _losses(attribute(questions, dictionary.saes, dictionary.means, groups=np.arange(len(questions))))


def _losses(effects: Mapping[HookPoint, Attribution]) -> dict[HookPoint, Floats]:
    return {point: -attribution.effect for point, attribution in effects.items()}


@dataclass(frozen=True, eq=False)
class FeatureScreen:
    """How much the features of some hook points support the labels of some texts, to select from."""

    support: TextSupport
    gold: Ints
    """Number of each text's label (text)."""
    against_zero: LabelSupport
    """The same with zero in place of the mean: the effect of the feature's firing."""

    @classmethod
    def of(cls, dictionary: Dictionary, questions: Questions) -> "FeatureScreen":
        """Screen the dictionary on the texts, against mean and zero in one pass."""
        moves = [(dictionary.means, np.arange(len(questions))), (dictionary.zeros, questions.gold)]
        support, against_zero = attribute_each(questions, dictionary.saes, moves)
        return cls(_losses(support), questions.gold, _losses(against_zero))

    def by_label(self, *points: HookPoint) -> list[list[FeatureId]]:
        """Rank the features that support each label, of some hook points together; by default of all."""
        at = points or tuple(self.support)
        return [self._supporting(label, at) for label in range(len(self.against_zero[at[0]]))]

    def _supporting(self, label: int, points: Sequence[HookPoint]) -> list[FeatureId]:
        values = np.concatenate([self.support[point][self.gold == label] for point in points], 1)
        firing = np.concatenate([self.against_zero[point][label] for point in points])
        ranked = rank_significant(values, firing >= values.mean(0) / 2)
        start = np.cumsum([0, *(self.support[point].shape[1] for point in points)])
        place = np.searchsorted(start, ranked, side="right") - 1
        return [FeatureId(points[i], int(feature - start[i])) for i, feature in zip(place, ranked, strict=True)]


def rank_significant(support: Floats, candidates: Bools) -> Ints:
    """Rank the candidates (feature) whose mean support (text, feature) is above chance, the strongest first."""
    mean = support.mean(0)
    tested = np.flatnonzero(candidates & (mean != 0))
    if not len(tested):
        return tested
    q = benjamini_hochberg(t_test(support[:, tested], alternative="greater"))
    kept = tested[(q <= FALSE_DISCOVERIES) & (mean[tested] > 0)]
    return kept[np.argsort(-mean[kept], kind="stable")]


def with_deranged_labels(questions: Questions, seed: int) -> Questions:
    """Give the text of every question a label other than its own, the others equally often.

    A text that kept its own label would select the features that write that label's word.
    """
    rng = np.random.default_rng(seed)
    return questions.with_gold(deranged(questions.gold, len(questions.labels), rng))
