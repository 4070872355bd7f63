"""What supports a label is found among noise, what merely is absent is not, and texts that cannot speak say why."""

import numpy as np
import planted
import pytest

from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import Chosen, asked, ranked, with_labels_shuffled
from emomech.causal.feature_stats import references
from emomech.causal.questions import Questions
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.hooks import capture, intervene

LAST = HookPoint(planted.N_BLOCKS - 1)
NAMES = planted.feature_names()


@pytest.fixture(scope="module")
def questions() -> Questions:
    return Questions.of(planted.study(240), range(120))


@pytest.fixture(scope="module")
def dictionary(questions: Questions) -> Dictionary:
    return Dictionary(planted.saes(), references(questions, planted.saes()))


def test_what_is_planted_supports_its_label_and_nothing_else_does(questions: Questions, dictionary: Dictionary) -> None:
    found = Chosen.of(dictionary, questions).by_label(LAST)
    for label, chosen in zip(questions.labels, found, strict=True):
        assert chosen == [FeatureId(LAST, NAMES.index(f"emotion:{label}"))]


def test_of_all_hook_points_it_takes_those_of_each(questions: Questions, dictionary: Dictionary) -> None:
    chosen = Chosen.of(dictionary, questions)
    for label in range(4):
        everywhere = chosen.by_label()[label]
        assert set(chosen.by_label(LAST)[label]) <= set(everywhere)
        assert len({one.point for one in everywhere}) > 2


def test_shuffled_labels_are_supported_by_nothing(questions: Questions, dictionary: Dictionary) -> None:
    shuffled = with_labels_shuffled(questions, 0)
    assert (shuffled.gold != questions.gold).all()
    assert np.bincount(shuffled.gold).min() > 20
    assert sum(map(len, Chosen.of(dictionary.at(LAST), shuffled).by_label())) == 0


def test_support_is_ranked_and_noise_is_left_out() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, (80, 400))
    values[:, 7] += 2
    values[:, 3] += 4
    values[:, 5] -= 4
    found = ranked(values, np.ones(400, bool))
    assert found[:2].tolist() == [3, 7]
    assert len(found) <= 4
    assert 3 not in ranked(values, np.arange(400) != 3)
    assert len(ranked(np.zeros((80, 4)), np.ones(4, bool))) == 0


def test_ablated_features_stand_at_their_means(questions: Questions, dictionary: Dictionary) -> None:
    which = NAMES.index("background:0")
    (batch, mask), *_ = questions.batches("everywhere")
    with intervene(questions.lm, dictionary.ablated([FeatureId(LAST, which)])), capture(questions.lm, [LAST]) as seen:
        questions.lm.module(**batch.forward_kwargs())
    here = planted.saes()[LAST].encode(seen[LAST][mask])[:, which]
    assert here.std() < 1e-4
    assert here.mean() == pytest.approx(float(dictionary.usual[LAST].features[which]), rel=1e-3)


def test_doubled_features_are_twice_what_they_were(questions: Questions, dictionary: Dictionary) -> None:
    which = NAMES.index("background:0")
    (batch, mask), *_ = questions.batches("everywhere")
    with capture(questions.lm, [LAST]) as before:
        questions.lm.module(**batch.forward_kwargs())
    x = before[LAST][mask]
    moved = dictionary.doubled([FeatureId(LAST, which)])[LAST](x)
    twice = planted.saes()[LAST].encode(moved)[:, which] / planted.saes()[LAST].encode(x)[:, which]
    assert twice.min() == pytest.approx(2, abs=1e-4) and twice.max() == pytest.approx(2, abs=1e-4)


def test_equally_many_texts_of_every_label_are_asked() -> None:
    found = asked(planted.study(480), {"discover": 25, "report": 30})
    assert not isinstance(found, str)
    assert {split: np.bincount(q.gold).tolist() for split, q in found.items()} == {
        "discover": [25] * 4,
        "report": [30] * 4,
    }


def test_too_few_texts_are_told() -> None:
    assert "texts of the rarest emotion are left" in str(asked(planted.study(80), {"report": 20}))
