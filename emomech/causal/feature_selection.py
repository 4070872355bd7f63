"""Which features support a label: those whose ablation would make it less sure, chosen among all of all hook points.

A feature supports a label where moving it to its mean lowers the log-odds of the label on the label's texts, by the
gradient screen of `attribution`, for more than chance: one-sided t-test over texts, with a false discovery rate of 5 %
(Benjamini and Hochberg, 1995). What would speak for another label and is not there helps too, but is no feature of this
label: moving it to zero would change nothing, and so it is left out.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emomech.causal.dictionary import Dictionary, Support
from emomech.causal.questions import Questions, balanced
from emomech.core.errors import UsageError
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.data.corpus import Split
from emomech.stats.auroc import Bools
from emomech.stats.estimates import Floats, Ints
from emomech.study.study import Study

MIN_TEXTS = 12
"""Fewer texts per label than this, in any split, say nothing about it."""
FALSE_DISCOVERIES = 0.05


def asked(study: Study, most: Mapping[Split, int]) -> dict[Split, Questions] | str:
    """Draw equally many texts of every label from each split, at most so many; or say why they cannot speak."""
    rows: dict[Split, Ints] = {split: balanced(study, split, n) for split, n in most.items()}
    n_labels = len(study.corpus.labels)
    fewest = min(map(len, rows.values())) // n_labels
    if fewest < MIN_TEXTS:
        return f"only {fewest} texts of the rarest emotion are left in a split, and {MIN_TEXTS} are needed"
    _ = study.prompts, study.answers  # what is wrong with these is no matter of the labels
    found: dict[Split, Questions] = {}
    try:
        for split, chosen in rows.items():
            found[split] = Questions.of(study, chosen)
    except UsageError as error:
        return f"the labels cannot be told apart by one token ({error})"
    return found


@dataclass(frozen=True, eq=False)
class Chosen:
    """By how much the features of some hook points support the labels of some texts, to choose among them."""

    support: Support
    gold: Ints
    fired: Mapping[HookPoint, Floats]
    """The same by firing alone, mean over the texts of each label (label, d_sae)."""

    @classmethod
    def of(cls, dictionary: Dictionary, questions: Questions) -> "Chosen":
        """Screen the dictionary on the texts."""
        support, fired = dictionary.support_and_firing(questions)
        return cls(support, questions.gold, fired)

    def by_label(self, *points: HookPoint) -> list[list[FeatureId]]:
        """Rank the features of some hook points, or of all, that support each label."""
        asked = points or tuple(self.support)
        return [self._supporting(label, asked) for label in range(len(self.fired[asked[0]]))]

    def _supporting(self, label: int, points: Sequence[HookPoint]) -> list[FeatureId]:
        values = np.concatenate([self.support[point][self.gold == label] for point in points], 1)
        fired = np.concatenate([self.fired[point][label] for point in points])
        names = [FeatureId(point, i) for point in points for i in range(self.support[point].shape[1])]
        return [names[i] for i in ranked(values, fired >= values.mean(0) / 2)]


def ranked(support: Floats, candidates: Bools) -> Ints:
    """Rank the candidates (feature) whose mean support (text, feature) is above chance, the strongest first."""
    from scipy.stats import false_discovery_control, ttest_1samp

    mean = support.mean(0)
    tested = np.flatnonzero(candidates & (mean != 0))
    if not len(tested):
        return tested
    # a support that is the same in all texts has no error
    with np.errstate(divide="ignore"), warnings.catch_warnings(action="ignore"):
        chance = np.asarray(ttest_1samp(support[:, tested], 0, alternative="greater"))[1]
    kept = tested[(false_discovery_control(chance) <= FALSE_DISCOVERIES) & (mean[tested] > 0)]
    return kept[np.argsort(-mean[kept], kind="stable")]


def with_labels_shuffled(questions: Questions, seed: int) -> Questions:
    """Ask every question as if its text had another label than it has, every other one equally often.

    Were a text left its own label, what writes that label's word would be found again.
    """
    rng, n_labels, gold = np.random.default_rng(seed), len(questions.labels), questions.gold.copy()
    for label in range(n_labels):
        rows = rng.permutation(np.flatnonzero(questions.gold == label))
        gold[rows] = (label + 1 + np.arange(len(rows)) % (n_labels - 1)) % n_labels
    return replace(questions, gold=gold)
