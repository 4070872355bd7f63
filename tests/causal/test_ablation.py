"""Planted features are ranked first, labels can be replaced, and the first size that reaches a level is returned."""

import numpy as np
import planted

from emomech.causal.ablation import first_reaching, place_reaching, rank_features, rank_on_parts, rank_shuffled
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


def test_part_of_the_texts_ranks_as_these_texts_alone() -> None:
    questions = Questions.of(planted.study(160), range(40))
    dictionary = Dictionary.of(questions, {LAST: planted.saes()[LAST]})
    part = np.arange(0, 40, 2)
    alone = rank_features(questions.take(part), dictionary)
    for ranking in rank_on_parts(questions, dictionary, [part, np.arange(40)])[:1]:
        assert ranking.features[:4] == alone.features[:4]
        np.testing.assert_allclose(ranking.loss, alone.loss, atol=1e-5)


def test_permuted_labels_put_no_feature_last_on_purpose() -> None:
    questions = Questions.of(planted.study(160), range(80))
    dictionary = Dictionary.of(questions, {LAST: planted.saes()[LAST]})
    first, n = rank_features(questions, dictionary).features[:4], len(dictionary.alive)
    drawn = rank_shuffled(questions, dictionary, 20, seed=0)
    places = [ranking.features.index(feature) / n for ranking in drawn for feature in first]
    assert 0.3 < np.mean(places) < 0.7
    assert len({ranking.features for ranking in drawn}) > 1
    at_answer = rank_shuffled(questions, dictionary, 1, seed=0, where="answer")
    assert set(at_answer[0].features) == set(dictionary.alive)


def test_the_size_that_reaches_a_level_is_the_first() -> None:
    curve = np.array([[1.0, 4.0, 5.0], [1.0, 4.0, 5.0], [6.0, 1.0, 1.0]])
    assert first_reaching(curve, np.array([4.0, 9.0, 5.0])).tolist() == [1, -1, 0]
    assert place_reaching(curve, np.array([2.5, 9.0, 5.0])).tolist() == [0.5, np.inf, 0.0]
