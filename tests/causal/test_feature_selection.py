"""Supporting features are found among noise, merely silent ones are not, and unusable texts give the reason."""

import numpy as np
import planted
import pytest

from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import FeatureScreen, draw_questions, rank_significant, with_deranged_labels
from emomech.causal.questions import Questions
from emomech.core.hook_points import FeatureId, HookPoint

LAST = HookPoint(planted.N_BLOCKS - 1)
NAMES = planted.feature_names()


@pytest.fixture(scope="module")
def questions() -> Questions:
    return Questions.of(planted.study(240), range(120))


@pytest.fixture(scope="module")
def dictionary(questions: Questions) -> Dictionary:
    return Dictionary.of(questions, planted.saes())


def test_what_is_planted_supports_its_label_and_nothing_else_does(questions: Questions, dictionary: Dictionary) -> None:
    selected = FeatureScreen.of(dictionary, questions).by_label(LAST)
    for label, chosen in zip(questions.labels, selected, strict=True):
        assert chosen == [FeatureId(LAST, NAMES.index(f"emotion:{label}"))]


def test_of_all_hook_points_it_takes_those_of_each(questions: Questions, dictionary: Dictionary) -> None:
    chosen = FeatureScreen.of(dictionary, questions)
    for label in range(4):
        everywhere = chosen.by_label()[label]
        assert set(chosen.by_label(LAST)[label]) <= set(everywhere)
        assert len({one.point for one in everywhere}) > 2


def test_shuffled_labels_are_supported_by_nothing(questions: Questions, dictionary: Dictionary) -> None:
    shuffled = with_deranged_labels(questions, 0)
    assert (shuffled.gold != questions.gold).all()
    assert np.bincount(shuffled.gold).min() > 20
    assert sum(map(len, FeatureScreen.of(dictionary.at(LAST), shuffled).by_label())) == 0


def test_support_is_ranked_and_noise_is_left_out() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (80, 400))
    values[:, 7] += 2
    values[:, 3] += 4
    values[:, 5] -= 4
    ranked = rank_significant(values, np.ones(400, bool))
    assert ranked[:2].tolist() == [3, 7]
    assert len(ranked) <= 4
    assert 3 not in rank_significant(values, np.arange(400) != 3)
    assert len(rank_significant(np.zeros((80, 4)), np.ones(4, bool))) == 0


def test_equally_many_texts_of_every_label_are_asked() -> None:
    questions = draw_questions(planted.study(480), {"discover": 25, "report": 30})
    assert not isinstance(questions, str)
    assert {split: np.bincount(q.gold).tolist() for split, q in questions.items()} == {
        "discover": [25] * 4,
        "report": [30] * 4,
    }


def test_too_few_texts_are_told() -> None:
    assert "texts of the rarest emotion are left" in str(draw_questions(planted.study(80), {"report": 20}))
