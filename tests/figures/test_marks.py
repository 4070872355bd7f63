"""Marks draw intervals on their scales, name rows, colour by the palette, and let the reader choose."""

import json

import altair as alt
import pandas as pd
import pytest
from chart_specs import columns, fields, n_marks, svg

from emomech.core.errors import UsageError
from emomech.figures import marks

COLOURS = {"model": "#0072b2", "majority": "#8c8c8c"}
TABLE = pd.DataFrame(
    {
        "predictor": ["model", "majority"],
        "where": ["words", "words"],
        "score": [0.7, 0.1],
        "low": [0.6, 0.05],
        "high": [0.8, 0.2],
        "n": [40, 40],
    }
)


def base() -> alt.Chart:
    return alt.Chart(TABLE).encode(y=marks.rows("predictor", list(COLOURS)))


CHARTS = {
    "intervals": marks.intervals(base(), "score", "Share", marks.colour("predictor", COLOURS), least=-1, most=2),
    "spans": marks.spans(base(), "score", "Share", marks.colour("predictor", COLOURS), zero=True, more=("where",)),
}


@pytest.mark.parametrize("name", CHARTS)
def test_points_are_drawn_with_their_intervals(name: str) -> None:
    spec = CHARTS[name].to_dict()
    assert {"score", "low", "high", "n", "predictor", "where"} <= fields(spec) <= columns(spec)
    assert [layer["mark"]["type"] for layer in spec["layer"]][-2:] == ["rule", "point"]
    assert n_marks(svg(CHARTS[name])) > 3


def test_intervals_have_the_scale_that_is_given_and_spans_that_of_their_data() -> None:
    assert '"domain": [-1, 2]' in json.dumps(CHARTS["intervals"].to_dict())
    assert CHARTS["intervals"].to_dict()["width"] == "container"
    assert '"domain": [-1, 2]' not in json.dumps(CHARTS["spans"].to_dict())


def test_spans_may_have_a_line_at_zero() -> None:
    colour = marks.colour("predictor", COLOURS)
    assert len(CHARTS["spans"].to_dict()["layer"]) == 3
    assert len(marks.spans(base(), "score", "Share", colour).to_dict()["layer"]) == 2


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("short name", ["short name"]),
        ("a long name without any comma", ["a long", "name without any comma"]),
        ("several emotions, of one cluster", ["several emotions", "of one cluster"]),
    ],
)
def test_a_long_name_goes_on_in_a_second_line(label: str, lines: list[str]) -> None:
    table = pd.DataFrame({"name": [label], "x": [0.5]})
    drawn = svg(alt.Chart(table).mark_point().encode(y=marks.rows("name", [label]), x="x:Q"))
    assert all(f">{line}<" in drawn for line in lines)


def test_values_have_the_colours_and_the_order_of_the_palette() -> None:
    scale = marks.colour("predictor", COLOURS, columns=3).to_dict()
    assert scale["scale"] == {"domain": list(COLOURS), "range": list(COLOURS.values())}
    assert scale["legend"]["columns"] == 3
    assert marks.offset("predictor", COLOURS).to_dict()["sort"] == list(COLOURS)


def test_only_the_values_that_are_there_keep_a_colour() -> None:
    assert marks.only(COLOURS, pd.Series(["model", "model"])) == {"model": COLOURS["model"]}


@pytest.mark.parametrize(
    ("options", "shown"), [(["a", "b"], ("b", ["a", "b"])), (["a", "c"], ("a", ["a", "c"])), ([], ("b", ["b"]))]
)
def test_a_choice_starts_at_an_option_that_is_there(options: list[str], shown: tuple[str, list[str]]) -> None:
    parameter = marks.choice("emotion", options, "b", "Emotion ").param.to_dict()  # pyright: ignore[reportAttributeAccessIssue]
    assert (parameter["value"], parameter["bind"]["options"]) == shown


def test_rows_of_one_place_are_picked_and_another_place_is_named() -> None:
    assert len(marks.at(TABLE, "words")) == 2
    assert not len(marks.at(TABLE.iloc[:0], "answer"))
    with pytest.raises(UsageError, match="where 'end': the table has words"):
        marks.at(TABLE, "end")


def test_numbers_are_shown_to_two_decimals() -> None:
    assert marks.number("low").to_dict() == {"field": "low", "format": ".2f", "type": "quantitative"}
