"""Profiles and onsets of the chosen task are drawn with control and intervals; empty tables draw, too."""

import json

import pandas as pd
import pytest
import vl_convert
from tables import table

from emomech.chapters.depth import charts
from emomech.chapters.depth.analysis import PROFILE
from emomech.chapters.depth.located import ONSETS, SPREADS
from emomech.chapters.depth.onsets import LEVELS
from emomech.core.errors import UsageError
from emomech.figures.palette import MEASURE_COLOURS

TASKS, CONDITIONS = ("emotion", "worth"), ("trained", "random weights", "shuffled labels")
PROFILES = table(
    PROFILE,
    [
        (condition, task, "answer", measure, at, 0.4, 0.3, 0.5, 60)
        for condition in CONDITIONS
        for task in TASKS
        for measure in MEASURE_COLOURS
        for at in (0.0, 0.5, 1.0)
    ],
)
BEGINS = table(ONSETS, [(task, "answer", m, "half", 0.5, 0.4, 0.6, 60) for task in TASKS for m in MEASURE_COLOURS])
APART = table(SPREADS, [(t, "answer", x, 6, 2.5, 0.5, 2.0, 1.5, 2.5, 60) for t in TASKS for x in LEVELS])
DRAWN = {"profiles": charts.profiles(PROFILES, "answer"), "onsets": charts.onsets(BEGINS, "answer")}


@pytest.mark.parametrize("name", DRAWN)
def test_it_is_valid_says_what_it_shows_and_draws(name: str) -> None:
    spec = DRAWN[name].to_dict()
    assert len(spec["description"]) > 40 and spec["width"] == "container"
    svg = vl_convert.vegalite_to_svg(json.loads(DRAWN[name].to_json()) | {"width": 350})
    assert svg.count("<path") + svg.count("<line") > 10
    assert all(colour in svg for colour in MEASURE_COLOURS.values())


def test_the_distance_is_drawn_for_every_level() -> None:
    spec = charts.levels(APART, "answer").to_dict()
    assert "less what noise alone gives" in spec["description"]
    svg = vl_convert.vegalite_to_svg(spec | {"width": 350})
    assert svg.count("<path") + svg.count("<line") > 10
    assert charts.levels(APART.iloc[:0], "answer").to_dict()


def test_task_and_control_are_chosen_among_those_of_the_table() -> None:
    chosen = {p["name"]: p["bind"]["options"] for p in DRAWN["profiles"].to_dict()["params"] if "value" in p}
    assert chosen == {"task": list(TASKS), "control": list(CONDITIONS[1:])}
    text = json.dumps(DRAWN["profiles"].to_dict())
    assert "datum.task === task" in text and "datum.condition === control" in text


def test_intervals_are_drawn() -> None:
    for chart in DRAWN.values():
        text = json.dumps(chart.to_dict())
        assert '"low' in text and '"high' in text


def test_empty_tables_draw_and_a_place_that_is_not_there_is_named() -> None:
    assert charts.profiles(PROFILES.iloc[:0], "text").to_dict()
    assert charts.onsets(BEGINS.iloc[:0], "text").to_dict()
    with pytest.raises(UsageError, match="where 'text': the table has answer"):
        charts.profiles(PROFILES, "text")


def test_models_lie_side_by_side_in_their_order() -> None:
    rows = [(name, "probe", depth, depth, 0.0, 1.0) for name in ("one", "a two") for depth in (0.0, 1.0)]
    table = pd.DataFrame(rows, columns=["edition", "measure", "depth", "value", "low", "high"])
    spec = charts.side_by_side(table).to_dict()
    assert spec["facet"]["sort"] == ["one", "a two"] and spec["columns"] == 2 and "one, a two" in spec["description"]
    assert charts.side_by_side(table.iloc[:0]).to_dict()["spec"]["layer"]
