"""Planted features are ranked first, labels can be replaced, and the first size that reaches a level is returned."""

import numpy as np
import planted

from emomech.causal.ablation import first_reaching, rank_features
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions
from emomech.core.hook_points import HookPoint

LAST = HookPoint(planted.N_BLOCKS - 1)


def test_what_is_planted_is_ranked_first() -> None:
    questions, names = Questions.of(planted.study(160), range(80)), planted.feature_names()
    dictionary = Dictionary.of(questions, {LAST: planted.saes()[LAST]})
    ranking = rank_features(questions, dictionary)
    assert {names[feature.index].split(":")[0] for feature in ranking.features[:4]} == {"emotion"}
    assert (np.diff(ranking.loss) <= 0).all() and set(ranking.features) == set(dictionary.alive)
    shifted = rank_features(questions, dictionary, (questions.gold + 1) % 4)
    assert shifted.loss[0] < ranking.loss[3] / 4


def test_the_size_that_reaches_a_level_is_the_first() -> None:
    curve = np.array([[1.0, 0.0], [4.0, 8.0], [5.0, 10.0]])
    weights = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    assert first_reaching(curve, curve[-1], 0.8, weights).tolist() == [1, 1, -1]
    assert first_reaching(curve[:1], curve[-1], 0.8, weights).tolist() == [-1, -1, -1]
