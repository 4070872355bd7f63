"""How well labels are recognised, before and after a change, on texts drawn for three purposes.

A few labelled texts of `discover` select what is changed, texts of `tune` choose the dose, and results are measured on
`report`, where the answers before and after are compared text by text.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from emomech.causal import recordings
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.models.language_model import LanguageModel
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Bools, Estimate, Floats, Ints, interval, mean_estimate
from emomech.stats.paired_answers import LEAST_RIGHT, rise
from emomech.stats.testing import mcnemar
from emomech.study.study import Study

ACCURACY, F1 = "balanced accuracy", "macro-F1"
LEAST = 2
"""Texts of each label that each side of the split needs at least."""


@dataclass(frozen=True, eq=False)
class Texts:
    """Texts of one study by their purpose, each label equally often."""

    labelled: Questions = field(repr=False)
    """Texts that select what is changed, with their labels."""
    rows: Ints = field(repr=False)
    """Number of each labelled text in the corpus (text)."""
    tune: Sample = field(repr=False)
    """Texts that choose the dose; without resamples."""
    report: Sample = field(repr=False)
    """Texts that results are measured on."""
    report_rows: Ints = field(repr=False)
    """Number of each reported text in the corpus (text)."""
    tune_rows: Ints = field(repr=False)
    """Number of each text that chooses the dose in the corpus (text)."""

    @classmethod
    def of(cls, study: Study, n_labelled: int, n_tune: int, n_report: int, n_resamples: int) -> "Texts":
        """Draw at most the given numbers of texts of each label.

        Raises UsageError for labels that begin with the same token.
        """
        rows = [balanced(study, "discover", n_labelled), balanced(study, "tune", n_tune)]
        rows.append(balanced(study, "report", n_report))
        labelled, tune, report = (recordings.kept(Questions.of(study, some)) for some in rows)
        seed = study.spec.seed
        return cls(labelled, rows[0], Sample.of(tune, 0, seed), Sample.of(report, n_resamples, seed), rows[2], rows[1])

    @property
    def seed(self) -> int:
        """The study's seed."""
        return self.report.seed

    def on(self, lm: LanguageModel) -> "Texts":
        """Ask another model of the same tokenizer about the same texts."""
        return replace(self, labelled=self.labelled.on(lm), tune=self.tune.on(lm), report=self.report.on(lm))

    @property
    def rank(self) -> Ints:
        """Place of each labelled text among those of its label, in an order that the seed decides (text)."""
        return rank_within_label(self.labelled.gold, self.seed)

    def unusable(self) -> str:
        """Say why these texts cannot be used: they are too few, or the model is at chance; else empty."""
        sides = (self.labelled, self.tune, self.report)
        n = min(len(side) // len(side.labels) for side in sides)
        if n < LEAST:
            return f"some label has {n} texts on one side of the split, at least {LEAST} are needed"
        if self.report.above_chance:
            return ""
        return f"the model is at chance here: its balanced accuracy is {self.report.balanced_accuracy}"

    @property
    def n_wrong(self) -> int:
        """Reported texts that the unedited model gets wrong."""
        return int((~self.report.right).sum())

    def untested(self, least_wrong: int = LEAST_RIGHT) -> str:
        """Say why no gain can be shown on these texts: they are unusable, or too few are wrong; else empty.

        If fewer than `least_wrong` are wrong, putting all of them right would show nothing in an exact test.
        """
        if reason := self.unusable():
            return reason
        if self.n_wrong >= least_wrong:
            return ""
        return (
            f"there is no room for a gain: {self.n_wrong} of {len(self.report)} texts are wrong to begin with, and at "
            f"least {least_wrong} would have to be put right"
        )

    def change(self, logits: Floats) -> "Change":
        """Compare the unedited model with the logits of the reported texts after a change (text, label)."""
        return Change(self.report.gold, self.report.logits, logits, self.report.resamples)


@dataclass(frozen=True, eq=False)
class Change:
    """Logits before and after on the same texts (text, label), and bootstrap weights (resample, text)."""

    gold: Ints = field(repr=False)
    before: Floats = field(repr=False)
    after: Floats = field(repr=False)
    weights: Floats = field(repr=False)

    @property
    def right(self) -> tuple[Bools, Bools]:
        """Whether each text is right before, and after (text)."""
        return self.before.argmax(1) == self.gold, self.after.argmax(1) == self.gold

    @property
    def flips(self) -> tuple[int, int, float]:
        """Texts that become right, texts that become wrong, and McNemar's exact p-value."""
        before, after = self.right
        return int((after & ~before).sum()), int((before & ~after).sum()), mcnemar(before, after)

    def score(self, measure: str = ACCURACY) -> Estimate:
        """Balanced accuracy or macro-F1 after the change."""
        value, resampled = (_score(measure, self.gold, self.after, weights) for weights in (None, self.weights))
        return interval(float(value[0]), resampled, len(self.gold))

    def gain(self, measure: str = ACCURACY) -> Estimate:
        """Rise of balanced accuracy or macro-F1; that of accuracy with the interval of `paired_answers.rise`."""
        if measure == ACCURACY:
            before, after = self.right
            return rise(self.gold, after[None], before[None], self.weights)
        value, resampled = (self.gains(weights, measure) for weights in (None, self.weights))
        return interval(float(value[0]), resampled, len(self.gold))

    def rise(self) -> tuple[float, Estimate]:
        """Accuracy before, and its rise."""
        before, after = (right.astype(float) for right in self.right)
        return float(before.mean()), mean_estimate(after - before, self.weights)

    def beyond(self, other: "Change", measure: str = ACCURACY) -> Estimate:
        """Difference of two gains on the same texts, with the interval of `gain`."""
        if measure == ACCURACY:
            if np.array_equal(self.right[0], other.right[0]):
                return rise(self.gold, self.right[1][None], other.right[1][None], self.weights)
            return self._beyond_another_start(other)
        value, resampled = (self.gains(w, measure) - other.gains(w, measure) for w in (None, self.weights))
        return interval(float(value[0]), resampled, len(self.gold))

    def _beyond_another_start(self, other: "Change") -> Estimate:
        """Difference of two gains that start from different answers, as those of another network do."""
        value, resampled = (self.gains(w) - other.gains(w) for w in (None, self.weights))
        found, own = interval(float(value[0]), resampled, len(self.gold)), self.gain()
        reach = max(own.value - own.low, own.high - own.value) if other.flips[:2] == (0, 0) else 0.0
        return Estimate(found.value, min(found.low, found.value - reach), max(found.high, found.value + reach), found.n)

    def gains(self, weights: Floats | None = None, measure: str = ACCURACY) -> Floats:
        """Rise of balanced accuracy or macro-F1 in each row of the weights (resample); one value without weights."""
        after, before = (_score(measure, self.gold, logits, weights) for logits in (self.after, self.before))
        return np.round(after - before, 12)  # sums of the same terms in another order differ in the last bits

    def take(self, rows: Ints) -> "Change":
        """Keep some of the texts."""
        return Change(self.gold[rows], self.before[rows], self.after[rows], self.weights[:, rows])


def rank_within_label(gold: Ints, seed: int) -> Ints:
    """Place of each text among those of its label, in an order that the seed decides (text).

    The texts with a rank below n are n labelled texts of each label.
    """
    order = np.random.default_rng(seed).permutation(len(gold))
    rank = np.empty(len(gold), dtype=int)
    for label in np.unique(gold):
        of_label = order[gold[order] == label]
        rank[of_label] = np.arange(len(of_label))
    return rank


def accuracy(logits: Floats, gold: Ints) -> float:
    """Balanced accuracy of the likeliest label, from logits (text, label)."""
    return float(_score(ACCURACY, gold, logits, None)[0])


def _score(measure: str, gold: Ints, logits: Floats, weights: Floats | None) -> Floats:
    """Score the likeliest labels in every row of the weights; one value without weights."""
    confusion = Confusion.of(gold, logits.argmax(1), logits.shape[1], weights)
    return confusion.balanced_accuracy() if measure == ACCURACY else confusion.macro_f1()
