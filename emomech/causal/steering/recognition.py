"""How well labels are recognised, before and after a change, on texts drawn for three purposes.

Texts of `discover` choose what is changed, few of them and with their labels; those of `tune` choose how much; what is
reported is of `report` alone, where the choices before and after are compared text by text.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from emomech.causal.questions import Questions, balanced
from emomech.stats.classification import Confusion, standing
from emomech.stats.estimates import Estimate, Floats, Ints, bootstrap_weights, interval, mean_estimate
from emomech.stats.testing import mcnemar
from emomech.study.study import Study

ACCURACY, F1 = "balanced accuracy", "macro-F1"
NO_ROOM = 0.99
"""A balanced accuracy whose interval reaches so far leaves nothing to gain."""
LEAST = 2
"""Fewer texts of a label than this on any side say nothing."""


@dataclass(frozen=True, eq=False)
class Texts:
    """Questions of one study by what they are for, each label equally often, and the study's rows of the first."""

    labelled: Questions = field(repr=False)
    rows: Ints = field(repr=False)
    """Which texts of the corpus the labelled ones are (text)."""
    tune: Questions = field(repr=False)
    report: Questions = field(repr=False)
    report_rows: Ints = field(repr=False)
    n_resamples: int
    seed: int

    @classmethod
    def of(cls, study: Study, n_labelled: int, n_tune: int, n_report: int, n_resamples: int) -> "Texts":
        """Draw at most so many texts of each label. Raises UsageError where labels begin with one token."""
        rows = [balanced(study, "discover", n_labelled), balanced(study, "tune", n_tune)]
        rows.append(balanced(study, "report", n_report))
        asked = [Questions.of(study, some) for some in rows]
        return cls(asked[0], rows[0], asked[1], asked[2], rows[2], n_resamples, study.spec.seed)

    def on(self, report: Questions) -> "Texts":
        """Report on other questions about the same texts."""
        return replace(self, report=report)

    @cached_property
    def tune_logits(self) -> Floats:
        """Logits of the labels where doses are chosen, of the model as it is (text, label)."""
        return self.tune.logits()

    @cached_property
    def report_logits(self) -> Floats:
        """Logits of the labels where results are reported, of the model as it is (text, label)."""
        return self.report.logits()

    @cached_property
    def weights(self) -> Floats:
        """Bootstrap weights of the reported texts (resample, text)."""
        return bootstrap_weights(self.report.clusters, self.n_resamples, self.seed)

    @property
    def first(self) -> Ints:
        """Place of each labelled text among those of its label, in an order that the seed decides (text)."""
        return ranks(self.labelled.gold, self.seed)

    def standing(self) -> Estimate:
        """Balanced accuracy of the model as it is, on the reported texts, with the interval of its posterior."""
        report = self.report
        return standing(report.gold, self.report_logits.argmax(1), len(report.labels), report.clusters, self.seed)

    def unread(self) -> str:
        """Say why nothing can be learned of the model here: too few texts, or it is at chance. Empty where it can."""
        sides = (self.labelled, self.tune, self.report)
        n = min(len(side) // len(side.labels) for side in sides)
        if n < LEAST:
            return f"some label has {n} texts on one side of the split, at least {LEAST} are needed"
        standing = self.standing()
        at_chance = not standing.low > 1 / len(self.report.labels)
        return f"the model is at chance here: its balanced accuracy is {standing}" if at_chance else ""

    def untested(self) -> str:
        """Say why no gain can be shown here: nothing can be learned, or there is no room. Empty where one can."""
        if reason := self.unread():
            return reason
        standing = self.standing()
        return f"there is no room for a gain: balanced accuracy is {standing}" if standing.high >= NO_ROOM else ""

    def change(self, logits: Floats) -> "Change":
        """Compare the model as it is with logits of the reported texts after a change (text, label)."""
        return Change(self.report.gold, self.report_logits, logits, self.weights)


@dataclass(frozen=True, eq=False)
class Change:
    """Logits before and after on the same texts (text, label), and bootstrap weights (resample, text)."""

    gold: Ints = field(repr=False)
    before: Floats = field(repr=False)
    after: Floats = field(repr=False)
    weights: Floats = field(repr=False)

    @property
    def right(self) -> tuple[np.ndarray, np.ndarray]:
        """Which texts are right before and after (text)."""
        return self.before.argmax(1) == self.gold, self.after.argmax(1) == self.gold

    @property
    def flips(self) -> tuple[int, int, float]:
        """How many texts are put right, how many wrong, and McNemar's exact p-value."""
        before, after = self.right
        return int((after & ~before).sum()), int((before & ~after).sum()), mcnemar(before, after)

    def score(self, measure: str = ACCURACY) -> Estimate:
        """Balanced accuracy or macro-F1 after the change."""
        found = [_score(measure, self.gold, self.after, weights) for weights in (None, self.weights)]
        return interval(float(found[0][0]), found[1], len(self.gold))

    def gain(self, measure: str = ACCURACY) -> Estimate:
        """Rise of balanced accuracy or macro-F1, on the same texts."""
        value, resampled = (self.gains(weights, measure) for weights in (None, self.weights))
        return interval(float(value[0]), resampled, len(self.gold))

    def rise(self) -> tuple[float, Estimate]:
        """Share of right texts before, and its rise."""
        before, after = (right.astype(float) for right in self.right)
        return float(before.mean()), mean_estimate(after - before, self.weights)

    def beyond(self, other: "Change", measure: str = ACCURACY) -> Estimate:
        """Difference of two gains on the same texts."""
        found = [self.gains(weights, measure) - other.gains(weights, measure) for weights in (None, self.weights)]
        return interval(float(found[0][0]), found[1], len(self.gold))

    def gains(self, weights: Floats | None = None, measure: str = ACCURACY) -> Floats:
        """Rise of balanced accuracy or macro-F1 in the texts as they are, or in every resample (resample)."""
        after, before = (_score(measure, self.gold, logits, weights) for logits in (self.after, self.before))
        return np.round(after - before, 12)  # two sums of the same parts differ in their last bits

    def take(self, rows: Ints) -> "Change":
        """Keep some of the texts."""
        return Change(self.gold[rows], self.before[rows], self.after[rows], self.weights[:, rows])


def ranks(gold: Ints, seed: int) -> Ints:
    """Put the texts of each label in an order that the seed decides: the first n are the labelled ones (text)."""
    order = np.random.default_rng(seed).permutation(len(gold))
    rank = np.empty(len(gold), dtype=int)
    for label in np.unique(gold):
        own = order[gold[order] == label]
        rank[own] = np.arange(len(own))
    return rank


def accuracy(logits: Floats, gold: Ints) -> float:
    """Balanced accuracy of the likeliest label, from logits (text, label)."""
    return float(_score(ACCURACY, gold, logits, None)[0])


def _score(measure: str, gold: Ints, logits: Floats, weights: Floats | None) -> Floats:
    """Score the likeliest labels, per resample where there are weights."""
    found = Confusion.of(gold, logits.argmax(1), logits.shape[1], weights)
    return found.balanced_accuracy() if measure == ACCURACY else found.macro_f1()
