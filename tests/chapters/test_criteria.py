"""One criterion: met, not met, reversed, without power, undefined; families, several comparisons, other SAEs, draws."""

import math

import pytest

from emomech.chapters.criteria import Criterion, detectable, judge, stable, stable_sentence
from emomech.stats.estimates import Estimate

EFFECT = Criterion("effect", "It falls.", "points lost", margin=2)
FALL = Criterion("fall", "It falls.", "change in points", sign=-1, margin=2)
SAME = Criterion("same", "It stays.", "change in points", margin=2, form="within")
HARMLESS = Criterion("harm", "It does not harm.", "points lost", margin=2, form="below")
NAN = math.nan


def estimate(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, low, high, 40)


@pytest.mark.parametrize(
    ("criterion", "values", "status"),
    [
        (EFFECT, (3, 1, 5), "met"),
        (EFFECT, (1, 0.5, 1.5), "not met"),  # above zero, but too small to matter
        (EFFECT, (0, -1, 1), "not met"),
        (EFFECT, (0.5, -3, 4), "no power"),
        (EFFECT, (-3, -5, -1), "reversed"),
        (EFFECT, (-1, -1.5, -0.5), "not met"),
        (EFFECT, (-3, -9, 3), "no power"),
        (EFFECT, (-9, -19, 1), "not met"),  # the margin is excluded
        (EFFECT, (3, NAN, NAN), "undefined"),
        (EFFECT, (NAN, NAN, NAN), "undefined"),
        (EFFECT, (math.inf, 1, math.inf), "undefined"),
        (EFFECT, (NAN, -3, 3), "no power"),
        (EFFECT, (NAN, -3, 1), "undefined"),  # the margin is out of reach, so there is nothing to tell
        (FALL, (NAN, -3, 1), "no power"),
        (FALL, (-3, -5, -1), "met"),
        (FALL, (3, 1, 5), "reversed"),
        (SAME, (0, -1, 1), "met"),
        (SAME, (0, -1, 3), "no power"),
        (SAME, (5, 4, 6), "not met"),
        (SAME, (-5, -6, -4), "not met"),
        (HARMLESS, (-5, -6, -4), "met"),
        (HARMLESS, (0, -1, 1), "met"),
        (HARMLESS, (0, -3, 3), "no power"),
        (HARMLESS, (5, 3, 7), "not met"),
    ],
)
def test_an_estimate_is_judged(criterion: Criterion, values: tuple[float, float, float], status: str) -> None:
    assert judge(criterion, estimate(*values))[0] == status


def test_what_is_missing_is_undefined() -> None:
    assert judge(EFFECT, None) == ("undefined", "undefined")
    assert judge(EFFECT, {}) == ("undefined", "undefined")


def test_what_a_small_sample_could_have_shown_is_written() -> None:
    status, text = judge(EFFECT, estimate(0.5, -3, 4))
    assert status == "no power"
    assert text == "0.50 [−3.00, 4.00]; the smallest effect that could have been shown is 5.00, and 2 matters"


def test_an_interval_without_an_estimate_says_where_it_may_lie() -> None:
    assert judge(EFFECT, estimate(NAN, -3, 3))[1] == "no estimate; it may lie anywhere from −3.00 to 3.00"


def test_more_comparisons_need_a_wider_interval() -> None:
    assert judge(EFFECT, estimate(5, 0.5, 9.5), comparisons=1)[0] == "met"
    assert judge(EFFECT, estimate(5, 0.5, 9.5), comparisons=5)[0] == "no power"


def test_other_saes_of_the_model_widen_the_interval() -> None:
    assert judge(EFFECT, estimate(5, 3, 7), [estimate(4, 2, 6)])[0] == "met"
    assert judge(EFFECT, estimate(5, 3, 7), [estimate(1, -1, 3)])[0] == "no power"
    assert judge(EFFECT, estimate(5, 3, 7), [estimate(NAN, NAN, NAN)])[0] == "undefined"


