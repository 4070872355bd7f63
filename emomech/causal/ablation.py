"""Necessity and sufficiency of a set of features: what the answer loses without them, and keeps with only them.

Necessity and sufficiency are different questions (Heimersheim and Nanda, 2024, arXiv:2404.15255): a set whose ablation
lowers the log-odds may still need other features to have its effect, and features that can replace one another seem
unimportant when they are ablated one by one. Features are ranked by the gradient screen of `attribution` on some texts.
They are ablated on other texts, to their means over the first (`Dictionary.ablate`, `Dictionary.keep_only`,
`Sample.losses`). The part of an activation that the SAEs do not explain stays as it is, unless it is moved to its mean
as well (Marks et al., 2025, arXiv:2403.19647).
"""

from dataclasses import dataclass, field

import numpy as np

from emomech.causal.attribution import attribute
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions
from emomech.core.hook_points import FeatureId
from emomech.stats.estimates import Floats, Ints


@dataclass(frozen=True)
class Ranking:
    """Features of all hook points together, the one whose ablation should cost most first."""

    features: tuple[FeatureId, ...] = field(repr=False)
    loss: Floats = field(repr=False)
    """Estimated loss of log-odds when the feature alone is ablated to its mean, in nats, mean over texts (feature)."""


def rank_features(questions: Questions, dictionary: Dictionary, gold: Ints | None = None) -> Ranking:
    """Rank all features that fire by the gradient screen; `gold` replaces the labels of the texts (text)."""
    screened = questions if gold is None else questions.with_gold(gold)
    one_group = np.zeros(len(questions), dtype=int)
    effects = attribute(screened, dictionary.saes, dictionary.means, groups=one_group)
    loss = {point: -at_point.effect[0].reshape(dictionary.halves, -1).sum(0) for point, at_point in effects.items()}
    alive = dictionary.alive
    values = np.array([loss[feature.point][feature.index] for feature in alive])
    order = np.argsort(-values, kind="stable")
    return Ranking(tuple(alive[i] for i in order), values[order])


def first_reaching(curve: Floats, whole: Floats, level: float, weights: Floats) -> Ints:
    """Find the first row of a curve (size, text) whose sum is at least `level` times the sum of `whole` (text).

    The sums are weighted by each row of `weights` (draw, text). Returns the number of the row (draw); -1 if the sum of
    `whole` is not positive, or if no row reaches the level.
    """
    total = weights @ whole
    enough = weights @ curve.T >= level * total[:, None]
    return np.where((total > 0) & enough.any(1), enough.argmax(1), -1)
