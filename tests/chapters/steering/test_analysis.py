"""Steering that is known to help, a wrong prior only, no room for a gain, and a model that infers nothing."""

from dataclasses import replace

import noisy
import numpy as np
import pandas as pd
import planted
import pytest

from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED, MEANS, RAW
from emomech.causal.steering.recognition import ACCURACY
from emomech.chapters.steering import cost, rule
from emomech.chapters.steering.analysis import LANGUAGE_MODELLING, RECOGNITION, Steering, steering
from emomech.chapters.steering.evidence import FLIPS, NONE, RISING
from emomech.data import corpus
from emomech.stats.estimates import Estimate
from emomech.stats.tables import checked, number
from emomech.study.study import Study

SMALL = {"n_features": 2, "n_tune": 10, "n_report": 30, "n_resamples": 200, "n_label_draws": 4}


@pytest.fixture(scope="module")
def helped() -> Steering:
    study = noisy.study(640)
    kinds = [
        replace(e, item_type="even" if i % 2 else "odd", style="story", shift="new" if i % 3 == 0 else "")
        for i, e in enumerate(study.corpus.examples)
    ]
    study = study.replaced(corpus=corpus.make("noisy", kinds, study.corpus.labels))
    return checked(steering(study, **SMALL))


@pytest.fixture(scope="module")
def prior() -> Steering:
    return checked(steering(noisy.study(640, prior=8.0, gain=0.3), **SMALL))


def gain(result: Steering, method: str, versus: str = NONE):
    return number(result.differences, "difference", method=method, versus=versus, measure=ACCURACY)


def test_scaling_what_carries_the_emotion_drowns_the_noise(helped: Steering) -> None:
    assert gain(helped, FEATURES).low > 0.1
    assert gain(helped, FEATURES).value > gain(helped, RAW).value
    for useless in (BIAS, MATCHED, "selective features", "random weights"):
        assert gain(helped, useless).value == pytest.approx(0, abs=0.02)
    assert gain(helped, FEATURES, BIAS).value == pytest.approx(gain(helped, FEATURES).value - gain(helped, BIAS).value)
    unmet = {check.control: check.status for check in rule.steering(helped).checks if check.status != "met"}
    # the class means find what was planted as well, and the model cannot read worked examples
    assert unmet == {MEANS: "no power", "few-shot prompt": "undefined"}
    assert rule.steering(helped).outcome == "no power here"


def test_methods_count_what_differences_say(helped: Steering) -> None:
    methods = helped.methods.set_index("method")
    flips, wrong, p, dose, moved = (
        number(helped.methods, column, method=FEATURES)
        for column in ("put_right", "put_wrong", "p", "dose", "displacement")
    )
    assert (flips.value - wrong.value) / flips.n == pytest.approx(gain(helped, FEATURES).value)  # labels equally often
    assert p.value < 0.001 and dose.value > 0 and moved.value > 0
    assert "reads at most 32" in str(methods.untested["few-shot prompt"])
    assert methods.drop("few-shot prompt").untested.eq("").all()


def test_parts_add_up_to_the_whole(helped: Steering) -> None:
    total = helped.methods.set_index("method").put_right
    shift = helped.items.query("breakdown == 'distribution'").groupby("method").put_right.sum()
    assert shift[FEATURES] == total[FEATURES]
    types = helped.items.query("breakdown == 'item type' and method == @FEATURES")
    assert set(types.group) == {"even", "odd"}
    assert types.n.sum() < helped.methods.n.iloc[0]  # of those that are as in training alone
    said = helped.emotions.groupby("method")[["said_before", "said_after"]].sum()
    assert np.allclose(said, 1)


def test_the_cost_is_measured_at_the_dose_that_is_chosen(helped: Steering) -> None:
    chosen = helped.language[helped.language.chosen].set_index("units")
    assert set(chosen.index) == {FEATURES, MATCHED}
    assert chosen.dose[FEATURES] == helped.methods.set_index("method").dose[FEATURES]
    assert chosen.gain[FEATURES] == pytest.approx(gain(helped, FEATURES).value)
    assert chosen.loss[FEATURES] > 0.05 > chosen.high[MATCHED]
    assert rule.language(helped).outcome == "does not replicate"
    assert "the reported texts" in helped.setting.set_index("part").texts[LANGUAGE_MODELLING]


