"""Gains are drawn with intervals around zero, costs against gains, and empty tables without complaint."""

import json
import re

import pytest
import vl_convert
from tables import table

from emomech.causal.steering.operations import FITTED as DOSED
from emomech.causal.steering.operations import OPERATIONS
from emomech.chapters.steering import charts
from emomech.chapters.steering.analysis import (
    DIFFERENCES,
    EFFICIENCY,
    EMOTIONS,
    FITTED,
    ITEMS,
    LANGUAGE,
    LEADS,
    RESPONSE,
    STEERABILITY,
    TRIALS,
)
from emomech.figures.palette import STEERED_COLOURS

METHODS = list(STEERED_COLOURS)
SHOWN = METHODS[:3]
TABLES = {
    "gains": table(DIFFERENCES, [(m, "no steering", "balanced accuracy", 0.1, -0.1, 0.2, 40) for m in METHODS]),
    "items": table(ITEMS, [(m, "style", g, 0.5, 0.1, -0.1, 0.2, 3, 1, 40) for m in SHOWN for g in ("story", "diary")]),
    "emotions": table(EMOTIONS, [(m, e, 0.5, 0.1, -0.1, 0.2, 0.2, 0.3, 40) for m in SHOWN for e in ("joy", "fear")]),
    "doses": table(TRIALS, [(o, i, i / 4, 0.1, 0.5, i == 1, 0.1, 0.0, 0.2) for o in OPERATIONS for i in range(3)]),
    "fitted": table(
        FITTED,
        [
            (o, e, i, "blocks.3.hook_resid_post", 0.5, i, i / 5 - 0.2)
            for o in DOSED
            for e in ("joy", "fear")
            for i in (1, 2)
        ],
    ),
    "pareto": table(
        LANGUAGE,
        [(u, d, 0.1, d / 9, 0.01, 0.02, 0.1, 0.9, 0.1, 0.0, 0.2, d == 1, 80) for u in SHOWN[:2] for d in (0.5, 1)],
    ),
    "leads": table(LEADS, [(m, 0.1, -0.1, 0.2, 20, 40) for m in ("no steering", *METHODS[1:])]),
    "response": table(RESPONSE, [(d, d / 2, d / 2 - 0.1, d / 2 + 0.1, 0.0, 40) for d in (-0.5, -0.25, 0, 0.25, 0.5)]),
    "steerability": table(
        STEERABILITY, [(i, i / 9 - 1, "right before" if i % 3 else "wrong before") for i in range(30)]
    ),
    "efficiency": table(EFFICIENCY, [(m, n, 0.5, 0.1, 0.0, 0.2, 40) for m in SHOWN[:2] for n in (2, 5)]),
}
MORE = {"items": ("style",)}


@pytest.mark.parametrize("name", TABLES)
def test_it_is_valid_says_what_it_shows_and_draws(name: str) -> None:
    chart = getattr(charts, name)(TABLES[name], *MORE.get(name, ()))
    spec = chart.to_dict()
    assert len(spec["description"]) > 40 and spec["width"] == "container"
    svg = vl_convert.vegalite_to_svg(json.loads(chart.to_json()) | {"width": 350})
    assert svg.count("<path") + svg.count("<line") > 8
    fields = set(re.findall(r'"field": "(\w+)"', json.dumps(spec)))
    assert name in ("doses", "steerability", "fitted") or {"low", "high"} <= fields


@pytest.mark.parametrize("name", TABLES)
def test_an_empty_table_draws(name: str) -> None:
    chart = getattr(charts, name)(TABLES[name].iloc[:0], *MORE.get(name, ()))
    assert vl_convert.vegalite_to_svg(json.loads(chart.to_json()) | {"width": 350})


@pytest.mark.parametrize(("low", "reach"), [(-0.25, "[-0.25, 0.25]"), (-0.9, "[-0.4, 0.4]"), (-0.2, "[-0.2, 0.2]")])
def test_the_scale_of_gains_holds_the_intervals_but_no_catastrophe(low: float, reach: str) -> None:
    assert reach in json.dumps(charts.gains(TABLES["gains"].assign(low=low)).to_dict())


def test_every_method_that_is_drawn_has_a_colour_of_its_own() -> None:
    assert len(set(STEERED_COLOURS.values())) == len(STEERED_COLOURS)
    svg = vl_convert.vegalite_to_svg(json.loads(charts.gains(TABLES["gains"]).to_json()) | {"width": 350})
    assert all(name in svg for name in METHODS)
