"""Steering by causal features, and all that it is compared with, each with its dose chosen on the same texts.

Operation and dose of the causal features are the best of all that were tried on `tune`. The other units are moved by
the same operation and in the same proportions, each with the dose that is best for itself, so that none of them loses
by a dose made for others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from emomech.causal.feature_stats import Reference, references
from emomech.causal.steering.baselines import class_means, few_shot, logit_bias, selective
from emomech.causal.steering.operations import (
    DOSES,
    OPERATIONS,
    Move,
    Operation,
    Support,
    Trial,
    Units,
    ascent,
    best,
    matched_units,
    strongest,
    support,
    tried,
    uniform,
)
from emomech.causal.steering.recognition import Change, Texts, accuracy
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import randomised
from emomech.saes.controls import dimensions
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats, Ints
from emomech.study.study import Study

FEATURES, BIAS, MATCHED, RAW = "causal features", "logit bias", "matched features", "raw dimensions"
SIZES = (2, 5, 20)
"""Labelled texts of each label: how many choose the features."""
COARSE = DOSES[1::2]
"""Doses that are tried where many things are compared."""
JOINT: Operation = "one factor per emotion"
_EVERYWHERE, _ANSWER = "all tokens", "the answer"


@dataclass(frozen=True, eq=False)
class Method:
    """What is done, how and where, and what came of it."""

    name: str
    operation: str
    change: Change | None = field(default=None, repr=False)
    dose: float = float("nan")
    displacement: float = float("nan")
    positions: str = _EVERYWHERE
    untested: str = ""


@dataclass(frozen=True, eq=False)
class Experiment:
    """One study, the number of labelled texts of each label, and of features chosen for each."""

    study: Study = field(repr=False)
    texts: Texts = field(repr=False)
    n_labelled: int
    n_features: int

    @cached_property
    def labelled(self) -> Ints:
        """Which of the drawn labelled texts are used (text)."""
        return np.flatnonzero(self.texts.first < self.n_labelled)

    @cached_property
    def _usual(self) -> Mapping[HookPoint, Reference]:
        """Peaks and norms, which need no label, so that all drawn texts may tell them."""
        return references(self.texts.tune, self.study.saes)

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of labelled texts that can be had, the study's own among them."""
        most = len(self.texts.labelled) // len(self.texts.labelled.labels)
        return sorted({min(size, most) for size in (*SIZES, self.n_labelled)})

    @cached_property
    def supports(self) -> Mapping[int, Support]:
        """Support by number of labelled texts."""
        return support(self.texts.labelled, self._none, self.sizes, self.texts.seed)

    @cached_property
    def _none(self) -> Units:
        return Units(self.study.saes, self._usual, ((),) * len(self.texts.tune.labels))

    @cached_property
    def units(self) -> Units:
        """The causal features."""
        return strongest(self._none, self.own_support, self.n_features)

    @property
    def own_support(self) -> Support:
        """Support from as many labelled texts as the study asks for, or as there are."""
        return self.supports[min(self.n_labelled, self.sizes[-1])]

    @cached_property
    def trials(self) -> Mapping[Operation, list[Trial]]:
        """All that was tried with the causal features."""
        tune, logits = self.texts.tune, self.texts.tune_logits
        found: dict[Operation, list[Trial]] = {
            operation: tried(self.units, tune, uniform(operation, logits, tune.gold), logits)
            for operation in OPERATIONS
            if operation != JOINT
        }
        found[JOINT] = ascent(self.units, tune, best(found["scale"]))
        return found

    @cached_property
    def chosen(self) -> Move:
        """The best of all that was tried."""
        return best([trial for trials in self.trials.values() for trial in trials]).move

    @cached_property
    def matched(self) -> Units:
        """Random features, matched to the causal ones."""
        return matched_units(self.units, self.texts.seed)

    def change(self, units: Units, move: Move) -> Change:
        """Recognition of the reported texts with units moved."""
        edits = units.edits(move)
        return self.texts.change(self.texts.report.logits(edits) if edits else self.texts.report_logits)

    def by_operation(self, operation: Operation) -> Change:
        """Recognition with the causal features moved by the best dose of one operation."""
        return self.change(self.units, best(self.trials[operation]).move)

    def methods(self) -> list[Method]:
        """Causal features first."""
        labelled = self.texts.labelled.take(self.labelled)
        own = self._method(FEATURES, self.units, self.chosen)
        idle = selective(self.units, self.own_support, labelled, self.n_features)
        found = [own, self._moved(MATCHED, self.matched, self.chosen)]
        found.append(self._moved("selective features", idle, self.chosen))
        found.append(self._moved(RAW, self._raw(self.texts), self.chosen))
        means = class_means(self._none, labelled, self.texts.tune)
        found.append(replace(self._moved("difference of means", means, self._scale), operation="scale the projection"))
        return [*found, *self._biases(), self._few_shot(), self._random_weights()]

    def _method(self, name: str, units: Units, move: Move) -> Method:
        return Method(name, move.operation, self.change(units, move), move.dose, units.displacement(move))

    def _moved(self, name: str, units: Units, move: Move) -> Method:
        """Move units as the causal features are, or otherwise, at the dose that is best for them."""
        return self._method(name, units, best(tried(units, self.texts.tune, move, self.texts.tune_logits)).move)

    @property
    def _scale(self) -> Move:
        return uniform("scale", self.texts.tune_logits, self.texts.tune.gold)

    def _raw(self, texts: Texts) -> Units:
        """Dimensions of the residual stream, chosen as the features are."""
        saes: Mapping[HookPoint, Sae] = dimensions(self.study.saes, self.study.lm.d_model)
        every = replace(self._none, saes=saes, usual=references(texts.tune, saes))
        few = texts.labelled.take(self.labelled)
        return strongest(every, support(few, every, [len(few)], texts.seed)[len(few)], self.n_features)

    def bias(self, n_labelled: int) -> tuple[float, Change]:
        """Add to the logits a bias fitted on so many labelled texts of each label; dose and what came of it."""
        rows = np.flatnonzero(self.texts.first < n_labelled)
        return self._biased(logit_bias(self._labelled_logits[rows], self.texts.labelled.gold[rows]))

    @cached_property
    def _labelled_logits(self) -> Floats:
        return self.texts.labelled.logits()

    def _biased(self, bias: Floats) -> tuple[float, Change]:
        scores = [accuracy(self.texts.tune_logits + dose * bias, self.texts.tune.gold) for dose in DOSES]
        dose = DOSES[int(np.argmax(np.round(scores, 9)))]
        return dose, self.texts.change(self.texts.report_logits + dose * bias)

    def _biases(self) -> list[Method]:
        fitted = {
            BIAS: ("added to the logits, fitted on the labelled texts", self.bias(self.n_labelled)),
            "logit bias, more texts": (
                "added to the logits, fitted on the tune split",
                self._biased(logit_bias(self.texts.tune_logits, self.texts.tune.gold)),
            ),
        }
        return [Method(name, how, change, dose, 0.0, _ANSWER) for name, (how, (dose, change)) in fitted.items()]

    def _few_shot(self) -> Method:
        name, how = "few-shot prompt", "two worked examples before the text"
        try:
            asked = few_shot(self.study, self.texts.report_rows, self.texts.rows[self.labelled])
        except UsageError as error:
            return Method(name, how, positions="", untested=str(error))
        return Method(name, how, self.texts.change(asked.logits()), positions="")

    def _random_weights(self) -> Method:
        """Steer the network with random weights, by its own raw dimensions; compared with itself unsteered."""
        lm = randomised(self.study.lm, self.texts.seed)
        drawn = replace(
            self.texts,
            labelled=self.texts.labelled.on(lm),
            tune=self.texts.tune.on(lm),
            report=self.texts.report.on(lm),
        )
        found = replace(self, texts=drawn)._moved("random weights", self._raw(drawn), self._scale)
        return replace(found, operation="scale its raw dimensions")

    def efficiency(self) -> list[tuple[int, float, Change]]:
        """Choose features on other numbers of labelled texts and scale them; texts of each label, dose and change."""
        found = []
        for size in self.sizes:
            units = strongest(self._none, self.supports[size], self.n_features)
            trials = tried(units, self.texts.tune, self._scale, self.texts.tune_logits, COARSE)
            move = best(trials).move
            found.append((size, move.dose, self.change(units, move)))
        return found


def doses_shown(chosen: Move) -> Sequence[float]:
    """Doses at which the cost is measured: some of those that were tried, and the one that was chosen."""
    return sorted({*COARSE, chosen.dose} - {0.0})
