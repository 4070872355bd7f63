"""The rule on results made by hand: measures that differ at the answer, at the text or nowhere, and which count."""

from dataclasses import replace

import pytest
from tables import table

from emomech.chapters.depth.analysis import (
    LEADS,
    MEASURE_DIFFERENCES,
    PROFILE,
    SETTING,
    SUMMARIES,
    TASK_DIFFERENCES,
    Depth,
)
from emomech.chapters.depth.rule import depth, of_controls, order
from emomech.stats.tables import checked

PAIR = ("probe", "read-out")
FAR, SAME = 0.001, 0.9
"""Corrected p-values."""


def deep(
    answer: tuple[float, float] = (SAME, SAME),
    text: tuple[float, float] = (SAME, SAME),
    least_lead: float = 0.3,
    control: tuple[float, float] | None = (SAME, SAME),
    untested: str = "",
) -> Depth:
    """Tables with p-values of onset and centre for emotion and for a control task; the probe begins earlier."""
    tested = {"emotion": {"answer": answer, "text": text}}
    if control is not None:
        tested["worth"] = {"answer": control, "text": (SAME, SAME)}
    places = [(task, where) for task, p_values in tested.items() for where in p_values]
    rows = [
        (task, where, summary, *PAIR, -0.3, -0.4, -0.2, p, p, 70)
        for task, p_values in tested.items()
        for where, both in p_values.items()
        for summary, p in zip(("onset", "centre of gravity"), both, strict=True)
    ]
    leads = [(*place, m, 0.8, 0.9, 0.1, 0.5, least_lead, 0.7, 70) for place in places for m in PAIR]
    begins = [
        (*place, m, "onset", x, x - 0.1, x + 0.1, 70) for place in places for m, x in zip(PAIR, (0.4, 0.7), strict=True)
    ]
    setting = [(task, 4, 0.9, 0.8, 1.0, 0.25, 80, 80, 40, untested if task == "emotion" else "") for task in tested]
    return checked(
        Depth(
            profile=table(PROFILE),
            leads=table(LEADS, leads),
            summaries=table(SUMMARIES, begins),
            measure_differences=table(MEASURE_DIFFERENCES, rows),
            task_differences=table(TASK_DIFFERENCES),
            setting=table(SETTING, setting),
        )
    )


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (deep(answer=(FAR, FAR)), "replicates"),
        (deep(answer=(FAR, SAME)), "replicates"),
        (deep(answer=(SAME, FAR)), "partly"),
        (deep(text=(FAR, FAR)), "partly"),
        (deep(), "does not replicate"),
        (deep(answer=(FAR, FAR), least_lead=-0.1), "cannot be tested here"),
        (deep(answer=(FAR, FAR), untested="the model is at chance"), "cannot be tested here"),
        (deep(answer=(float("nan"), float("nan"))), "does not replicate"),
    ],
)
def test_depth(result: Depth, outcome: str) -> None:
    assert depth(result).outcome == outcome


def test_without_the_leads_over_the_controls_nothing_counts() -> None:
    result = deep(answer=(FAR, FAR))
    assert depth(replace(result, leads=result.leads.iloc[:0])).outcome == "cannot be tested here"
    only_probe = result.leads[result.leads.measure == "probe"]
    assert depth(replace(result, leads=only_probe)).outcome == "cannot be tested here"


def test_it_says_what_differs_by_how_much_and_with_which_control() -> None:
    verdict = depth(deep(answer=(FAR, SAME), control=(FAR, SAME)))
    assert (
        "Of the pairs of measures at the answer, 1 of 1 differ in onset and 0 of 1 differ in centre" in verdict.reason
    )
    assert (
        "the onset of the measure 'probe' lies 0.30 of the model's depth before that of 'read-out'." in verdict.reason
    )
    assert "for emotion also differ for: worth (1 of 1 pairs)." in verdict.reason
    assert "answer, onset of probe: 0.40 [0.30, 0.50]" in verdict.estimate
    assert "answer, probe above both controls: 0.50 [0.30, 0.70]" in verdict.control


def test_it_says_what_is_not_specific_to_emotion() -> None:
    assert "No pair of measures differs at the answer both for emotion and for: worth" in of_controls(deep((FAR, FAR)))
    assert "no control task" in of_controls(deep(control=None))
    assert "does not replicate" in depth(deep(control=(FAR, FAR))).outcome


def test_the_order_of_the_onsets() -> None:
    assert order(deep(), "answer") == "probe (0.40), read-out (0.70)"
    assert order(deep(least_lead=0), "answer") == "no measure exceeds both controls"


def test_a_reason_why_nothing_can_be_said_is_given() -> None:
    assert depth(deep(untested="the model is at chance")).reason == "The model is at chance."
