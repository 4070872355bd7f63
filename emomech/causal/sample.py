"""Questions to report on, the unedited answers, and the resamples that every interval comes from."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from emomech.causal import recordings
from emomech.causal.effects import logits_of_each
from emomech.causal.questions import Edits, Questions, log_odds
from emomech.models.language_model import LanguageModel
from emomech.stats.auroc import Bools
from emomech.stats.chance import ABOVE, ChanceTest, chance_p
from emomech.stats.classification import Confusion, balanced_accuracy
from emomech.stats.estimates import Estimate, Floats, Ints, from_draws, ratio, with_resamples


@dataclass(frozen=True, eq=False)
class Sample:
    """Questions, what the unedited model answers, and bootstrap weights of the texts.

    The answers are computed at first use. Arrays of draws have the value itself in their first row and one resample in
    every other row, as `stats.estimates.from_draws` expects them.
    """

    questions: Questions
    weights: Floats = field(repr=False)
    """How often each text counts in each draw (draw, text): once in the first, then resamples of whole clusters."""
    seed: int
    known_logits: Floats | None = field(default=None, repr=False)
    """Logits of the labels (text, label), if they are known already."""

    @classmethod
    def of(cls, questions: Questions, n_resamples: int, seed: int) -> "Sample":
        """Draw the clusters of the questions again `n_resamples` times."""
        if not len(questions):
            return cls(questions, np.ones((1 + n_resamples, 0)), seed)
        return cls(questions, with_resamples(questions.clusters, n_resamples, seed), seed)

    def __len__(self) -> int:
        return len(self.questions)

    def take(self, rows: Ints) -> "Sample":
        """Keep some of the texts, by number, with their answers and weights."""
        return Sample(self.questions.take(rows), self.weights[:, rows], self.seed, self.logits[rows])

    def on(self, lm: LanguageModel) -> "Sample":
        """Ask another model of the same tokenizer."""
        return replace(self, questions=self.questions.on(lm), known_logits=None)

    def with_gold(self, gold: Ints) -> "Sample":
        """Replace the labels of the texts by `gold` (text)."""
        return replace(self, questions=self.questions.with_gold(gold))

    def replayed(self) -> "Sample":
        """Take the unedited answers from the replay that also computes `losses`.

        An edit that changes nothing then loses exactly 0; otherwise the two differ by rounding (`models.replay`).
        The replay is kept for all edits that follow.
        """
        questions = recordings.kept(self.questions)
        return replace(self, questions=questions, known_logits=logits_of_each(questions, [{}])[0])

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels."""
        return self.questions.labels

    @property
    def gold(self) -> Ints:
        """Number of each text's label (text)."""
        return self.questions.gold

    @property
    def n(self) -> int:
        """Texts of each label."""
        return len(self.questions) // len(self.labels)

    @property
    def resamples(self) -> Floats:
        """Weights of the resamples only, without the first row (resample, text)."""
        return self.weights[1:]

    def rows(self, label: int) -> Ints:
        """Numbers of a label's texts."""
        return np.flatnonzero(self.gold == label)

    @cached_property
    def logits(self) -> Floats:
        """Logits of the labels from the unedited model (text, label)."""
        return self.questions.logits() if self.known_logits is None else self.known_logits

    @cached_property
    def base(self) -> Floats:
        """Log-odds of each text's own label from the unedited model, in nats (text)."""
        return log_odds(self.logits, self.gold)

    @property
    def right(self) -> Bools:
        """Whether the unedited model gives each text its own label (text)."""
        return self.logits.argmax(1) == self.gold

    @cached_property
    def recall(self) -> Floats:
        """Recall of each label, then draws from its posterior (draw, label)."""
        confusion = Confusion.of(self.gold, self.logits.argmax(1), len(self.labels))
        independent = len(set(self.questions.clusters)) / len(self)
        drawn = confusion.recall_draws(len(self.resamples), self.seed, independent)
        return np.concatenate([confusion.recall(), drawn])

    @property
    def accuracy(self) -> Estimate:
        """Balanced accuracy, with an interval from as many posterior draws as there are resamples."""
        return from_draws(self.recall.mean(1), len(self), "posterior")

    @cached_property
    def balanced_accuracy(self) -> Estimate:
        """The same value with the interval of `classification.balanced_accuracy`, which ignores `n_resamples`."""
        return balanced_accuracy(self.gold, self.logits.argmax(1), len(self.labels), self.questions.clusters, self.seed)

    @cached_property
    def chance(self) -> ChanceTest:
        """Exact test of the unedited answers against chance; see `stats.chance`."""
        return chance_p(self.gold, self.logits.argmax(1), self.questions.clusters, len(self.labels), self.seed)

    @property
    def above_chance(self) -> bool:
        """Whether the balanced accuracy of the unedited model is above chance."""
        return self.chance.accuracy <= ABOVE

    @property
    def recognised(self) -> list[bool]:
        """Whether the recall of each label is above chance; without it there is no answer to attribute to features."""
        return [bool(p <= ABOVE) for p in self.chance.recalls]

    def losses(self, edits: Iterable[Edits]) -> Floats:
        """Log-odds of each text's own label that each edit loses, in nats (edit, text)."""
        every = list(edits)
        if not every:
            return np.zeros((0, len(self)))
        return np.stack([self.base - log_odds(logits, self.gold) for logits in logits_of_each(self.questions, every)])

    def mean_draws(self, values: Floats, rows: Ints) -> Floats:
        """Mean of values (…, text) over the texts with these numbers, in each draw (draw, …)."""
        weights = self.weights[:, rows]
        return (weights @ values.T) / np.maximum(weights.sum(1), 1).reshape(-1, *[1] * (values.ndim - 1))

    def mean(self, values: Floats, rows: Ints | None = None) -> Estimate:
        """Mean of values (text) with its interval, over all texts or those with these numbers."""
        return self.ratio(values, np.ones(len(values)), rows)

    def ratio(self, top: Floats, bottom: Floats, rows: Ints | None = None) -> Estimate:
        """Ratio of the sums of two values (text) with its interval; undefined if the lower sum is not positive."""
        rows = np.arange(len(top)) if rows is None else rows
        above, below = (self.weights[:, rows] @ values[rows] for values in (top, bottom))
        return from_draws(ratio(above, below), len(rows))


def doubling(n: int) -> list[int]:
    """Powers of two below n, then n itself; empty for n = 0.

    Example:
        >>> from emomech.causal.sample import doubling
        >>> doubling(10)
        [1, 2, 4, 8, 10]
    """
    return [*(2**i for i in range(n.bit_length()) if 2**i < n), n] if n else []