def test_what_decides_is_that_of_the_draws_and_of_single_texts(helped: Steering) -> None:
    by_draw = helped.stability[helped.stability.quantity == NONE].value
    assert len(by_draw) == 4 and by_draw.mean() == pytest.approx(number(helped.leads, "lead", versus=NONE).value)
    assert by_draw.iloc[0] == pytest.approx(gain(helped, FEATURES).value)
    flips = helped.methods.set_index("method").loc[FEATURES]
    share = number(helped.shares, "share", quantity=FLIPS)
    assert share.value == pytest.approx(flips.put_right / (flips.put_right + flips.put_wrong) - 0.5)
    assert number(helped.shares, "share", quantity=RISING).low > 0
    assert (helped.steerability.slope > 0).mean() > 0.6 and len(helped.steerability) == 120
    assert helped.trends.low.min() > 0 and helped.response.log_odds.is_monotonic_increasing
    assert {"wrong", "showable"} <= set(helped.setting.columns)


def test_one_trial_of_each_operation_is_chosen(helped: Steering) -> None:
    trials = helped.trials
    assert trials[trials.chosen].operation.tolist() == trials.operation.unique().tolist()
    assert trials[trials.chosen].gain.notna().all() and trials[~trials.chosen].gain.isna().all()
    for _, rows in trials.groupby("operation"):
        assert rows[rows.chosen].tune_accuracy.item() == rows.tune_accuracy.max()


def test_few_labelled_texts_do_as_well_as_many(helped: Steering) -> None:
    curve = helped.efficiency.query("method == @FEATURES").set_index("n_labelled")
    assert list(curve.index) == [2, 5, 20]
    assert curve.low.min() > 0


def test_the_features_are_those_that_were_planted(helped: Steering) -> None:
    names = planted.feature_names()
    for feature, emotion in zip(helped.chosen.feature, helped.chosen.emotion, strict=True):
        assert names[int(feature)] == f"emotion:{emotion}"


def test_what_only_mends_a_prior_is_no_better_inference(prior: Steering) -> None:
    assert gain(prior, FEATURES).low > 0.1
    assert gain(prior, BIAS).low > 0.1
    assert not gain(prior, FEATURES, BIAS).low > 0
    assert rule.steering(prior).outcome in ("does not replicate", "no power here")
    assert "Controls that are not beaten: logit bias" in rule.steering(prior).reason


@pytest.mark.parametrize(
    ("study", "why"),
    [
        (planted.study(320, null=True), "at chance"),
        (planted.study(320), "no room"),
        (planted.study(20), "at least 2 are needed"),
    ],
)
def test_where_nothing_can_be_shown_it_says_why(study: Study, why: str) -> None:
    result = checked(steering(study, **SMALL))
    assert why in result.setting.set_index("part").untested[RECOGNITION]
    assert all(table.empty for name, table in vars(result).items() if name != "setting")
    for decide in (rule.steering, rule.language):
        assert decide(result).outcome == "cannot be tested here"
        assert why in decide(result).reason


def test_labels_that_begin_alike_cannot_be_told_apart() -> None:
    study = noisy.study(320)
    study = study.replaced(answers=[" joy", " joy", " fear", " anger"])
    assert rule.steering(steering(study, **SMALL)).outcome == "cannot be tested here"


def test_the_seed_decides_everything() -> None:
    first, second = (steering(noisy.study(320), **SMALL | {"n_report": 10, "n_resamples": 20}) for _ in range(2))
    pd.testing.assert_frame_equal(first.differences, second.differences)


def test_a_control_task_that_loses_nothing_has_a_narrow_interval() -> None:
    right = np.ones(200, bool)
    row = cost.accuracy_lost(np.arange(200) % 2, right, right, np.ones((50, 200)))
    lost = row["lost"]
    assert isinstance(lost, Estimate)
    assert lost.value == 0 and lost.high < 0.02 and row["accuracy"] == 1
