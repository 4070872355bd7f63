"""Every figure of the page is drawn from its tables, with intervals and controls, and from empty ones too."""

import json
from collections.abc import Callable

import altair as alt
import pandas as pd
import pytest
import vl_convert
from tables import table

from emomech.chapters.concentration import charts, tables
from emomech.chapters.concentration.specifications import ESTIMATORS, WEAKER

EMOTIONS = ("disgust", "anger", "joy")
CONDITIONS = ("its features", "matched features", "shuffled labels", "random weights", "frozen decoder")
MEASURES = ("effective number", "sum of single effects")
VALUES = (1.0, 0.5, 1.5)

SPECIFIED = [
    (part, place, estimator, features, "all others", *VALUES, 50)
    for part, estimators in ESTIMATORS.items()
    for place in ("embedding", "block 0", "all hook points")
    for estimator in estimators
    for features in ("all features", "writing no label")
]
MEDIANS = [(c, part, e, *VALUES, 50) for c in CONDITIONS for part in ESTIMATORS for e in EMOTIONS]
DEPTHS = [(f"block {i}", e, m, i / 4, *VALUES, 50) for i in range(5) for e in EMOTIONS for m in MEASURES]
CURVES = [(c, e, k, *VALUES, 50) for c in CONDITIONS[:2] for e in EMOTIONS for k in (1, 2, 4)]
EDITS = [("ablated", "its features"), ("ablated", "matched features"), ("doubled", "its features")]
INTERFERENCE = [(a, *edit, b, "log-odds", *VALUES, 50) for a in EMOTIONS for b in EMOTIONS for edit in EDITS]
TOGETHER = [(a, b, *VALUES, 1, 50) for a in EMOTIONS for b in EMOTIONS if a != b]

DRAWN: dict[str, tuple[Callable[[pd.DataFrame], alt.TopLevelMixin], pd.DataFrame]] = {
    "specifications": (charts.specifications, table(tables.SPECIFICATIONS, SPECIFIED)),
    "contrasts": (charts.contrasts, table(tables.EMOTIONS, MEDIANS)),
    "depths": (lambda t: charts.depths(t, "disgust"), table(tables.DEPTHS, DEPTHS)),
    "curves": (lambda t: charts.curves(t, "disgust"), table(tables.CURVES, CURVES)),
    "interference": (lambda t: charts.interference(t, "anger"), table(tables.INTERFERENCE, INTERFERENCE)),
    "coactivation": (lambda t: charts.coactivation(t, "surprise"), table(tables.COACTIVATION, TOGETHER)),
}


def spec_of(name: str, empty: bool = False) -> dict:
    draw, rows = DRAWN[name]
    return json.loads(draw(pd.DataFrame([], columns=rows.columns) if empty else rows).to_json())


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_draws_its_intervals_and_says_what_it_shows(name: str) -> None:
    spec = spec_of(name)
    assert len(spec["description"]) > 40 and spec["width"] == "container"
    assert '"low"' in json.dumps(spec) and '"high"' in json.dumps(spec)
    svg = vl_convert.vegalite_to_svg(spec | {"width": 350})
    assert svg.count("<path") + svg.count("<line") > 8


@pytest.mark.parametrize("name", DRAWN)
def test_an_empty_result_still_draws(name: str) -> None:
    assert vl_convert.vegalite_to_svg(spec_of(name, empty=True) | {"width": 350})


@pytest.mark.parametrize("name", ["contrasts", "curves", "interference"])
def test_the_control_is_drawn(name: str) -> None:
    assert "matched features" in json.dumps(spec_of(name))


def test_what_is_chosen_at_first_is_there() -> None:
    for name, first in (("depths", "disgust"), ("interference", "anger"), ("coactivation", "disgust")):
        values = [param.get("value") for param in spec_of(name)["params"]]
        assert first in values


def test_what_is_chosen_decides_what_is_drawn() -> None:
    spec = json.dumps(spec_of("depths"))
    assert '"options": ["effective number", "sum of single effects"]' in spec
    assert "datum.measure === measure" in spec


def test_the_curve_is_in_order_and_marks_every_choice() -> None:
    rows = [(*row[:5], size, size - 0.1, size + 0.1, 50) for size, row in enumerate(reversed(SPECIFIED))]
    spec = json.loads(charts.specifications(table(tables.SPECIFICATIONS, rows)).to_json())
    data = next(d for d in spec["datasets"].values() if "order" in d[0])
    drawn = [row["contrast"] for row in data if row["part"] == WEAKER]
    assert drawn == sorted(drawn) and len(drawn) == len(SPECIFIED) / 2
    assert all(f'"{choice}"' in json.dumps(spec) for row in SPECIFIED for choice in row[1:5])
