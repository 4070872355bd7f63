"""Does more of the features mean more of the right answer, for all texts and on both sides of no steering?

A real effect has a sign: turning features up raises what turning them down lowers. Features that raise the same
behaviour both ways only disturb the model. A mean may also hide that steering helps some texts and harms about as many
(Tan et al., 2024, arXiv:2407.12404), so every text has a slope of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from emomech.causal.effects import logits_of_each
from emomech.causal.questions import log_odds
from emomech.causal.steering.experiment import Experiment
from emomech.causal.steering.operations import DOSES, FITTED
from emomech.stats.estimates import Bools, Estimate, Floats, Ints, mean_estimate
from emomech.stats.paired_answers import share_beyond_half

DOWN, UP = "turned down", "turned up"
SIGNED = ("scale", "add to the weak", "one factor per emotion", *FITTED)
"""Operations that can turn features down as well as up."""
SHARES = (-1.0, -0.5, 0.0, 0.5, 1.0)
"""Doses, as shares of the chosen one."""
_MOST_DOWN = 1.0
"""Dose in peaks that turns a scaled feature off."""
_ROUNDING = 1e-5
"""Slopes in nats up to which a text counts as unmoved."""


@dataclass(frozen=True, eq=False)
class DoseResponse:
    """Log-odds and right answers of the reported texts at doses on both sides of no steering."""

    doses: tuple[float, ...]
    """Doses in rising order, the negative ones turn features down (dose)."""
    log_odds: Floats = field(repr=False)
    """Log-odds of each text's own label, in nats (dose, text)."""
    right: Bools = field(repr=False)
    """Whether each text is right (dose, text)."""
    weights: Floats = field(repr=False)
    """How often each text is drawn (resample, text)."""

    @classmethod
    def of(cls, experiment: Experiment) -> "DoseResponse":
        """Move the causal features both ways, by shares of the dose that was chosen, or of the smallest dose.

        Clamped features cannot be turned down by a dose, so that they are scaled instead.
        """
        chosen, report = experiment.chosen, experiment.texts.report
        move = chosen if chosen.operation in SIGNED else replace(experiment.scale, doses=chosen.doses)
        largest = move.dose or DOSES[1]
        doses = tuple(max(-_MOST_DOWN, share * largest) for share in SHARES)
        units = experiment.units_of(move)
        edits = [units.edits(move.at(dose)) for dose in doses if dose]
        logits = list(logits_of_each(report.questions, edits, move.where))
        logits.insert(SHARES.index(0.0), report.logits)
        gold = report.gold
        values = np.stack([log_odds(of_dose, gold) for of_dose in logits])
        return cls(doses, values, np.stack([z.argmax(1) == gold for z in logits]), report.resamples)

    @property
    def _none(self) -> int:
        return self.doses.index(0.0)

    def rises(self) -> Mapping[float, Estimate]:
        """Mean rise of the log-odds at each dose, in nats."""
        base = self.log_odds[self._none]
        pairs = zip(self.doses, self.log_odds, strict=True)
        return {dose: mean_estimate(values - base, self.weights) for dose, values in pairs}

    def trends(self) -> Mapping[str, Estimate]:
        """Mean slope of the log-odds over the doses of each side, in nats per step of half the dose."""
        sides = {DOWN: slice(None, self._none + 1), UP: slice(self._none, None)}
        return {side: mean_estimate(slopes(self.log_odds[part]), self.weights) for side, part in sides.items()}

    def slopes(self) -> Floats:
        """Slope of each text's log-odds over all doses, in nats per step (text)."""
        return slopes(self.log_odds)

    def steerable(self) -> Estimate:
        """Share of the texts with a positive slope, less one half; texts that do not move are left out."""
        own = self.slopes()
        return share_beyond_half(int((own > _ROUNDING).sum()), int((np.abs(own) > _ROUNDING).sum()))


def slopes(values: Floats) -> Floats:
    """Least-squares slope of values over equally spaced steps (step, text) -> (text)."""
    steps: Ints | Floats = np.arange(len(values)) - (len(values) - 1) / 2
    return steps @ values / float(steps @ steps)
