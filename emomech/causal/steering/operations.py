"""Features selected for the labels that they support, and moved by a dose that does not depend on a text's label.

A few labelled texts select them: a feature supports a label if moving it to its mean lowers the log-odds of that label
on the texts that have it, by the gradient screen of `attribution`. The same features are moved in the same way in every
text that is steered, because pushing each text towards its own label would give the model the answer. Doses are in
units of each feature's peak, so that one dose means the same at every depth (Templeton et al., 2024; O'Brien et al.,
2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from emomech.causal.attribution import attribute
from emomech.causal.dictionary import Dictionary
from emomech.causal.effects import logits_of_each
from emomech.causal.feature_selection import LabelSupport
from emomech.causal.feature_stats import matched
from emomech.causal.questions import Edits, Questions, Where
from emomech.causal.sample import Sample
from emomech.causal.steering.recognition import accuracy, rank_within_label
from emomech.core.hook_points import FeatureId, by_point
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Floats, Ints

Operation = Literal[
    "scale",
    "add to the weak",
    "clamp where it fires",
    "clamp everywhere",
    "one factor per emotion",
    "fitted factors",
    "fitted vector",
]
"""Multiply features where they fire; add to the features of the weak labels at every token; set features to a share of
their peaks where they fire, or at every token; multiply the features of each label by a factor for that label; multiply
each feature by a factor of its own that is fitted; add to each feature an amount of its own that is fitted."""
OPERATIONS: tuple[Operation, ...] = (
    "scale",
    "add to the weak",
    "clamp where it fires",
    "clamp everywhere",
    "one factor per emotion",
)
"""Operations whose doses are tried."""
FITTED: tuple[Operation, ...] = ("fitted factors", "fitted vector")
"""Operations whose doses are fitted, see `fitted_doses`."""
DOSES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""In peaks: how far a feature at its peak is moved, or what it is set to; 0 leaves the model as it is."""


@dataclass(frozen=True, eq=False)
class Units:
    """Features of a dictionary that can be moved, by the label that they support."""

    dictionary: Dictionary
    by_label: tuple[tuple[FeatureId, ...], ...]
    """Features of each label (label); one that supports several labels is listed under each."""

    @property
    def all(self) -> list[FeatureId]:
        """Every feature once, in order of depth."""
        features = {feature for of_label in self.by_label for feature in of_label}
        return sorted(features, key=lambda feature: (feature.point.resid_index(), feature.index))

    def doses(self, move: "Move") -> dict[FeatureId, float]:
        """Dose of each feature that is moved: the mean over the labels that it supports."""
        given: dict[FeatureId, list[float]] = {}
        for label, (features, dose) in enumerate(zip(self.by_label, move.doses, strict=True)):
            shares = move.shares[label] if move.shares else (1.0,) * len(features)
            for feature, share in zip(features, shares, strict=False):
                given.setdefault(feature, []).append(dose * share)
        return {feature: mean for feature in self.all if (mean := float(np.mean(given[feature])))}

    def edits(self, move: "Move") -> Edits:
        """Edits at the hook points where features are moved; empty for a dose of 0."""
        doses = self.doses(move)
        features, peaks = list(doses), torch.tensor(list(doses.values()))
        if move.operation in ("scale", "one factor per emotion", "fitted factors"):
            return self.dictionary.scale(features, 1 + peaks)
        if move.operation in ("add to the weak", "fitted vector"):
            return self.dictionary.add(features, peaks)
        return self.dictionary.clamp(features, peaks, firing=move.operation == "clamp where it fires")

    def displacement(self, move: "Move") -> float:
        """Distance that a move shifts activations, as a share of their norm: mean over tokens and hook points."""
        shares = []
        for point, edit in self.edits(move).items():
            stats = self.dictionary.stats[point]
            shares.append(float((edit(stats.drawn) - stats.drawn).norm(dim=-1).mean()) / stats.norm)
        return float(np.mean(shares)) if shares else 0.0


@dataclass(frozen=True)
class Move:
    """An operation, with a dose for the features of each label."""

    operation: Operation
    doses: tuple[float, ...]
    shares: tuple[tuple[float, ...], ...] = ()
    """Share of its label's dose that each feature gets (label, rank), -1 to 1; empty: all of it."""
    where: Where = "everywhere"
    """Tokens at which features are moved."""

    @property
    def dose(self) -> float:
        """The largest dose."""
        return max(self.doses)

    def at(self, dose: float) -> "Move":
        """Scale all doses by one factor, so that the largest is `dose`; a negative dose turns the features down.

        A move whose doses are all 0 has no proportions; all its doses become `dose`.
        """
        shares = [label_dose / self.dose for label_dose in self.doses] if self.dose else [1.0] * len(self.doses)
        return replace(self, doses=tuple(dose * share for share in shares))


@dataclass(frozen=True)
class Trial:
    """A move that was tried on the texts that choose doses."""

    move: Move
    accuracy: float
    """Balanced accuracy on these texts."""


