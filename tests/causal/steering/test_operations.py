"""Planted features are chosen, moves change features as documented, and no gold label decides a move."""

from dataclasses import replace

import noisy
import numpy as np
import planted
import pytest
import torch

from emomech.causal.attribution import attribute
from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.causal.steering.operations import (
    DOSES,
    Move,
    Trial,
    Units,
    ascent,
    best,
    label_support,
    matched_units,
    strongest,
    tried,
    uniform,
    weak,
)
from emomech.causal.steering.recognition import rank_within_label
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.saes.edits import MoveFeatures

LAST = HookPoint(planted.N_BLOCKS - 1)
NAMES = planted.feature_names()


@pytest.fixture(scope="module")
def questions() -> Questions:
    study = planted.study(320)
    return Questions.of(study, balanced(study, "discover", 10))


@pytest.fixture(scope="module")
def dictionary(questions: Questions) -> Dictionary:
    return Dictionary.of(questions, planted.saes())


@pytest.fixture(scope="module")
def chosen(questions: Questions, dictionary: Dictionary) -> Units:
    return strongest(dictionary, label_support(questions, dictionary, [5], 0)[5], 2)


def test_each_emotions_own_features_are_chosen(chosen: Units, questions: Questions) -> None:
    for label, features in zip(questions.labels, chosen.by_label, strict=True):
        assert {NAMES[one.index] for one in features} == {f"emotion:{label}"}


def test_support_from_few_texts_is_that_of_these_texts_alone(questions: Questions, dictionary: Dictionary) -> None:
    supports = label_support(questions, dictionary, [2, 5], 3)
    for size in (2, 5):
        few = questions.take(np.flatnonzero(rank_within_label(questions.gold, 3) < size))
        naive = attribute(few, dictionary.saes, dictionary.means)
        for point in dictionary.saes:
            np.testing.assert_allclose(supports[size][point], -naive[point].effect, atol=1e-4)


def test_a_feature_that_supports_nothing_is_not_chosen(questions: Questions, dictionary: Dictionary) -> None:
    least = strongest(dictionary, {point: -np.ones((4, len(NAMES))) for point in dictionary.saes}, 3)
    assert least.by_label == ((),) * 4


X = torch.zeros(1, 2, planted.D_MODEL)
X[0, 0] = 3.0 * planted.directions()["emotion:joy"]
FEATURE = NAMES.index("emotion:joy")


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("scale", (4.5, 0.0)),
        ("one factor per emotion", (4.5, 0.0)),
        ("add to the weak", (5.0, 2.0)),
        ("clamp where it fires", (2.0, 0.0)),
        ("clamp everywhere", (2.0, 2.0)),
    ],
)
def test_a_move_is_in_peaks(dictionary: Dictionary, operation, expected: tuple[float, float]) -> None:
    peak = torch.full((len(NAMES),), 4.0)
    stats = {LAST: replace(dictionary.stats[LAST], peak=peak)}
    one = Units(Dictionary(dictionary.saes, stats), ((FeatureId(LAST, FEATURE),), (), (), ()))
    edits = one.edits(Move(operation, (0.5, 0, 0, 0)))
    assert list(edits) == [LAST]
    moved = edits[LAST](X) @ planted.directions()["emotion:joy"]
    assert moved[0].tolist() == pytest.approx(expected)


def test_a_feature_of_two_emotions_has_the_mean_of_their_doses(dictionary: Dictionary) -> None:
    one = FeatureId(LAST, 3)
    assert Units(dictionary, ((one,), (one,), (), ())).doses(Move("scale", (1.0, 0.0, 2.0, 2.0))) == {one: 0.5}


def test_no_dose_edits_nothing_and_moves_nothing(chosen: Units) -> None:
    none = Move("scale", (0.0,) * 4)
    assert not chosen.edits(none)
    assert chosen.displacement(none) == 0
    assert chosen.displacement(none.at(1.0)) > 0


def test_displacement_is_that_of_the_edit(chosen: Units) -> None:
    move = Move("scale", (1.0,) * 4)
    far = []
    for point, edit in chosen.edits(move).items():
        x = chosen.dictionary.stats[point].drawn
        assert isinstance(edit, MoveFeatures)
        values = chosen.dictionary.saes[point].encode(x)[:, edit.index]
        far.append(
            float((values @ chosen.dictionary.saes[point].W_dec[edit.index]).norm(dim=-1).mean())
            / chosen.dictionary.stats[point].norm
        )
    assert chosen.displacement(move) == pytest.approx(np.mean(far), rel=1e-5)


def test_a_move_keeps_its_proportions() -> None:
    assert Move("scale", (0.5, 1.0)).at(0.2).doses == pytest.approx((0.1, 0.2))
    assert Move("scale", (0.0, 0.0)).at(0.2).doses == (0.2, 0.2)


def test_random_features_are_others_of_the_same_hook_points(chosen: Units) -> None:
    other = matched_units(chosen, 0)
    assert not set(other.all) & set(chosen.all)
    assert [[f.point for f in group] for group in other.by_label] == [
        [f.point for f in group] for group in chosen.by_label
    ]


def test_weak_are_those_that_are_recognised_least() -> None:
    logits, gold = np.eye(3)[[0, 0, 1, 2, 0, 0]], np.array([0, 0, 1, 1, 2, 2])
    assert weak(logits, gold) == (2,)
    assert uniform("add to the weak", logits, gold).doses == (0, 0, 1)
    assert uniform("scale", logits, gold).doses == (1, 1, 1)


def test_of_equally_good_trials_the_least_dose_is_taken() -> None:
    trials = [Trial(Move("scale", (dose,)), accuracy) for dose, accuracy in ((0.0, 0.5), (0.5, 0.7), (0.1, 0.7))]
    assert best(trials).move.dose == 0.1


@pytest.fixture(scope="module")
def noisy_trials() -> tuple[Questions, Units, list[Trial]]:
    study = noisy.study(320)
    labelled, tune = (Questions.of(study, balanced(study, side, 10)) for side in ("discover", "tune"))
    dictionary = Dictionary.of(tune, study.saes)
    units = strongest(dictionary, label_support(labelled, dictionary, [5], 0)[5], 2)
    sample = Sample.of(tune, 0, 0)
    return tune, units, tried(units, sample, uniform("scale", sample.logits, sample.gold))


def test_scaling_what_is_true_drowns_the_noise(noisy_trials: tuple[Questions, Units, list[Trial]]) -> None:
    trials = noisy_trials[2]
    assert [trial.move.dose for trial in trials] == list(DOSES)
    assert trials[0].accuracy < 0.9
    assert best(trials).accuracy == 1.0


def test_one_factor_per_emotion_is_never_worse_where_it_is_chosen(
    noisy_trials: tuple[Questions, Units, list[Trial]],
) -> None:
    tune, units, trials = noisy_trials
    climbed = ascent(units, tune, trials[0])
    assert best(climbed).accuracy >= trials[0].accuracy
    assert {trial.move.operation for trial in climbed} == {"one factor per emotion"}
    assert len(set(best(climbed).move.doses)) > 1 or best(climbed).accuracy == trials[0].accuracy


def test_what_is_done_to_a_text_does_not_depend_on_its_label(
    noisy_trials: tuple[Questions, Units, list[Trial]],
) -> None:
    tune, units, trials = noisy_trials
    other = replace(tune, gold=np.roll(tune.gold, 7))
    edits = units.edits(best(trials).move)
    np.testing.assert_array_equal(tune.logits(edits), other.logits(edits))
