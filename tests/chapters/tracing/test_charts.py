"""Every figure of the page is drawn from its tables, with intervals and controls, and from empty ones too."""

import json

import altair as alt
import pandas as pd
import pytest
import vl_convert
from tables import table

from emomech.chapters.tracing import charts, phases, tables
from emomech.chapters.tracing.evidence import BASELINES, NECESSITY, PARTS, SUFFICIENCY, VARIANTS

VALUES = (1.0, 0.5, 1.5)
KS = (1, 4, 16)
CURVES = [(c, "ablated", k, *VALUES, 40) for c in (*VARIANTS, *BASELINES[NECESSITY]) for k in KS]
CURVES += [("SAE features", edit, k, *VALUES, 40) for edit in ("ablated to zero", "kept alone") for k in KS]
KEPT = [
    (ranking, condition, measure, k, "blocks.6.hook_resid_post", *VALUES, 40)
    for ranking in VARIANTS
    for condition in (ranking, *BASELINES[SUFFICIENCY])
    for measure in ("accuracy", "log-odds")
    for k in (0, *KS)
]
TEXTS = ("all texts", "recognised texts")
POINTS = ("blocks.0.hook_resid_pre", "blocks.0.hook_resid_post", "all hook points")
SINGLES = [
    ("x", i, 0.5, kind, i, 0.1 * i, *VALUES, 40, 0.01, 0.1, 0.1) for i, kind in enumerate(("screened", "audited"))
]
CONDITIONS = ("SAE features", "matched features")
LEADS = [(t, p, v, b, 16, 2.0, 1.0, *VALUES, 40) for t in TEXTS for p in PARTS for v in VARIANTS for b in BASELINES[p]]

ROWS = {
    "curves": table(tables.CURVES, CURVES),
    "kept": table(tables.KEPT, KEPT),
    "leads": table(tables.LEADS, LEADS),
    "singles": table(tables.SINGLES, SINGLES),
    "nodes": table(
        tables.NODES_LOST, [(p, n, 0.5, *VALUES, 40) for p in POINTS for n in ("SAE error", "all features")]
    ),
    "phases": table(phases.PHASES, [(i, c, 0.1, 9, 3.0, 2.0, *VALUES, 40, 0.5) for i in (1, 2) for c in CONDITIONS]),
}
DRAWN: dict[str, tuple[str, tuple]] = {"needed": ("curves", (6.5,)), "other_edits": ("curves", (6.5,))}
DRAWN |= {"kept": ("kept", ("SAE features",)), "leads": ("leads", ("necessity", "SAE features"))}
DRAWN |= {name: (name, ()) for name in ("singles", "nodes", "phases")}


def spec_of(name: str, empty: bool = False) -> dict:
    rows, arguments = DRAWN[name]
    shown = ROWS[rows].iloc[:0] if empty else ROWS[rows]
    chart: alt.TopLevelMixin = getattr(charts, name)(shown, *arguments)
    return json.loads(chart.to_json())


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_draws_its_intervals_and_says_what_it_shows(name: str) -> None:
    spec = spec_of(name)
    assert len(spec["description"]) > 40 and spec["width"] == "container"
    assert '"low:Q"' in json.dumps(spec) or '"field": "low"' in json.dumps(spec)
    svg = vl_convert.vegalite_to_svg(spec | {"width": 350})
    assert svg.count("<path") + svg.count("<line") > 8


@pytest.mark.parametrize("name", DRAWN)
def test_an_empty_result_still_draws(name: str) -> None:
    assert vl_convert.vegalite_to_svg(spec_of(name, empty=True) | {"width": 350})


@pytest.mark.parametrize("name", ["needed", "kept", "leads", "phases"])
def test_the_control_is_drawn(name: str) -> None:
    assert "matched features" in json.dumps(spec_of(name))


def test_the_two_edits_are_not_drawn_in_one_figure() -> None:
    edits = {row["edit"] for rows in spec_of("needed")["datasets"].values() for row in rows if "edit" in row}
    assert edits == {"ablated"}


def test_names_of_hook_points_are_short() -> None:
    places = pd.DataFrame(row for rows in spec_of("nodes")["datasets"].values() for row in rows if "place" in row).place
    assert places.str.len().max() <= len("blocks.00, resid_post")
