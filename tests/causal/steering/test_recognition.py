"""Scores before and after a change equal counts by hand, and unusable texts give the reason."""

import noisy
import numpy as np
import planted
import pytest

from emomech.causal.steering.recognition import F1, Change, Texts, accuracy, rank_within_label
from emomech.stats.estimates import bootstrap_weights

GOLD = np.array([0, 0, 0, 0, 1, 1, 1, 1])


def logits(predicted: list[int]) -> np.ndarray:
    return np.eye(2)[predicted] * 3.0


BEFORE, AFTER = logits([0, 0, 1, 1, 1, 1, 1, 0]), logits([0, 0, 0, 1, 1, 1, 0, 0])


@pytest.fixture
def change() -> Change:
    return Change(GOLD, BEFORE, AFTER, bootstrap_weights(list("abcdefgh"), 300, 0))


def test_gain_and_flips_are_counted(change: Change) -> None:
    gain = change.gain()
    assert gain.value == pytest.approx((3 / 4 + 2 / 4) / 2 - (2 / 4 + 3 / 4) / 2)
    assert gain.low < 0 < gain.high
    assert change.flips == (1, 1, 1.0)
    assert accuracy(AFTER, GOLD) == pytest.approx(change.score().value) == 0.625


def test_macro_f1_is_that_of_scikit_learn(change: Change) -> None:
    from sklearn.metrics import f1_score

    assert change.score(F1).value == pytest.approx(f1_score(GOLD, AFTER.argmax(1), average="macro"))


def test_beyond_is_the_difference_of_the_gains_and_paired(change: Change) -> None:
    same = change.beyond(change)
    assert same.value == 0 and same.low == -same.high  # as wide as no flip of so few texts allows
    none = Change(GOLD, BEFORE, BEFORE, change.weights)
    assert change.beyond(none).value == change.gain().value


def test_part_of_the_texts(change: Change) -> None:
    before, rise = change.take(np.arange(4)).rise()
    assert (before, rise.value) == (0.5, 0.25)


def test_the_first_texts_of_a_label_are_the_same_whatever_is_asked_for() -> None:
    rank = rank_within_label(GOLD, 0)
    assert sorted(rank[:4]) == sorted(rank[4:]) == [0, 1, 2, 3]
    assert (rank_within_label(GOLD, 0) == rank).all() and (rank_within_label(GOLD, 1) != rank).any()


def test_sides_are_disjoint_and_balanced() -> None:
    texts = Texts.of(noisy.study(320), 5, 6, 7, 20)
    clusters = [set(side.clusters) for side in (texts.labelled, texts.tune.questions, texts.report.questions)]
    assert not (clusters[0] & clusters[1] or clusters[0] & clusters[2] or clusters[1] & clusters[2])
    for side, n in ((texts.labelled, 5), (texts.tune, 6), (texts.report, 7)):
        assert np.bincount(side.gold).tolist() == [n] * 4


@pytest.mark.parametrize(
    ("study", "reason"),
    [
        (noisy.study(320), ""),
        (planted.study(320), "there is no room for a gain"),
        (planted.study(320, null=True), "the model is at chance here"),
        (planted.study(20), "at least 2 are needed"),
    ],
)
def test_it_says_why_nothing_can_be_tested(study, reason: str) -> None:
    untested = Texts.of(study, 5, 10, 20, 20).untested()
    assert untested.startswith(reason) if reason and "needed" not in reason else reason in untested
    assert bool(untested) == bool(reason)
