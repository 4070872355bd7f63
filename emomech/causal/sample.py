"""Questions that report, the unedited answers, and the resamples that every interval is drawn from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from emomech.causal.dictionary import Dictionary
from emomech.causal.effects import logits_of_each
from emomech.causal.questions import Questions, log_odds
from emomech.core.hook_points import FeatureId
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Estimate, Floats, Ints, posterior_interval, with_resamples


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


def doubling(n: int) -> list[int]:
    """Sizes to try of up to n things: powers of two, and all; none of nothing."""
    return [*(2**i for i in range(n.bit_length()) if 2**i < n), n] if n else []
