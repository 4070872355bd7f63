"""Draws of the labelled texts share nothing within a draw, keep their sizes, and give every method the same texts."""

import noisy
import numpy as np
import pytest

from emomech.causal.steering.dose_response import DOWN, UP, DoseResponse, slopes
from emomech.causal.steering.experiment import FEATURES, Experiment
from emomech.causal.steering.label_draws import LabelledPool, joined
from emomech.causal.steering.operations import climbed, label_support
from emomech.causal.steering.recognition import Texts
from emomech.causal.steering.redraws import REDRAWN, right_once, right_over_draws


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    study = noisy.study(480)
    return Experiment(study, Texts.of(study, 6, 6, 10, 20), n_labelled=3, n_features=2, n_draws=3)


def test_draws_keep_their_sizes_and_share_no_text(experiment: Experiment) -> None:
    pool: LabelledPool = experiment.pool
    for labels in (experiment.labels, *pool.redrawn(3, 3)):
        assert not set(labels.selects) & set(labels.tunes)
        assert np.bincount(pool.gold[labels.selects]).tolist() == [3] * 4
        assert np.bincount(pool.gold[labels.tunes]).tolist() == [6] * 4
        assert (labels.tune.gold == pool.gold[labels.tunes]).all()
    first, second = (labels.selects.tolist() for labels in pool.redrawn(3, 2))
    assert first != second


def test_the_pool_gives_the_support_of_its_texts(experiment: Experiment) -> None:
    few = experiment.texts.labelled.take(experiment.labelled)
    expected = label_support(few, experiment.dictionary, [len(few)], 0)[len(few)]
    for point, values in experiment.own_support.items():
        np.testing.assert_allclose(values, expected[point], atol=1e-4)
    pool = experiment.pool
    assert len(joined(pool.questions, pool.questions)) == 2 * len(pool.questions)
    np.testing.assert_allclose(pool.logits, pool.questions.logits(), atol=1e-4)


def test_the_bias_is_fitted_on_all_the_labelled_texts(experiment: Experiment) -> None:
    dose, bias = experiment.labels.bias()
    assert len(experiment.labels.every) == 4 * 9 and bias.shape == (4,)
    assert dose >= 0


def test_every_draw_has_every_method_and_the_first_is_the_own(experiment: Experiment) -> None:
    results = experiment.methods()
    right = right_over_draws(experiment, results)
    assert set(right) == set(REDRAWN) and all(answers.shape == (3, 40) for answers in right.values())
    own = results[0].change
    assert own is not None and (right[FEATURES][0] == own.right[1]).all()
    assert not set(right_once(results)) & set(REDRAWN)


def test_more_of_the_features_is_more_of_the_label(experiment: Experiment) -> None:
    response = DoseResponse.of(experiment)
    assert response.log_odds.shape == (5, 40) and response.doses[2] == 0
    trends = response.trends()
    assert trends[DOWN].low > 0 and trends[UP].low > 0 and response.steerable().low > 0
    np.testing.assert_allclose(slopes(np.array([[0.0], [2.0], [4.0]])), [2.0])


def test_climbing_ends_where_accuracy_falls(experiment: Experiment) -> None:
    move = climbed(experiment.units, experiment.texts.tune, experiment.scale)
    assert move.dose > 0
    assert climbed(experiment.matched, experiment.texts.tune, experiment.scale, ()).dose == 0
