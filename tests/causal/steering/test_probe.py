"""A probe reads what is there, and nothing where nothing is."""

import noisy
import planted
import pytest

from emomech.causal.steering.experiment import Experiment
from emomech.causal.steering.probe import PROBE, probed
from emomech.causal.steering.recognition import Texts
from emomech.study.study import Study


def experiment_of(study: Study) -> Experiment:
    return Experiment(study, Texts.of(study, 5, 10, 20, 50), n_labelled=5, n_features=2)


def test_it_reads_the_emotion_behind_the_noise() -> None:
    experiment = experiment_of(noisy.study(480))
    how, change = probed(experiment.pool, experiment.labels, experiment.texts)
    assert change.score().value == 1.0 and change.gain().low > 0.05
    point = how.removeprefix("logistic regression at ").split(",")[0]
    assert point in {str(planted.POINTS[depth]) for depth in planted.BANDS["emotion"]}


def test_it_finds_nothing_in_a_model_that_knows_nothing() -> None:
    experiment = experiment_of(planted.study(480, null=True))
    score = probed(experiment.pool, experiment.labels, experiment.texts)[1].score()
    assert score.value == pytest.approx(0.25, abs=0.15)


def test_it_is_among_the_methods() -> None:
    experiment = experiment_of(noisy.study(320))
    result = experiment._probe()
    assert result.name == PROBE and result.positions == "the last token" and result.change is not None
