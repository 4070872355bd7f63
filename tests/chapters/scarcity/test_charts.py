"""The figures of scarcity are drawn from their tables, with intervals and controls, and from empty ones too."""

import json

import pytest
import vl_convert
from tables import table

from emomech.causal.concentration import EFFECTIVE, TOTAL
from emomech.chapters.scarcity import charts
from emomech.chapters.scarcity.analysis import CONTRASTS, VALUES
from emomech.chapters.scarcity.seeds import LESS, OTHERS, SCARCE

NUMBERS = (1.0, 0.5, 1.5)
POINTS = [
    (f"m{i}", e, m, s, *NUMBERS, 24)
    for i in range(3)
    for e in ("disgust", "joy")
    for s in (0.02,)
    for m in (EFFECTIVE, TOTAL)
]
CHANGES = [
    (e, 0.02, who, m, 0.18, *NUMBERS, 3)
    for e in ("disgust", "anger")
    for who in (SCARCE, OTHERS, LESS)
    for m in (EFFECTIVE, TOTAL)
]


@pytest.mark.parametrize("rows", [slice(None), slice(0)])
def test_charts_draw_and_say_what_they_show(rows: slice) -> None:
    drawn = charts.models(table(VALUES, POINTS[rows]), "disgust"), charts.contrasts(table(CONTRASTS, CHANGES[rows]))
    for chart in drawn:
        spec = json.loads(chart.to_json())
        assert spec["width"] == "container" and len(spec["description"]) > 40
        assert "low:Q" in json.dumps(spec) or '"low"' in json.dumps(spec)
        assert vl_convert.vegalite_to_svg(spec | {"width": 350})


def test_controls_are_drawn_beside_the_scarce_emotion() -> None:
    spec = json.loads(charts.contrasts(table(CONTRASTS, CHANGES)).to_json())
    shown = {row["who"] for rows in spec["datasets"].values() for row in rows if "who" in row}
    assert shown == {SCARCE, OTHERS, LESS}
