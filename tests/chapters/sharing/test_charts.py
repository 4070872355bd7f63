"""Counts, sets, depths, pairs and axes are drawn with their controls and intervals, and on empty tables."""

import json

import pytest
import vl_convert
from tables import table

from emomech.chapters.sharing import charts
from emomech.chapters.sharing.analysis import DEPTHS, NUMBERS, SPECIFIC
from emomech.chapters.sharing.relations import ALL, AXES, PAIRS, SILENT
from emomech.figures.palette import CONDITION_COLOURS, SHARING_COLOURS

CONDITIONS = list(CONDITION_COLOURS)
NUMBER_ROWS = [
    ("selective", condition, features, k, 0.1 / k, 0.05 / k, 0.2 / k, 0.1 / k, 0.05 / k, 0.15 / k, 40)
    for condition in CONDITIONS
    for features in (ALL, SILENT)
    for k in (1, 2, 3)
]
OWN = [("selective", c, ALL, emotion, 0.1, 0.05, 0.15, 40) for c in CONDITIONS for emotion in ("joy", "fear")]
BY_DEPTH = [
    ("selective", c, kind, f"blocks.{at}", at, 0.1, 0.05, 0.15, 40)
    for c in CONDITIONS
    for kind in SHARING_COLOURS
    for at in (0.0, 0.5, 1.0)
]
SHARED_PAIRS = [
    ("selective", "trained", *pair, "", 0.2, x, x - 0.1, x + 0.1, 5)
    for pair, x in {("joy", "fear"): 0.1, ("joy", "calm"): -0.2, ("fear", "calm"): 0.0}.items()
]
FOLLOWED = [
    ("selective", c, axis, 0.4, 0.1, 0.3, 0.05, 0.05, 30, "") for c in CONDITIONS for axis in ("valence", "arousal")
]
TABLES = {
    "numbers": (charts.numbers, NUMBERS, NUMBER_ROWS),
    "specific": (charts.specific, SPECIFIC, OWN),
    "depths": (charts.depths, DEPTHS, BY_DEPTH),
    "pairs": (charts.pairs, PAIRS, SHARED_PAIRS),
    "axes": (lambda rows, _: charts.axes(rows), AXES, FOLLOWED),
}


@pytest.mark.parametrize("name", TABLES)
def test_it_is_valid_says_what_it_shows_and_draws(name: str) -> None:
    draw, schema, rows = TABLES[name]
    chart = draw(table(schema, rows), "selective")
    spec = chart.to_dict()
    assert len(spec["description"]) > 40 and spec["width"] == "container"
    svg = vl_convert.vegalite_to_svg(json.loads(chart.to_json()) | {"width": 350})
    assert svg.count("<path") + svg.count("<line") + svg.count("<rect") > 8


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_still_draws(name: str) -> None:
    draw, schema, _ = TABLES[name]
    spec = draw(table(schema).astype(str), "selective").to_dict()  # as it is read back from a file
    assert vl_convert.vegalite_to_svg(spec | {"width": 350})


@pytest.mark.parametrize("name", ["numbers", "specific", "axes"])
def test_every_control_has_its_colour(name: str) -> None:
    draw, schema, rows = TABLES[name]
    svg = vl_convert.vegalite_to_svg(json.loads(draw(table(schema, rows), "selective").to_json()) | {"width": 350})
    assert all(colour in svg for colour in CONDITION_COLOURS.values())


def test_independent_assignment_and_intervals_are_drawn() -> None:
    text = json.dumps(charts.numbers(table(NUMBERS, NUMBER_ROWS), "selective").to_dict())
    assert '"expected_low"' in text and '"low"' in text


def test_the_control_is_chosen_among_those_of_the_table() -> None:
    (control,) = charts.depths(table(DEPTHS, BY_DEPTH), "selective").to_dict()["params"]
    assert control["bind"]["options"] == CONDITIONS[1:]


def test_another_kind_of_evidence_is_not_drawn() -> None:
    spec = charts.specific(table(SPECIFIC, OWN), "supporting").to_dict()
    assert not any(spec["datasets"].values())
