"""Steering by causal features, and its baselines, each with its dose chosen on the same texts.

Operation and dose of the causal features are the best that were tried on `tune`. The other units are moved by the same
operation and in the same proportions, each with its own best dose, so that none is at a disadvantage because the
dose was tuned for another. If the doses of single features are fitted, so are those of the other units. Every method
gets the same labelled texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from emomech.causal.dictionary import Dictionary
from emomech.causal.effects import logits_of_each
from emomech.causal.feature_selection import LabelSupport
from emomech.causal.questions import Where
from emomech.causal.steering.baselines import class_means, few_shot, selective
from emomech.causal.steering.fits import Fits, narrow
from emomech.causal.steering.fitted_doses import WIDER, Setting, grid
from emomech.causal.steering.label_draws import LabelledPool, Labels
from emomech.causal.steering.operations import (
    DOSES,
    FITTED,
    OPERATIONS,
    Move,
    Operation,
    Trial,
    Units,
    ascent,
    best,
    climbed,
    label_support,
    matched_units,
    strongest,
    tried,
    uniform,
)
from emomech.causal.steering.probe import PROBE, probed
from emomech.causal.steering.recognition import Change, Texts
from emomech.core.errors import UsageError
from emomech.models.language_model import randomised
from emomech.saes.controls import dimensions
from emomech.stats.estimates import Ints
from emomech.study.study import Study

FEATURES, BIAS, MATCHED, RAW = "causal features", "logit bias", "matched features", "raw dimensions"
MEANS, SELECTIVE = "difference of means", "selective features"
FEW_SHOT, RANDOM_WEIGHTS = "few-shot prompt", "random weights"
SIZES = (2, 5, 20)
"""Numbers of labelled texts of each label that select the features; they are compared."""
COARSE = DOSES[1::2]
"""Every second dose, for comparisons of many features or texts."""
JOINT: Operation = "one factor per emotion"
TRIED_SHARES = (0.5, 1.0)
"""Shares of fitted doses that are tried with what the causal features are compared with."""
PLACES: Mapping[Where, str] = {
    "everywhere": "all tokens",
    "text": "all tokens but the last",
    "answer": "the last token",
}
"""Tokens at which features are moved -> their name in tables."""
_EVERYWHERE, _ANSWER = PLACES["everywhere"], "the answer"


@dataclass(frozen=True, eq=False)
class MethodResult:
    """What a method does, how and where, and the change that it makes."""

    name: str
    operation: str
    change: Change | None = field(default=None, repr=False)
    dose: float = float("nan")
    """Largest dose, in peaks of a feature."""
    displacement: float = float("nan")
    """Distance that activations are moved, as a share of their norm."""
    positions: str = _EVERYWHERE
    """Tokens that the method changes."""
    untested: str = ""
    """Why the method cannot be tested; empty if it can."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """Steering of one study, with its baselines; every step is computed at first use."""

    study: Study = field(repr=False)
    texts: Texts = field(repr=False)
    n_labelled: int
    """Labelled texts of each label that select features."""
    n_features: int
    """Features that are selected for each label."""
    n_draws: int = 1
    """Draws of the labelled texts for which doses are fitted, the page's own included."""

    @cached_property
    def labelled(self) -> Ints:
        """Numbers of the labelled texts that are used (text)."""
        return np.flatnonzero(self.texts.rank < self.n_labelled)

    @cached_property
    def dictionary(self) -> Dictionary:
        """The study's SAEs; peaks and norms need no labels, and are those of the `tune` texts."""
        return Dictionary.of(self.texts.tune.questions, self.study.saes)

    @cached_property
    def pool(self) -> LabelledPool:
        """All texts with labels that methods may use."""
        return LabelledPool(self.texts, self.dictionary)

    @cached_property
    def labels(self) -> Labels:
        """The labelled texts of the page's own draw, which every method gets."""
        return self.pool.own(self.n_labelled)

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of labelled texts per label to compare, with `n_labelled` among them; limited by the corpus."""
        most = len(self.texts.labelled) // len(self.texts.labelled.labels)
        return sorted({min(size, most) for size in (*SIZES, self.n_labelled)})

    @cached_property
    def own_support(self) -> LabelSupport:
        """Support from `n_labelled` texts of each label, or from all if there are fewer."""
        return self.labels.support()

    @cached_property
    def units(self) -> Units:
        """The causal features."""
        return narrow(self.fits.draws[0].units, self.n_features)

    @cached_property
    def fits(self) -> Fits:
        """Slopes of the doses that may be fitted, and the draws of the labelled texts."""
        sizes = self.n_labelled, self.n_features, self.n_draws
        return Fits(self.study, self.pool, *sizes, others=(self._idle, self._raw))

    def units_of(self, move: Move) -> Units:
        """The causal features that a move is for: more of them if their doses are fitted."""
        return self.fits.draws[0].units if move.operation in FITTED else self.units

    @cached_property
    def trials(self) -> Mapping[Operation, list[Trial]]:
        """All trials with the causal features, by operation."""
        tune = self.texts.tune
        trials: dict[Operation, list[Trial]] = {
            operation: tried(self.units, tune, uniform(operation, tune.logits, tune.gold), self._doses(operation))
            for operation in OPERATIONS
            if operation != JOINT
        }
        trials[JOINT] = ascent(self.units, tune.questions, best(trials["scale"]))
        own = self.fits.draws[0]
        for operation, setting in self.settings.items():
            trials[operation] = self.fits.fitting(own.units, own.labels).trials(setting)
        return trials

    @cached_property
    def settings(self) -> Mapping[Operation, Setting]:
        """What the grid chooses for the doses that are fitted, by operation."""
        own = self.fits.draws[0]
        fitting = self.fits.fitting(own.units, own.labels)
        return {operation: fitting.choose(list(grid(self.n_features, [operation]))) for operation in FITTED}

    @staticmethod
    def _doses(operation: Operation) -> Sequence[float]:
        """Doses to try: all for scaling, fewer for operations that harm at small doses already."""
        return DOSES[1:] if operation == "scale" else COARSE[:2]

    @cached_property
    def chosen(self) -> Move:
        """The best move that was tried."""
        return best([trial for trials in self.trials.values() for trial in trials]).move

    @cached_property
    def matched(self) -> Units:
        """Random features, matched to the causal ones."""
        if self.chosen.operation in FITTED:
            return self.fits.draws[0].matched
        return matched_units(self.units, self.texts.seed)

    def change(self, units: Units, move: Move) -> Change:
        """Recognition of the reported texts with units moved."""
        edits = units.edits(move)
        report = self.texts.report
        after = logits_of_each(report.questions, [edits], move.where)[0] if edits else report.logits
        return self.texts.change(after)

    def by_operation(self, operation: Operation) -> Change:
        """Recognition with the causal features moved by the best dose of one operation."""
        move = best(self.trials[operation]).move
        return self.change(self.units_of(move), move)

    def methods(self) -> list[MethodResult]:
        """Results of all methods, the causal features first; all get the same labelled texts."""
        causal = self._result(FEATURES, self.units_of(self.chosen), self.chosen)
        results = [causal, self._moved(MATCHED, self.matched, self.chosen)]
        results.append(self._moved(SELECTIVE, self._sized(self._idle), self.chosen))
        results.append(self._moved(RAW, self._sized(self._raw), self.chosen))
        projected = self._moved(MEANS, self.means(self.labels), self.scale)
        results.append(replace(projected, operation="scale the projection"))
        dose, change = self.bias(self.labels)
        how = "added to the logits, fitted on all the labelled texts"
        results.append(MethodResult(BIAS, how, change, dose, 0.0, _ANSWER))
        return [*results, self._probe(), self._few_shot(), self._random_weights()]

    def _result(self, name: str, units: Units, move: Move) -> MethodResult:
        change, moved = self.change(units, move), units.displacement(move)
        return MethodResult(name, move.operation, change, move.dose, moved, PLACES[move.where])

    def _moved(self, name: str, units: Units, move: Move) -> MethodResult:
        """Move units in the proportions of a move at their own best dose, or by doses that are fitted to them."""
        if move.operation not in FITTED:
            return self._result(name, units, climbed(units, self.texts.tune, move, COARSE))
        trials = self.fits.fitting(units, self.labels).trials(self.settings[move.operation], TRIED_SHARES)
        return self._result(name, units, best(trials).move)

    def _sized(self, units: Units) -> Units:
        """Keep as many units as there are causal features."""
        return units if self.chosen.operation in FITTED else narrow(units, self.n_features)

    @property
    def scale(self) -> Move:
        """Scale the features of all labels alike."""
        return uniform("scale", self.texts.tune.logits, self.texts.tune.gold)

    def means(self, labels: Labels) -> Units:
        """The span of the class means of some labelled texts."""
        at_answer = self.pool.at_answer
        return class_means(self.dictionary, at_answer, self.pool.gold, labels.selects, labels.tunes)

    def bias(self, labels: Labels) -> tuple[float, Change]:
        """Add to the logits a bias fitted on some labelled texts; return its dose and the change."""
        dose, bias = labels.bias()
        return dose, self.texts.change(self.texts.report.logits + bias)

    @cached_property
    def _raw(self) -> Units:
        """Dimensions of the residual stream, selected as the features are."""
        return self._dimensions(self.texts)

    def _dimensions(self, texts: Texts) -> Units:
        saes = dimensions(self.study.saes, self.study.lm.d_model)
        every = Dictionary.of(texts.tune.questions, saes)
        few, most = texts.labelled.take(self.labelled), max(WIDER) * self.n_features
        return strongest(every, label_support(few, every, [len(few)], texts.seed)[len(few)], most)

    @cached_property
    def _idle(self) -> Units:
        """Features that tell the labels apart without supporting them."""
        labelled, most = self.texts.labelled.take(self.labelled), max(WIDER) * self.n_features
        units = strongest(self.dictionary, self.own_support, most)
        return selective(units, self.own_support, labelled, most)

    def _probe(self) -> MethodResult:
        """Answer by a linear probe of the residual stream at the answer, in place of the model."""
        how, change = probed(self.pool, self.labels, self.texts)
        return MethodResult(PROBE, how, change, positions=PLACES["answer"])

    def _few_shot(self) -> MethodResult:
        name, how = FEW_SHOT, "two worked examples before the text"
        known = np.concatenate([self.texts.rows[self.labelled], self.texts.tune_rows])
        try:
            questions = few_shot(self.study, self.texts.report_rows, known)
        except UsageError as error:
            return MethodResult(name, how, positions="", untested=str(error))
        return MethodResult(name, how, self.texts.change(questions.logits()), positions="")

    def _random_weights(self) -> MethodResult:
        """Steer a network with random weights by its own raw dimensions; compared with itself unsteered."""
        texts = self.texts.on(randomised(self.study.lm, self.texts.seed))
        result = replace(self, texts=texts)._moved(
            RANDOM_WEIGHTS, narrow(self._dimensions(texts), self.n_features), self.scale
        )
        return replace(result, operation="scale its raw dimensions")

    def efficiency(self) -> list[tuple[str, int, float, Change]]:
        """Select features on other numbers of labelled texts: method, texts of each label, dose, and change."""
        results = []
        for size in self.sizes:
            labels = self.pool.own(size)
            units = strongest(self.dictionary, labels.support(), self.n_features)
            move = climbed(units, self.texts.tune, self.scale, COARSE)
            results.append((FEATURES, size, move.dose, self.change(units, move)))
            results.append((BIAS, size, *self.bias(labels)))
        return results


def doses_shown(chosen: Move) -> Sequence[float]:
    """Doses at which the cost is measured: the coarse ones, and the dose that was chosen."""
    return sorted({*COARSE, chosen.dose} - {0.0})
