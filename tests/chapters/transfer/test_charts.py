"""The matrix has a cell or a dash for every pair, the means have intervals, and empty tables draw."""

import json

import pytest
import vl_convert
from tables import table

from emomech.causal.steering.experiment import BIAS, FEATURES
from emomech.chapters.transfer import charts
from emomech.chapters.transfer.analysis import CELLS, MEANS
from emomech.chapters.transfer.evidence import OTHER, SAME

SETS = ("story", "diary", "prompt plain")
ROWS = [
    (m, a, b, 0.1, 0.0, 0.2, 3, 1, 0 if b == SETS[2] else 40, "at chance" if b == SETS[2] else "")
    for m in (FEATURES, BIAS)
    for a in SETS
    for b in SETS
]
CELLS_TABLE = table(CELLS, ROWS)
MEANS_TABLE = table(MEANS, [(m, t, 0.1, -0.1, 0.2, 0.9, 6) for m in (FEATURES, BIAS) for t in (OTHER, SAME)])
DRAWN = {"matrix": charts.matrix(CELLS_TABLE, FEATURES), "means": charts.means(MEANS_TABLE)}


def svg(chart) -> str:
    return vl_convert.vegalite_to_svg(json.loads(chart.to_json()) | {"width": 350})


@pytest.mark.parametrize("name", DRAWN)
def test_it_is_valid_says_what_it_shows_and_draws(name: str) -> None:
    spec = DRAWN[name].to_dict()
    assert len(spec["description"]) > 40 and spec["width"] == "container"
    assert svg(DRAWN[name]).count("<path") > 5


def test_every_pair_has_a_number_or_a_dash() -> None:
    drawn = svg(DRAWN["matrix"])
    assert drawn.count(">+10.0<") >= 6
    assert drawn.count(">–<") == 3


def test_intervals_are_drawn() -> None:
    text = json.dumps(DRAWN["means"].to_dict())
    assert '"low"' in text and '"high"' in text


def test_empty_tables_draw() -> None:
    assert svg(charts.matrix(CELLS_TABLE.iloc[:0], FEATURES))
    assert svg(charts.means(MEANS_TABLE.iloc[:0]))
