"""Fitted doses repair what a bias cannot, stay at zero where nothing helps, and cost less the more cost counts."""

from dataclasses import replace

import deficit
import noisy
import numpy as np
import planted
import pytest

from emomech.causal.lm_loss import language_shifts
from emomech.causal.steering.experiment import Experiment
from emomech.causal.steering.fitted_doses import MOST, SHARES, Fitting, Problem, Setting, grid
from emomech.causal.steering.operations import FITTED, Move, best
from emomech.causal.steering.recognition import Change, Texts
from emomech.study.study import Study

EVERYWHERE = Setting("fitted factors", "everywhere", 0.0, 2, 1.0)


def experiment_of(study: Study) -> Experiment:
    return Experiment(study, Texts.of(study, 4, 10, 20, 50), n_labelled=4, n_features=2)


def fitting_of(experiment: Experiment) -> Fitting:
    own = experiment.fits.draws[0]
    return experiment.fits.fitting(own.units, own.labels)


@pytest.fixture(scope="module")
def repaired() -> Experiment:
    return experiment_of(deficit.study())


def recall(change: Change, label: int) -> tuple[float, float]:
    """Recall of a label before and after."""
    own = change.gold == label
    return tuple(float((logits.argmax(1) == label)[own].mean()) for logits in (change.before, change.after))  # pyright: ignore[reportReturnType]


def test_the_weak_emotion_is_repaired_and_a_bias_cannot(repaired: Experiment) -> None:
    fear = planted.CLASSES["emotion"].index("fear")
    steered = repaired.by_operation("fitted factors")
    before, after = recall(steered, fear)
    assert before < 0.7 and after == 1.0 and steered.flips[1] == 0
    assert repaired.bias(repaired.labels)[1].gain().value <= 0.01 < steered.gain().low


def test_the_dose_is_that_of_the_weak_emotion(repaired: Experiment) -> None:
    move = best(repaired.trials["fitted factors"]).move
    doses = repaired.units_of(move).doses(move)
    names = planted.feature_names()
    assert names[max(doses, key=lambda feature: doses[feature]).index] == "emotion:fear"
    assert all(abs(dose) <= MOST["fitted factors"] for dose in doses.values())


def test_where_nothing_helps_nothing_is_moved() -> None:
    experiment = experiment_of(planted.study(480).replaced(controls=[]))
    fitting = fitting_of(experiment)
    assert fitting.move(EVERYWHERE, experiment.labels.every).dose < 0.05
    for operation in FITTED:
        assert best(experiment.trials[operation]).move.dose == 0
    assert experiment.chosen.dose == 0


def test_the_more_language_counts_the_less_it_suffers() -> None:
    experiment = experiment_of(noisy.study(480))
    fitting, texts = fitting_of(experiment), experiment.study.prompts[:60]
    moves = [fitting.move(replace(EVERYWHERE, penalty=penalty), experiment.labels.every) for penalty in (0.0, 1e3)]
    free, kept = language_shifts(experiment.study.lm, texts, [fitting.units.edits(move) for move in moves])
    assert kept.means()["kl"][0] < 0.05 * free.means()["kl"][0] and free.means()["loss"][0] > 0.01
    assert abs(kept.means()["loss"][0]) < 0.01
    assert fitting.divergence(EVERYWHERE, moves[1]) < fitting.divergence(EVERYWHERE, moves[0])


def test_the_same_seed_gives_the_same_doses(repaired: Experiment) -> None:
    again = experiment_of(deficit.study())
    assert dict(again.settings) == dict(repaired.settings)
    for operation in FITTED:
        assert again.trials[operation] == repaired.trials[operation]


def test_the_labels_of_reported_texts_change_nothing(repaired: Experiment) -> None:
    texts, report = repaired.texts, repaired.texts.report
    wrong = report.with_gold((report.gold + 1) % 4)
    other = replace(repaired, texts=replace(texts, report=wrong))
    assert other.chosen == repaired.chosen
    after, expected = (e.change(e.units_of(e.chosen), e.chosen).after for e in (other, repaired))
    assert (after == expected).all()


def test_halves_share_no_text_with_what_fits_them(repaired: Experiment) -> None:
    fitting, labels = fitting_of(repaired), repaired.labels
    for half, others in fitting._halves:
        assert not set(labels.tunes[half]) & set(others)
        assert len(half) + len(others) == len(labels.every)


def test_trials_begin_with_no_steering_and_rise_to_the_fit(repaired: Experiment) -> None:
    trials = fitting_of(repaired).trials(EVERYWHERE)
    assert [trial.move.dose for trial in trials] == pytest.approx(
        [share * trials[-1].move.dose for share in (0, *SHARES)]
    )
    assert all(trial.move.where == "everywhere" for trial in trials)


def test_a_depth_and_a_size_limit_what_is_moved(repaired: Experiment) -> None:
    fitting = fitting_of(repaired)
    late = fitting.moved(replace(EVERYWHERE, first=0.9))
    assert late and all(feature.point.resid_index() >= 5.4 for feature in late)
    assert set(late) < set(fitting.moved(EVERYWHERE)) <= set(fitting.moved(replace(EVERYWHERE, n_features=4)))


def test_a_search_ends_at_a_setting_that_no_single_step_improves(repaired: Experiment) -> None:
    fitting = fitting_of(repaired)
    found = fitting.search(2)
    assert found in list(grid(2))
    assert fitting.choose([found, replace(found, penalty=1.0), replace(found, penalty=30.0)]) == found


def test_gradients_of_the_fit_are_exact() -> None:
    rng = np.random.default_rng(0)
    problem = Problem(
        rng.normal(size=(30, 3)), rng.normal(size=(30, 3, 2)), rng.integers(3, size=30), rng.normal(size=(5, 2))
    )
    factor, doses = problem.fit(penalty=0.1, most=5.0)

    def loss(doses: np.ndarray) -> float:
        cost = problem.cross_entropy(factor, doses).mean() + 0.1 * problem.divergence(doses)
        return float(cost + 0.01 * doses @ doses)

    for i in range(2):
        step = np.eye(2)[i] * 1e-3
        assert loss(doses + step) - loss(doses - step) == pytest.approx(0, abs=1e-5)


def test_moves_of_single_features_keep_their_proportions() -> None:
    move = Move("fitted factors", (0.4, 0.4), ((1.0, -0.5), (0.0,)), "answer")
    assert move.at(0.2).doses == pytest.approx((0.2, 0.2)) and move.at(0.2).shares == move.shares
    assert len(list(grid(3))) == 48 and {setting.n_features for setting in grid(3)} == {3, 6}
