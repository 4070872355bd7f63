"""Features chosen for the emotions that they support, and moved by a dose without a look at any text's label.

Few labelled texts choose: a feature supports an emotion when taking it to its mean lowers the log-odds of that label in
the texts that have it, by the gradient screen. What is chosen is the same for every text that is steered, as the move
is, for to push each text towards its own label would be to tell the model the answer. Doses are in units of the
feature's own peak, so that one dose means the same at every depth (Templeton et al., 2024; O'Brien et al., 2024).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch

from emomech.causal.attribution import attribute
from emomech.causal.effects import logits_of_each
from emomech.causal.feature_stats import Reference, matched
from emomech.causal.questions import Edits, Questions
from emomech.causal.steering.recognition import accuracy, ranks
from emomech.core.hook_points import FeatureId, HookPoint, by_point
from emomech.saes.edits import MoveFeatures
from emomech.saes.sae import Sae
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Floats, Ints

Operation = Literal["scale", "add to the weak", "clamp where it fires", "clamp everywhere", "one factor per emotion"]
"""Multiply what fires; add to the features of the weak emotions, whether they fire or not; set what fires, or all, to a
share of the peak; multiply what fires, each emotion's features by a factor of their own."""
OPERATIONS: tuple[Operation, ...] = (
    "scale",
    "add to the weak",
    "clamp where it fires",
    "clamp everywhere",
    "one factor per emotion",
)
DOSES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""In peaks: at its peak a feature is moved by so many, or set to so many; 0 leaves the model as it is."""
Support = Mapping[HookPoint, Floats]
"""How much each feature supports each label, in nats, by hook point (label, d_sae)."""


@dataclass(frozen=True, eq=False)
class Units:
    """What can be moved: features of some SAEs, sorted by the label that they support."""

    saes: Mapping[HookPoint, Sae] = field(repr=False)
    usual: Mapping[HookPoint, Reference] = field(repr=False)
    of: tuple[tuple[FeatureId, ...], ...]
    """Features of each label (label); one that supports several stands with each."""

    @property
    def all(self) -> list[FeatureId]:
        """Every feature once, in order of depth."""
        return sorted({one for features in self.of for one in features}, key=lambda f: (f.point.resid_index(), f.index))

    def doses(self, doses: Sequence[float]) -> dict[FeatureId, float]:
        """Dose of each feature that is moved: the mean over the labels that it supports."""
        given: dict[FeatureId, list[float]] = {}
        for features, dose in zip(self.of, doses, strict=True):
            for one in features:
                given.setdefault(one, []).append(dose)
        return {one: mean for one in self.all if (mean := float(np.mean(given[one])))}

    def edits(self, move: "Move") -> Edits:
        """Edit the hook points at which features are moved."""
        dose = self.doses(move.doses)
        return {
            point: self._edit(point, index, torch.tensor([dose[FeatureId(point, i)] for i in index]), move.operation)
            for point, index in by_point(dose).items()
        }

    def _edit(self, point: HookPoint, index: list[int], dose: torch.Tensor, operation: Operation) -> MoveFeatures:
        sae, amount = self.saes[point], dose * self.usual[point].peak[index]
        if operation in ("scale", "one factor per emotion"):
            return MoveFeatures(sae, index, factor=1 + dose)
        if operation == "add to the weak":
            return MoveFeatures(sae, index, factor=1.0, offset=amount)
        return MoveFeatures(sae, index, offset=amount, firing=operation == "clamp where it fires")

    def displacement(self, move: "Move") -> float:
        """How far a move takes the activations, as a share of their usual norm: mean over tokens and hook points."""
        far = [
            float((edit(self.usual[point].drawn) - self.usual[point].drawn).norm(dim=-1).mean())
            / self.usual[point].norm
            for point, edit in self.edits(move).items()
        ]
        return float(np.mean(far)) if far else 0.0


@dataclass(frozen=True)
class Move:
    """What is done: an operation, with a dose for the features of each label."""

    operation: Operation
    doses: tuple[float, ...]

    @property
    def dose(self) -> float:
        """The largest."""
        return max(self.doses)

    def at(self, dose: float) -> "Move":
        """The same move, larger or smaller: its largest dose is the given one, in the proportions that it has.

        A move by nothing has none; it becomes one of all alike.
        """
        shares = [own / self.dose for own in self.doses] if self.dose else [1.0] * len(self.doses)
        return replace(self, doses=tuple(dose * share for share in shares))


@dataclass(frozen=True)
class Trial:
    """A move that was tried where doses are chosen."""

    move: Move
    accuracy: float
    """Balanced accuracy there."""


def support(questions: Questions, units: Units, sizes: Sequence[int], seed: int) -> dict[int, Support]:
    """Estimate each feature's support of each label from so many labelled texts of each, for every one of `sizes`.

    The texts of a smaller size are among those of a larger one; the seed decides which.
    """
    labels, gold = len(questions.labels), questions.gold
    rank = ranks(gold, seed)
    part = np.searchsorted(sizes, rank, side="right")
    used = np.flatnonzero(part < len(sizes))
    group = part[used] * labels + gold[used]
    targets = {point: (usual.features, usual.error) for point, usual in units.usual.items()}
    found = attribute(questions.take(used), units.saes, targets, groups=group)
    count = np.bincount(group, minlength=len(sizes) * labels).reshape(len(sizes), labels, 1)
    return {
        size: {p: _mean_of_parts(one.effect, count, i + 1) for p, one in found.items()} for i, size in enumerate(sizes)
    }


def _mean_of_parts(effect: Floats, count: Ints, n_parts: int) -> Floats:
    """Mean support over the first parts of the texts (label, d_sae), from mean effects per part and label."""
    parts = effect[: count.shape[0] * count.shape[1]].reshape(*count.shape[:2], -1)
    return -(parts * count)[:n_parts].sum(0) / np.maximum(count[:n_parts].sum(0), 1)


def strongest(units: Units, support: Support, n_features: int) -> Units:
    """Choose for each label the features, of all hook points together, that support it most, and at all."""
    of = []
    for label in range(len(next(iter(support.values())))):
        ranked = sorted(
            (
                (float(-values[label, i]), point.resid_index(), FeatureId(point, int(i)))
                for point, values in support.items()
                for i in np.argsort(-values[label])[:n_features]
            ),
            key=lambda one: (*one[:2], one[2].index),
        )
        of.append(tuple(feature for less, _, feature in ranked[:n_features] if less < 0))
    return replace(units, of=tuple(of))


def matched_units(units: Units, seed: int) -> Units:
    """Put in the place of each feature another of its hook point that fires about as often and as strongly."""
    twin: dict[FeatureId, FeatureId] = {}
    for point, index in by_point(units.all).items():
        chosen = [FeatureId(point, i) for i in index]
        twin |= dict(zip(chosen, matched(chosen, units.usual, seed), strict=False))
    return replace(units, of=tuple(tuple(twin[one] for one in features if one in twin) for features in units.of))


def weak(logits: Floats, gold: Ints) -> tuple[int, ...]:
    """Find the labels that are recognised least: a third of them, at least one."""
    recall = Confusion.of(gold, logits.argmax(1), logits.shape[1]).recall()[0]
    return tuple(int(i) for i in np.argsort(recall, kind="stable")[: max(1, len(recall) // 3)])


def tried(
    units: Units, questions: Questions, move: Move, logits: Floats, doses: Sequence[float] = DOSES[1:]
) -> list[Trial]:
    """Try no dose, and a move at every dose; `logits` are those of the model as it is (text, label)."""
    none = Trial(move.at(0), accuracy(logits, questions.gold))
    moves = [move.at(dose) for dose in doses]
    found = logits_of_each(questions, [units.edits(one) for one in moves])
    return [none, *(Trial(one, accuracy(after, questions.gold)) for one, after in zip(moves, found, strict=True))]


def uniform(operation: Operation, logits: Floats, gold: Ints) -> Move:
    """Move the features of every label alike, or those of the weak labels alone where they are added to."""
    labels = range(logits.shape[1])
    moved = weak(logits, gold) if operation == "add to the weak" else labels
    return Move(operation, tuple(float(label in moved) for label in labels))


def ascent(units: Units, questions: Questions, start: Trial) -> list[Trial]:
    """Go through the labels once, from the best scale, and take each dose a step down or up where that helps."""
    found = [replace(start, move=replace(start.move, operation="one factor per emotion"))]
    for label in range(len(start.move.doses)):
        now = best(found)
        at = int(np.argmin(np.abs(np.array(DOSES) - now.move.doses[label])))
        for step in (at - 1, at + 1):
            if 0 <= step < len(DOSES):
                doses = (*now.move.doses[:label], DOSES[step], *now.move.doses[label + 1 :])
                found.append(_trial(units, questions, replace(now.move, doses=doses)))
    return found


def best(trials: Sequence[Trial]) -> Trial:
    """Take the most accurate; of several the one with the least dose, and of these the first."""
    return max(trials, key=lambda trial: (round(trial.accuracy, 9), -trial.move.dose))


def _trial(units: Units, questions: Questions, move: Move) -> Trial:
    return Trial(move, accuracy(questions.logits(units.edits(move)), questions.gold))
