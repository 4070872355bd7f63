"""The labelled texts drawn again: which texts select features, and which choose the dose.

A gain holds for the labelled texts at hand. On every draw all methods get the same labelled texts again: features are
selected on some, doses chosen on the others, and the bias and the class means are fitted on both together. What needs
no steering is computed once for the whole pool of labelled texts. To save passes, draws after the first try scaling,
whose dose is raised until accuracy falls, and doses that are fitted, and no other operation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from emomech.causal import recordings
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import LabelSupport, TextSupport, text_support
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample
from emomech.causal.steering.baselines import logit_bias
from emomech.causal.steering.operations import DOSES
from emomech.causal.steering.recognition import Texts, accuracy
from emomech.core.hook_points import HookPoint
from emomech.stats.estimates import Floats, Ints


@dataclass(frozen=True, eq=False)
class LabelledPool:
    """All texts with labels that methods may use: those that select features, and those that choose doses."""

    texts: Texts = field(repr=False)
    dictionary: Dictionary = field(repr=False)

    @cached_property
    def questions(self) -> Questions:
        """The pool: first the texts that select features, then those that choose doses."""
        return joined(self.texts.labelled, self.texts.tune.questions)

    @property
    def gold(self) -> Ints:
        """Number of each text's label (text)."""
        return self.questions.gold

    @cached_property
    def logits(self) -> Floats:
        """Logits of the labels from the unedited model (text, label)."""
        return np.concatenate([self.texts.labelled.logits(), self.texts.tune.logits])

    @cached_property
    def support(self) -> TextSupport:
        """How much each feature supports each text's label (text, d_sae)."""
        every = text_support(self.dictionary, self.questions)
        return {point: values.astype(np.float32) for point, values in every.items()}

    @cached_property
    def at_answer(self) -> Mapping[HookPoint, Tensor]:
        """Activations at the answer (text, d_in)."""
        return self.questions.activations(list(self.dictionary.saes), "answer")

    def own(self, n_labelled: int) -> "Labels":
        """The page's own texts: `n_labelled` of each label select features, the `tune` split chooses doses."""
        n = len(self.texts.labelled)
        selects = np.flatnonzero(self.texts.rank < n_labelled)
        return Labels(self, selects, np.arange(n, len(self.questions)))

    def redrawn(self, n_labelled: int, n_draws: int) -> Iterator["Labels"]:
        """Draw again which texts of the pool select features and which choose doses, as many as in `own`."""
        n_tune = len(self.texts.tune) // len(self.questions.labels)
        for draw in range(1, n_draws + 1):
            rng = np.random.default_rng([self.texts.seed, draw])
            drawn = [rng.permutation(np.flatnonzero(self.gold == label)) for label in range(len(self.questions.labels))]
            selects = np.concatenate([rows[:n_labelled] for rows in drawn])
            tunes = np.concatenate([rows[n_labelled : n_labelled + n_tune] for rows in drawn])
            yield Labels(self, np.sort(selects), np.sort(tunes))


@dataclass(frozen=True, eq=False)
class Labels:
    """The labelled texts that every method gets, by number in the pool."""

    pool: LabelledPool = field(repr=False)
    selects: Ints
    """Texts that select features (text)."""
    tunes: Ints
    """Texts that choose doses (text)."""

    @property
    def every(self) -> Ints:
        """All of them (text)."""
        return np.concatenate([self.selects, self.tunes])

    @cached_property
    def tune(self) -> Sample:
        """The texts that choose doses, with their unedited answers."""
        sample = Sample.of(recordings.kept(self.pool.questions.take(self.tunes)), 0, self.pool.texts.seed)
        return replace(sample, known_logits=self.pool.logits[self.tunes])

    def support(self) -> LabelSupport:
        """Mean support of each label on its texts that select features (label, d_sae)."""
        gold = self.pool.gold[self.selects]
        labels = range(len(self.pool.questions.labels))
        return {
            point: np.stack([values[self.selects[gold == label]].mean(0) for label in labels])
            for point, values in self.pool.support.items()
        }

    def bias(self) -> tuple[float, Floats]:
        """Fit a bias of the logits on all the labelled texts, and choose its dose on them; the dose, and the bias."""
        logits, gold = self.pool.logits[self.every], self.pool.gold[self.every]
        bias = logit_bias(logits, gold)
        scores = [round(accuracy(logits + dose * bias, gold), 9) for dose in DOSES]
        dose = DOSES[int(np.argmax(scores))]
        return dose, dose * bias


def joined(first: Questions, second: Questions) -> Questions:
    """Put the questions of two sets of texts one after the other; both ask one model for the same labels."""
    return replace(
        first,
        texts=first.texts + second.texts,
        label_ids=torch.cat([first.label_ids, second.label_ids]),
        gold=np.concatenate([first.gold, second.gold]),
        examples=first.examples + second.examples,
    )
