"""The rule on tables made by hand: each criterion alone stops the claim, lowers it or leaves it open."""

from dataclasses import replace

import pandas as pd
import pytest
from tables import table

from emomech.chapters.depth.analysis import Depth
from emomech.chapters.depth.located import COMPARISONS, CONTROL_TASK, LEADS, ONSETS, SPREADS, onset_at
from emomech.chapters.depth.onsets import LEVELS
from emomech.chapters.depth.rule import counted, depth, of_controls, order, uncounted
from emomech.chapters.depth.setting import SETTING
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.chapters.verdict import Status
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked, filled, frame

PLANTED, NONE, WIDE = (2.0, 1.5, 2.5), (0.0, -0.3, 0.3), (1.5, -1.0, 4.0)
UNDEFINED = (float("nan"), float("nan"), float("nan"))
Interval = tuple[float, float, float]


def deep(
    answer: Interval = PLANTED,
    others: Interval = PLANTED,
    text: Interval = PLANTED,
    weights: Interval = PLANTED,
    labels: Interval = PLANTED,
    worth: Interval = PLANTED,
) -> Depth:
    """Tables with these excesses and differences in steps; the probe begins before the read-out."""
    at_answer = [
        ("emotion", "answer", level, 2, 2.4, 0.4, *(answer if level == "half" else others), 70) for level in LEVELS
    ]
    at_text = [("emotion", "text", "half", 2, 2.4, 0.4, *text, 70)]
    versus = {
        "random weights": ("emotion", weights),
        "shuffled labels": ("emotion", labels),
        CONTROL_TASK: ("worth", worth),
    }
    begins = {"probe": 0.4, "read-out": 0.7}
    return checked(
        filled(
            Depth,
            leads=table(
                LEADS,
                [
                    ("emotion", w, m, 0.8, 0.9, 0.1, 0.8, 0.7, 0.9, 0.1, "", 70)
                    for w in ("answer", "text")
                    for m in begins
                ],
            ),
            onsets=table(
                ONSETS, [("emotion", "answer", m, "half", x, x - 0.1, x + 0.1, 70) for m, x in begins.items()]
            ),
            spreads=table(SPREADS, [*at_answer, *at_text, ("worth", "answer", "half", 2, 1.0, 0.4, 0.6, 0.1, 1.1, 70)]),
            comparisons=table(
                COMPARISONS, [("answer", name, task, *values, 70) for name, (task, values) in versus.items()]
            ),
            stability=frame(
                STABILITY,
                stability_rows(
                    {
                        "spread at the answer": [2.0, 1.8],
                        onset_at("answer", "probe"): [3.2, 3.0],
                        onset_at("answer", "read-out"): [5.6, 5.8],
                    }
                ),
            ),
            setting=table(SETTING, [(task, 4, 0.9, 0.8, 1.0, 0.25, 80, 80, 40, "") for task in ("emotion", "worth")]),
        )
    )


def test_onsets_apart_at_both_places_replicate() -> None:
    verdict = depth(deep())
    assert verdict.outcome == "replicates"
    assert {check.status for check in verdict.checks} == {"met"}
    assert verdict.reason.startswith("All 5 criteria are met.")


@pytest.mark.parametrize("name", ["answer", "others", "weights", "labels"])
@pytest.mark.parametrize("values", [NONE, (0.3, 0.1, 0.5), (-2.0, -2.5, -1.5)])
def test_without_one_that_decides_it_falls(name: str, values: Interval) -> None:
    assert depth(deep(**{name: values})).outcome in ("does not replicate", "reversed")


@pytest.mark.parametrize("name", ["weights", "labels"])
def test_an_undefined_control_is_not_beaten(name: str) -> None:
    assert depth(deep(**{name: UNDEFINED})).outcome == "does not replicate"
    without = deep()
    control = {"weights": "random weights", "labels": "shuffled labels"}[name]
    kept = without.comparisons[without.comparisons.versus != control]
    assert depth(replace(without, comparisons=kept)).outcome == "does not replicate"


@pytest.mark.parametrize("values", [NONE, UNDEFINED, WIDE])
def test_without_the_text_it_is_partly(values: Interval) -> None:
    assert depth(deep(text=values)).outcome == "partly"


def test_at_the_text_only_it_does_not_replicate() -> None:
    assert depth(deep(answer=NONE, others=NONE, weights=NONE, labels=NONE)).outcome == "does not replicate"


def test_control_tasks_are_shown_and_change_nothing() -> None:
    for values in (PLANTED, NONE, WIDE, UNDEFINED):
        verdict = depth(deep(worth=values))
        assert verdict.outcome == "replicates"
    shown: list[tuple[str, Status]] = [(check.role, check.status) for check in depth(deep(worth=WIDE)).checks]
    assert shown[-1] == ("describes", "no power")


def test_too_small_a_sample_is_no_negative() -> None:
    assert depth(deep(WIDE, WIDE, WIDE, WIDE, WIDE)).outcome == "no power here"


def test_a_sign_that_other_draws_do_not_have_leaves_partly() -> None:
    rows = frame(STABILITY, stability_rows({"spread at the answer": [2.0, -0.1]}))
    assert depth(replace(deep(), stability=rows)).outcome == "partly"


def test_what_cannot_be_tested() -> None:
    chance = deep()
    chance = replace(chance, setting=chance.setting.assign(untested="the model is at chance"))
    assert (depth(chance).outcome, depth(chance).reason) == ("cannot be tested here", "The model is at chance.")
    one = deep()
    one = replace(one, leads=one.leads.assign(undefined=["", "the lead is small", "", ""]))
    verdict = depth(one)
    assert verdict.outcome == "cannot be tested here"
    assert "read-out (the lead is small; the smallest lead that could have been shown is 0.10)" in verdict.reason
    assert counted(one, "answer") == ["probe"] and len(uncounted(one)) == 1


def test_a_control_that_is_not_named_is_refused() -> None:
    more = deep()
    row = table(COMPARISONS, [("answer", "random directions", "emotion", *PLANTED, 70)])
    with pytest.raises(EmomechError, match="random directions"):
        depth(replace(more, comparisons=pd.concat([more.comparisons, row])))


def test_sentences() -> None:
    assert "At the answer, the probe begins before the read-out." in depth(deep()).reason
    swapped = stability_rows({onset_at("answer", "probe"): [3.2, 6.0], onset_at("answer", "read-out"): [5.6, 5.8]})
    unstable = depth(replace(deep(), stability=frame(STABILITY, swapped)))
    assert "Not stable over draws of the texts: at the answer, the probe begins" in unstable.reason
    assert order(deep(), "answer").startswith("probe (0.40; 3.0 to 3.2 steps over 2 draws), read-out (0.70")
    assert order(deep(), "text") == "no measure has an onset"
    assert "worth, the distance less noise is 0.60 [0.10, 1.10] steps" in " ".join(of_controls(deep()))
    alone = deep()
    assert "no control task" in of_controls(replace(alone, setting=alone.setting.iloc[:1]))[0]
    untested = replace(alone, setting=alone.setting.assign(untested=["", "it is at chance"]))
    assert of_controls(untested) == ["The control task worth cannot be tested: it is at chance."]
