"""Costs by method, by change, of skipping and of language are drawn with intervals, and on empty tables."""

import json
from collections.abc import Callable

import altair as alt
import pandas as pd
import pytest
import vl_convert
from tables import table

from emomech.chapters.early_layers import charts
from emomech.chapters.early_layers.analysis import CHANGES, CONTRASTS, EARLY_LESS, LANGUAGE, LOSSES, REFERENCE
from emomech.figures.palette import THIRD_COLOURS

TASKS, THIRDS = ("emotion", "kind", "worth"), tuple(THIRD_COLOURS)
EDITS = [(third, m, target, f"{target} {m}") for third in THIRDS for m in ("noise", "mean") for target in CHANGES]
EDITS += [(third, "skipping", float("nan"), dose) for third in THIRDS for dose in ("first block", "all blocks")]
LOST = table(LOSSES, [(*edit, task, 0.2, 0.1, 0.05, 0.15, 90) for edit in EDITS for task in TASKS])
ROSE = table(LANGUAGE, [(*edit, 0.2, 0.1, 0.05, 0.15, 60) for edit in EDITS])
DIFFER = table(CONTRASTS, [(x, c, task, 0.1, 0.05, 0.15, 90) for x in CHANGES for c in EARLY_LESS for task in TASKS])
DRAWN: dict[str, tuple[Callable[[pd.DataFrame], alt.LayerChart], pd.DataFrame]] = {
    "methods": (lambda rows: charts.methods(rows, REFERENCE, "emotion"), LOST),  # pyright: ignore[reportAssignmentType]
    "skipping": (lambda rows: charts.skipping(rows, "emotion"), LOST),  # pyright: ignore[reportAssignmentType]
    "changes": (charts.changes, LOST),  # pyright: ignore[reportAssignmentType]
    "language": (lambda rows: charts.language(rows, REFERENCE), ROSE),  # pyright: ignore[reportAssignmentType]
    "contrasts": (lambda rows: charts.contrasts(rows, REFERENCE), DIFFER),  # pyright: ignore[reportAssignmentType]
}


@pytest.mark.parametrize("name", DRAWN)
def test_it_is_valid_says_what_it_shows_and_draws(name: str) -> None:
    draw, full = DRAWN[name]
    spec = draw(full).to_dict()
    assert len(spec["description"]) > 40 and spec["width"] == "container"
    expected = list(THIRD_COLOURS.values())[1 if name == "contrasts" else 0 :]
    svg = vl_convert.vegalite_to_svg(json.loads(draw(full).to_json()) | {"width": 350})
    assert all(colour in svg for colour in expected)
    assert '"low"' in json.dumps(spec) or "low:Q" in json.dumps(spec)


@pytest.mark.parametrize("name", DRAWN)
def test_an_empty_table_still_draws(name: str) -> None:
    draw, full = DRAWN[name]
    chart = draw(full.iloc[:0].astype(str))  # as it is read back from a file
    assert vl_convert.vegalite_to_svg(json.loads(chart.to_json()) | {"width": 350})


def test_the_task_beside_the_emotion_is_chosen() -> None:
    (control,) = charts.changes(LOST).to_dict()["params"]
    assert control["bind"]["options"] == ["kind", "worth"]
