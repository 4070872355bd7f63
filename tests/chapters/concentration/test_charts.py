"""Every figure of the page is drawn from its tables, with intervals and controls, and from empty ones too."""

import json
from collections.abc import Callable

import altair as alt
import pandas as pd
import pytest
import vl_convert
from tables import table

from emomech.chapters.concentration import analysis, charts

EMOTIONS = ("disgust", "anger", "joy")
CONDITIONS = ("its features", "matched features", "shuffled labels", "random weights")
MEASURES = ("effective number", "total effect")
VALUES = (1.0, 0.5, 1.5)

MEASURED = [(c, "one hook point", e, m, *VALUES, 50) for c in CONDITIONS for e in EMOTIONS for m in MEASURES]
DIFFERENCES = [(*row[:7], 0.04, 50) for row in MEASURED]
DEPTHS = [(f"blocks.{i}", e, m, i / 4, *VALUES, 50) for i in range(5) for e in EMOTIONS for m in MEASURES]
CURVES = [(c, e, k, *VALUES, 50) for c in CONDITIONS[:2] for e in EMOTIONS for k in (1, 2, 4)]
EDITS = [("ablated", "its features"), ("ablated", "matched features"), ("doubled", "its features")]
INTERFERENCE = [(a, *edit, b, "log-odds", *VALUES, 50) for a in EMOTIONS for b in EMOTIONS for edit in EDITS]
TOGETHER = [(a, b, *VALUES, 1, 50) for a in EMOTIONS for b in EMOTIONS if a != b]

DRAWN: dict[str, tuple[Callable[[pd.DataFrame], alt.TopLevelMixin], pd.DataFrame]] = {
    "measures": (charts.measures, table(analysis.EMOTIONS, MEASURED)),
    "contrasts": (charts.contrasts, table(analysis.CONTRASTS, DIFFERENCES)),
    "depths": (lambda t: charts.depths(t, "disgust"), table(analysis.DEPTHS, DEPTHS)),
    "curves": (lambda t: charts.curves(t, "disgust"), table(analysis.CURVES, CURVES)),
    "interference": (lambda t: charts.interference(t, "anger"), table(analysis.INTERFERENCE, INTERFERENCE)),
    "coactivation": (lambda t: charts.coactivation(t, "surprise"), table(analysis.COACTIVATION, TOGETHER)),
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


@pytest.mark.parametrize("name", ["measures", "contrasts", "curves", "interference"])
def test_the_control_is_drawn(name: str) -> None:
    assert "matched features" in json.dumps(spec_of(name))


def test_what_is_chosen_at_first_is_there() -> None:
    for name, first in (("depths", "disgust"), ("interference", "anger"), ("coactivation", "disgust")):
        values = [param.get("value") for param in spec_of(name)["params"]]
        assert first in values


def test_what_is_chosen_decides_what_is_drawn() -> None:
    spec = json.dumps(spec_of("measures"))
    assert '"options": ["effective number", "total effect"]' in spec
    assert "datum.measure === measure" in spec
