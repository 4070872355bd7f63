"""The rules on results made by hand: a gain that beats all controls, some, or none, luck, and what cannot be tested."""

from dataclasses import replace

import numpy as np
import pytest
from tables import table, varied

from emomech.causal.steering.dose_response import DOWN, UP
from emomech.causal.steering.experiment import FEATURES, MATCHED
from emomech.chapters.steering.analysis import (
    CONTROL_TASKS,
    LANGUAGE,
    LANGUAGE_MODELLING,
    LEADS,
    METHODS,
    RECOGNITION,
    SETTING,
    SHARES,
    TRENDS,
    Steering,
)
from emomech.chapters.steering.evidence import FLIPS, NONE, RISING
from emomech.chapters.steering.rule import DECIDING, LOWERING, language, steering
from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate
from emomech.stats.paired_answers import share_beyond_half
from emomech.stats.tables import checked, filled

LEAD = dict.fromkeys((NONE, *DECIDING, *LOWERING), 0.1)
GAINED = {"flips": (28, 2), "rising": (240, 280), "down": 0.1, "up": 0.1}


def steered(
    leads: dict[str, float] = LEAD, width: float = 0.05, untested: str = "", no_dose: str = "", **other
) -> Steering:
    """Make leads ± width, and shares and trends as in `GAINED` unless given."""
    given = GAINED | other
    setting = [
        (RECOGNITION, "mine", 0.8, 0.7, 0.9, 0.25, 280, 60, 0.028, untested),
        (LANGUAGE_MODELLING, "neutral", *(np.nan,) * 4, 80, 0, np.nan, no_dose),
    ]
    shares = [(FLIPS, share_beyond_half(given["flips"][0], sum(given["flips"])))]
    shares.append((RISING, share_beyond_half(*given["rising"])))
    rows = [(versus, x, x - width, x + width, 20, 280) for versus, x in leads.items()]
    trends = [(side, x, x - 0.02, x + 0.02, 280) for side, x in ((DOWN, given["down"]), (UP, given["up"]))]
    return checked(
        filled(
            Steering,
            setting=table(SETTING, setting),
            leads=table(LEADS, rows),
            shares=table(SHARES, [(name, s.value, s.low, s.high, s.n) for name, s in shares]),
            trends=table(TRENDS, trends),
        )
    )


def costing(loss: float = 0.0, lost: float = 0.0, **other) -> Steering:
    """Make a change of the loss ± 0.004, and a loss of accuracy in a control task ± 0.01."""
    row = ("causal features", 0.5, 0.1, loss, loss - 0.004, loss + 0.004, 0.01, 0.99, 0.1, 0.05, 0.15, True, 80)
    tasks = [("kinds", 0.5, 0.9, lost, lost - 0.01, lost + 0.01, True, 200)]
    costs = table(LANGUAGE, [row, (MATCHED, *row[1:])])
    return replace(steered(**other), language=costs, control_tasks=table(CONTROL_TASKS, tasks))


def test_a_gain_beyond_all_controls_replicates() -> None:
    verdict = steering(steered())
    assert verdict.outcome == "replicates"
    assert "60 of 280 texts" in verdict.reason and "2.8 points" in verdict.reason


@pytest.mark.parametrize("control", DECIDING)
def test_a_control_that_gains_as_much_or_is_undefined_stops_the_claim(control: str) -> None:
    for result in (
        steered(LEAD | {control: 0.0}, width=0.005),
        steered(LEAD | {control: np.nan}),
        steered({versus: lead for versus, lead in LEAD.items() if versus != control}),
    ):
        assert steering(result).outcome == "does not replicate"


@pytest.mark.parametrize("control", LOWERING)
def test_other_controls_lower_the_verdict(control: str) -> None:
    assert steering(steered(LEAD | {control: 0.0})).outcome == "partly"
    without = {versus: lead for versus, lead in LEAD.items() if versus != control}
    assert steering(steered(without)).outcome == "partly"


def test_few_lucky_flips_are_not_enough() -> None:
    assert steering(steered(flips=(4, 0))).outcome == "no power here"
    assert steering(steered(flips=(8, 2))).outcome == "no power here"
    assert steering(steered(flips=(6, 0))).outcome == "replicates"
    assert steering(steered(flips=(100, 100))).outcome == "does not replicate"


def test_no_sign_of_the_dose_lowers_the_verdict() -> None:
    assert steering(steered(down=-0.1)).outcome == "partly"
    assert steering(steered(up=0.0)).outcome == "partly"
    assert steering(steered(rising=(140, 280))).outcome == "partly"


def test_the_opposite_no_gain_and_no_power_differ() -> None:
    assert steering(steered(dict.fromkeys(LEAD, -0.1))).outcome == "reversed"
    assert steering(steered(dict.fromkeys(LEAD, 0.0), width=0.005)).outcome == "does not replicate"
    verdict = steering(steered(dict.fromkeys(LEAD, 0.005), width=0.04, flips=(5, 3)))
    assert verdict.outcome == "no power here"
    assert "No dose" in steering(steered(dict.fromkeys(LEAD, 0.0), no_dose="the best dose is 0")).reason


def test_what_cannot_be_tested_says_why() -> None:
    result = steered(untested="the model is at chance here")
    for rule in (steering, language):
        assert rule(result).outcome == "cannot be tested here"
        assert "at chance" in rule(result).reason


def test_a_control_without_a_role_is_refused() -> None:
    rows = varied(METHODS, dict.fromkeys(METHODS.columns, 0), method=[FEATURES, "a prayer"])
    with pytest.raises(EmomechError, match="a prayer"):
        steering(replace(steered(), methods=rows))


@pytest.mark.parametrize(
    ("loss", "outcome"),
    [
        (0.0, "replicates"),
        (0.005, "replicates"),
        (0.009, "partly"),
        (-0.02, "partly"),
        (0.03, "partly"),
        (0.05, "does not replicate"),
        (-0.06, "does not replicate"),
    ],
)
def test_language(loss: float, outcome: str) -> None:
    assert language(costing(loss)).outcome == outcome


def test_language_is_lowered_by_a_control_task_that_loses_or_is_missing() -> None:
    assert language(costing(lost=0.05)).outcome == "partly"
    result = costing()
    assert language(replace(result, control_tasks=result.control_tasks.iloc[:0])).outcome == "partly"
    assert "10.00 % of their norm" in language(result).reason


def test_language_is_asked_only_where_something_was_gained() -> None:
    for result in (costing(leads=dict.fromkeys(LEAD, 0.0)), costing(leads=LEAD | {NONE: 0.015}, width=0.001)):
        assert language(result).outcome == "cannot be tested here"
        assert "Nothing was gained" in language(result).reason
    assert "no dose" in language(costing(no_dose="no dose was chosen")).reason


def test_estimates_of_the_gain_are_shown() -> None:
    assert str(Estimate(0.1, 0.05, 0.15, 280)) in steering(steered()).estimate