def test_other_saes_widen_the_interval_of_each_member_of_a_family() -> None:
    half = Criterion("half", "Half of them fall.", "points lost", margin=2, need=0.5)
    good, poor = estimate(9, 6, 12), estimate(1, -2, 4)
    family = {"a": good, "b": good}
    assert judge(half, family, [{"a": good, "b": poor}])[0] == "met"
    assert judge(half, family, [{"a": poor, "b": poor}])[0] == "no power"
    assert judge(half, family, [{"a": poor}])[0] == "no power"
    assert judge(half, family, [{}])[0] == "undefined"


def test_enough_members_of_a_family_have_to_meet_a_criterion() -> None:
    half = Criterion("half", "Half of them fall.", "points lost", margin=2, need=0.5)
    good, bad, back = estimate(9, 6, 12), estimate(0, -1, 1), estimate(-9, -12, -6)
    wide, undefined = estimate(1, -9, 11), estimate(NAN, NAN, NAN)
    assert judge(half, {"a": good, "b": good, "c": bad, "d": bad})[0] == "met"
    assert judge(half, {"a": good, "b": bad, "c": bad, "d": bad})[0] == "not met"
    assert judge(half, {"a": good, "b": wide, "c": bad, "d": bad})[0] == "no power"
    assert judge(half, {"a": back, "b": back, "c": bad})[0] == "reversed"
    assert judge(half, {"a": undefined, "b": undefined})[0] == "undefined"
    assert judge(half, {"a": good, "b": undefined, "c": undefined})[0] == "not met"
    assert judge(half, {"a": good, "b": bad}) == ("met", "1 of 2, 1 needed; a 9.00 [6.00, 12.00]")
    every = Criterion("every", "All fall.", "points lost", margin=2)
    assert judge(every, {"a": good, "b": bad})[0] == "not met"
    assert judge(every, {"a": good, "b": good})[0] == "met"


def test_a_family_is_corrected_for_its_members_unless_all_are_needed() -> None:
    barely = estimate(5, 0.2, 9.8)
    family = {str(i): barely for i in range(10)}
    assert judge(Criterion("any", "One falls.", "points", need=0.1), family)[0] != "met"
    assert judge(Criterion("all", "All fall.", "points"), family)[0] == "met"


def test_no_family_of_null_effects_passes_too_often() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    any_of = Criterion("any", "One of them falls.", "points", need=0.05)
    passed = 0
    for _ in range(2000):
        values = rng.normal(size=20)
        passed += judge(any_of, {str(i): estimate(v, v - 1.96, v + 1.96) for i, v in enumerate(values)})[0] == "met"
    assert passed / 2000 <= 0.035  # one-sided .025


def test_the_smallest_detectable_effect_is_shown_with_the_power_it_has() -> None:
    import numpy as np

    error = 1.5
    interval = estimate(0, -1.96 * error, 1.96 * error)
    values = np.random.default_rng(0).normal(detectable(interval), error, 20_000)
    assert np.mean(values - 1.96 * error > 0) == pytest.approx(0.8, abs=0.01)


def test_a_direction_has_to_hold_on_every_draw() -> None:
    assert stable(EFFECT, [1, 2, 3]) and stable(EFFECT, [])
    assert not stable(EFFECT, [1, -2, 3]) and not stable(EFFECT, [1, NAN])
    assert stable(FALL, [-1, -2]) and not stable(FALL, [-1, 2])
    assert stable(HARMLESS, [1, -2]) and not stable(HARMLESS, [1, 3])
    assert stable(SAME, [1, -1]) and not stable(SAME, [1, -3])
    assert stable_sentence("Joy falls.", [-1, -2], -1) == "Joy falls."
    assert stable_sentence("Joy falls.", [-1, 2], -1) == "Not stable over draws of the texts: joy falls."