def label_support(
    questions: Questions, dictionary: Dictionary, sizes: Sequence[int], seed: int
) -> dict[int, LabelSupport]:
    """Estimate each feature's support of each label from `size` labelled texts of each label, for every size.

    The texts of a smaller size are among those of a larger one; the seed decides which.
    """
    labels, gold = len(questions.labels), questions.gold
    rank = rank_within_label(gold, seed)
    part = np.searchsorted(sizes, rank, side="right")
    used = np.flatnonzero(part < len(sizes))
    group = part[used] * labels + gold[used]
    effects = attribute(questions.take(used), dictionary.saes, dictionary.means, groups=group)
    count = np.bincount(group, minlength=len(sizes) * labels).reshape(len(sizes), labels, 1)
    return {
        size: {point: _mean_of_parts(at_point.effect, count, i + 1) for point, at_point in effects.items()}
        for i, size in enumerate(sizes)
    }


def _mean_of_parts(effect: Floats, count: Ints, n_parts: int) -> Floats:
    """Mean support over the first parts of the texts (label, d_sae), from mean effects per part and label."""
    parts = effect[: count.shape[0] * count.shape[1]].reshape(*count.shape[:2], -1)
    return -(parts * count)[:n_parts].sum(0) / np.maximum(count[:n_parts].sum(0), 1)


def strongest(dictionary: Dictionary, support: LabelSupport, n_features: int) -> Units:
    """Select for each label the features of all hook points that support it most, if their support is positive."""
    by_label = []
    for label in range(len(next(iter(support.values())))):
        ranked = sorted(
            (
                (float(-values[label, i]), point.resid_index(), FeatureId(point, int(i)))
                for point, values in support.items()
                for i in np.argsort(-values[label])[:n_features]
            ),
            key=lambda candidate: (*candidate[:2], candidate[2].index),
        )
        by_label.append(tuple(feature for effect, _, feature in ranked[:n_features] if effect < 0))
    return Units(dictionary, tuple(by_label))


def matched_units(units: Units, seed: int) -> Units:
    """Replace each feature by another of its hook point that fires about as often and as strongly."""
    twin: dict[FeatureId, FeatureId] = {}
    for point, index in by_point(units.all).items():
        chosen = [FeatureId(point, i) for i in index]
        twin |= dict(zip(chosen, matched(chosen, units.dictionary.stats, seed), strict=False))
    by_label = tuple(tuple(twin[feature] for feature in features if feature in twin) for features in units.by_label)
    return replace(units, by_label=by_label)


def weak(logits: Floats, gold: Ints) -> tuple[int, ...]:
    """Find the third of the labels with the lowest recall, at least one, from logits (text, label)."""
    recall = Confusion.of(gold, logits.argmax(1), logits.shape[1]).recall()[0]
    return tuple(int(i) for i in np.argsort(recall, kind="stable")[: max(1, len(recall) // 3)])


def tried(units: Units, tune: Sample, move: Move, doses: Sequence[float] = DOSES[1:]) -> list[Trial]:
    """Try the unsteered model, and a move at every dose, on the texts that choose doses."""
    none = Trial(move.at(0), accuracy(tune.logits, tune.gold))
    moves = [move.at(dose) for dose in doses]
    after = logits_of_each(tune.questions, [units.edits(moved) for moved in moves], move.where)
    return [none, *(Trial(moved, accuracy(logits, tune.gold)) for moved, logits in zip(moves, after, strict=True))]


def climbed(units: Units, tune: Sample, move: Move, doses: Sequence[float] = DOSES[1:]) -> Move:
    """Return the move of `climb`."""
    return climb(units, tune, move, doses).move


def climb(units: Units, tune: Sample, move: Move, doses: Sequence[float] = DOSES[1:]) -> Trial:
    """Raise the dose until accuracy on the texts that choose doses falls below the best so far; return the best trial.

    This needs fewer passes than `tried`, and gives the same dose where accuracy has one peak.
    """
    chosen = Trial(move.at(0), accuracy(tune.logits, tune.gold))
    for dose in doses:
        tried = _trial(units, tune.questions, move.at(dose))
        if round(tried.accuracy, 9) < round(chosen.accuracy, 9):
            break
        chosen = best([chosen, tried])
    return chosen


def uniform(operation: Operation, logits: Floats, gold: Ints) -> Move:
    """Move the features of every label alike; "add to the weak" moves only those of the weak labels."""
    labels = range(logits.shape[1])
    moved = weak(logits, gold) if operation == "add to the weak" else labels
    return Move(operation, tuple(float(label in moved) for label in labels))


def ascent(units: Units, questions: Questions, start: Trial) -> list[Trial]:
    """Coordinate ascent from the best scale: for each label once, try its dose one step lower and one step higher."""
    trials = [replace(start, move=replace(start.move, operation="one factor per emotion"))]
    for label in range(len(start.move.doses)):
        now = best(trials)
        at = int(np.argmin(np.abs(np.array(DOSES) - now.move.doses[label])))
        for step in (at - 1, at + 1):
            if 0 <= step < len(DOSES):
                doses = (*now.move.doses[:label], DOSES[step], *now.move.doses[label + 1 :])
                trials.append(_trial(units, questions, replace(now.move, doses=doses)))
    return trials


def best(trials: Sequence[Trial]) -> Trial:
    """Take the most accurate trial; among equals the one with the smallest dose, then the first."""
    return max(trials, key=lambda trial: (round(trial.accuracy, 9), -trial.move.dose))


def _trial(units: Units, questions: Questions, move: Move) -> Trial:
    (logits,) = logits_of_each(questions, [units.edits(move)], move.where)
    return Trial(move, accuracy(logits, questions.gold))
