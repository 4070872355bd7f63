"""Necessity and sufficiency of a set of features: what the answer loses without them, and keeps with only them.

Necessity and sufficiency are different questions (Heimersheim and Nanda, 2024, arXiv:2404.15255): a set whose ablation
lowers the log-odds may still need other features to have its effect, and features that can replace one another seem
unimportant when they are ablated one by one. Features are ranked by the gradient screen of `attribution` on some texts.
They are ablated on other texts, to their means over the first (`Dictionary.ablate`, `Dictionary.keep_only`,
`Sample.losses`). The part of an activation that the SAEs do not explain stays as it is, unless it is moved to its mean
as well (Marks et al., 2025, arXiv:2403.19647).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from emomech.causal.attribution import Attribution, attribute_each
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, Where
from emomech.core import progress
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.stats.estimates import Floats, Ints
from emomech.stats.testing import permuted


@dataclass(frozen=True)
class Ranking:
    """Features of all hook points together, the one whose ablation should cost most first."""

    features: tuple[FeatureId, ...] = field(repr=False)
    loss: Floats = field(repr=False)
    """Estimated loss of log-odds when the feature alone is ablated to its mean, in nats, mean over texts (feature)."""


def rank_features(
    questions: Questions, dictionary: Dictionary, gold: Ints | None = None, where: Where = "everywhere"
) -> Ranking:
    """Rank all features that fire by the gradient screen; `gold` replaces the labels of the texts (text).

    Example:
        >>> import emomech as em
        >>> from emomech.causal.ablation import rank_features
        >>> from emomech.causal.dictionary import Dictionary
        >>> study = em.Study(limit=400)
        >>> questions, point = study.questions("discover", per_label=2), em.HookPoint(6)
        >>> ranking = rank_features(questions, Dictionary.of(questions, {point: study.saes[point]}))
        >>> bool(ranking.loss[0] > 0 > ranking.loss[-1])
        True
    """
    asked = questions if gold is None else questions.with_gold(gold)
    return rank_on_parts(asked, dictionary, [np.arange(len(questions))], where)[0]


def rank_on_parts(
    questions: Questions, dictionary: Dictionary, parts: Sequence[Ints], where: Where = "everywhere"
) -> list[Ranking]:
    """Rank the features on several subsets of the texts, each given by the numbers of its texts, in one pass."""
    inside = [np.isin(np.arange(len(questions)), part).astype(int) for part in parts]
    effects = attribute_each(questions, dictionary.saes, [(dictionary.means, group) for group in inside], where)
    return [_ranking(dictionary, -_of_alive(dictionary, effect, 1)) for effect in effects]


def rank_shuffled(
    questions: Questions, dictionary: Dictionary, n: int, seed: int, where: Where = "everywhere"
) -> list[Ranking]:
    """Rank the features `n` times for labels that are permuted among the texts.

    A feature that carries the right label lowers every other label, so for a wrong label its ablation would seem to
    help, and the plain ranking for permuted labels would put what matters most last. So the mean loss over all labels
    is subtracted: under permuted labels the estimate of every feature is then zero on average, and its expected place
    is the middle of the ranking.
    """
    rng, n_texts = np.random.default_rng(seed), len(questions)
    drawn = [permuted(questions.gold, rng) for _ in range(n)]
    loss, common = np.zeros((n, len(dictionary.alive))), np.zeros(len(dictionary.alive))
    for label in progress.counted(range(len(questions.labels)), "ranking for permuted labels", "label"):
        moves = [(dictionary.means, (gold == label).astype(int)) for gold in drawn]
        asked = questions.with_gold(np.full(n_texts, label))
        for i, effects in enumerate(attribute_each(asked, dictionary.saes, moves, where)):
            share = float((drawn[i] == label).mean())
            with_label, without = (_of_alive(dictionary, effects, row) for row in (1, 0))
            loss[i] -= share * with_label
            common -= (share * with_label + (1 - share) * without) / n / len(questions.labels)
    return [_ranking(dictionary, row - common) for row in loss]


def _of_alive(dictionary: Dictionary, effects: dict[HookPoint, Attribution], group: int) -> Floats:
    """Estimated effect on one group of texts of moving each feature that fires to its mean (feature)."""
    effect = {point: at.effect[group].reshape(dictionary.halves, -1).sum(0) for point, at in effects.items()}
    return np.array([effect[feature.point][feature.index] for feature in dictionary.alive])


def _ranking(dictionary: Dictionary, loss: Floats) -> Ranking:
    alive, order = dictionary.alive, np.argsort(-loss, kind="stable")
    return Ranking(tuple(alive[i] for i in order), loss[order])


def first_reaching(curve: Floats, level: Floats) -> Ints:
    """Find the first size at which a curve (draw, size) is at least as high as a level (draw); -1 for none.

    Example:
        >>> import numpy as np
        >>> from emomech.causal.ablation import first_reaching
        >>> first_reaching(np.array([[1.0, 4.0, 5.0], [1.0, 1.0, 2.0]]), np.array([3.0, 3.0])).tolist()
        [1, -1]
    """
    enough = curve >= level[:, None]
    return np.where(enough.any(1), enough.argmax(1), -1)


def place_reaching(curve: Floats, level: Floats) -> Floats:
    """Where among its sizes a curve (draw, size) reaches a level (draw), interpolated linearly; infinite for nowhere.

    Example:
        >>> import numpy as np
        >>> from emomech.causal.ablation import place_reaching
        >>> place_reaching(np.array([[1.0, 4.0, 5.0], [1.0, 1.0, 2.0]]), np.array([3.0, 3.0])).round(2).tolist()
        [0.67, inf]
    """
    first, draw = first_reaching(curve, level), np.arange(len(curve))
    before = np.maximum(first - 1, 0)
    low, high = curve[draw, before], curve[draw, first]
    with np.errstate(invalid="ignore", divide="ignore"):
        place = np.where(first > 0, before + (level - low) / (high - low), 0.0)
    return np.where(first < 0, np.inf, place)
