"""An experiment selects what was planted, and its best move is the best of all trials."""

import noisy
import numpy as np
import planted
import pytest

from emomech.causal.steering.experiment import FEATURES, JOINT, Experiment, doses_shown
from emomech.causal.steering.operations import FITTED, OPERATIONS, Move
from emomech.causal.steering.recognition import Texts


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    study = noisy.study(320)
    return Experiment(study, Texts.of(study, 5, 6, 7, 20), n_labelled=3, n_features=2)


def test_the_features_are_those_that_were_planted(experiment: Experiment) -> None:
    names = planted.feature_names()
    for label, features in zip(experiment.texts.report.labels, experiment.units.by_label, strict=True):
        assert {names[feature.index] for feature in features} == {f"emotion:{label}"}
    assert np.bincount(experiment.texts.labelled.gold[experiment.labelled]).tolist() == [3] * 4


def test_sizes_end_at_the_texts_that_there_are(experiment: Experiment) -> None:
    assert experiment.sizes == [2, 3, 5]


def test_the_best_of_all_trials_is_chosen(experiment: Experiment) -> None:
    assert tuple(experiment.trials) == (*OPERATIONS, *FITTED) and OPERATIONS[-1] == JOINT
    every = [trial for trials in experiment.trials.values() for trial in trials]
    assert any(trial.move == experiment.chosen for trial in every)
    chosen = experiment.change(experiment.units_of(experiment.chosen), experiment.chosen)
    assert chosen.gain().value > 0


def test_no_dose_is_no_change(experiment: Experiment) -> None:
    change = experiment.change(experiment.units, Move("scale", (0.0,) * 4))
    assert change.after is change.before and change.gain().value == 0


def test_causal_features_come_first_and_each_method_has_a_name(experiment: Experiment) -> None:
    results = experiment.methods()
    assert results[0].name == FEATURES
    assert len({result.name for result in results}) == len(results) == 9


def test_the_chosen_dose_is_among_those_that_are_shown() -> None:
    assert 0.25 in doses_shown(Move("scale", (0.25, 0.0))) and 0.0 not in doses_shown(Move("scale", (0.0,)))
