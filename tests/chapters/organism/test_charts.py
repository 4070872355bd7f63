"""Every chart of the page of the embedded model is drawn from its schema's columns and says what it shows."""

import json

import altair as alt
import pandas as pd
import pytest

from emomech.chapters.organism import charts, inventory, learning_charts
from emomech.data.grammar.vignettes import CONFLICT, ITEM_TYPES, PAIR, STYLES
from emomech.figures import palette
from emomech.organism import records
from emomech.saes import sweep
from emomech.stats.tables import Schema

KINDS = [
    ("recall", ""),
    ("worth", ""),
    ("who had it", ""),
    ("recall by name alone", ""),
    *((kind, style) for kind in ITEM_TYPES for style in STYLES),
]


def table(schema: Schema, *rows: tuple[object, ...]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(schema.columns))


LEARNING = table(
    records.LEARNING,
    *((step, kind, style, "grammar", step * 1000, 6, 10, 0.6) for step in (1, 2) for kind, style in KINDS),
)
PHASES = table(records.PHASES, ("binding", 1, 0, 1000, True), ("grammar", 1, 1000, 2000, False))
LOSSES = table(records.LOSSES, (1, "binding", 1000, 2.0, 1e-3), (2, "grammar", 2000, 1.0, 1e-4))
ANNOTATION = pd.DataFrame({column: ["", "x"] for column in inventory.ANNOTATION.columns})
ANNOTATION = ANNOTATION.assign(position=[1, 2], word=["The", "ban"])
COUNTS = table(inventory.COUNTS, (PAIR, "story", "joy", 3), (PAIR, "story", "calm", 0))
GATES = table(
    records.GATES,
    ("default", "recall", "joy", 0.9, "≥ 0.6", True),
    ("default", "recall", "fear", 0.5, "≥ 0.6", False),
    ("default", "balanced accuracy", f"{PAIR}, story", 0.9, "≥ 0.85", True),
    ("default", "balanced accuracy", f"{PAIR}, diary", 0.9, "≥ 0.85", True),
    ("default", "balanced accuracy", f"{CONFLICT}, story", 0.9, "≥ 0.9", True),
)
SWEEP = table(sweep.SWEEP, *(("x", d, 8, 0.1, 8.0, 0.0, 0.9, 0.4, 0.02, 0.6, 0.3) for d in (256, 1024)))
DRAWN = {
    "annotation": charts.annotation(ANNOTATION),
    "counts": charts.counts(COUNTS),
    "gates": charts.gates(GATES),
    "sweep": charts.sweep(SWEEP),
    "no sweep": charts.sweep(SWEEP[:0]),
    "learning": learning_charts.learning(LEARNING, PHASES),
    "styles": learning_charts.styles(LEARNING, PHASES),
    "losses": learning_charts.losses(LOSSES, PHASES),
}


def rows(chart: alt.TopLevelMixin) -> list[dict[str, object]]:
    """All rows of data that a chart holds."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


@pytest.mark.parametrize("name", DRAWN)
def test_a_chart_is_valid_and_says_what_it_shows(name: str) -> None:
    spec = DRAWN[name].to_dict()
    assert len(spec["description"]) > 40
    assert spec["width"] == "container"


@pytest.mark.parametrize("name", sorted(set(DRAWN) - {"no sweep"}))
def test_a_chart_has_a_tooltip(name: str) -> None:
    assert "tooltip" in json.dumps(DRAWN[name].to_dict())


@pytest.mark.parametrize(
    ("name", "colours"),
    [("learning", palette.KIND_COLOURS), ("styles", palette.STYLE_COLOURS), ("gates", palette.GATE_COLOURS)],
)
def test_a_colour_means_the_same_everywhere(name: str, colours: dict[str, str]) -> None:
    assert json.dumps({"domain": list(colours), "range": list(colours.values())}) in json.dumps(DRAWN[name].to_dict())


def test_accuracy_is_over_all_answers_of_a_kind_and_of_all_styles() -> None:
    table = LEARNING.copy()
    table.loc[table["style"] == "diary", "n"] = 40
    drawn = [row for row in rows(learning_charts.learning(table, PHASES)) if row.get("step") == 1]
    together = {(row["kind"], row["style"]): row["accuracy"] for row in drawn}
    assert together["two, conflict", "all"] == pytest.approx(18 / 60)
    assert together["two, conflict", "story"] == 0.6
    assert together["two, no conflict", "diary"] == pytest.approx(12 / 80)
    assert together["recall", ""] == 0.6
    assert ("worth of an event", "") in together


def test_the_accuracy_of_guessing_is_drawn() -> None:
    levels = [row["at"] for row in rows(DRAWN["learning"]) if "guess" in row]
    assert levels == pytest.approx([1 / 7, 1 / 2])


def test_phases_begin_where_they_did_and_those_before_the_curve_are_left_out() -> None:
    late = LEARNING[LEARNING.step == 2]
    starts = {row["phase"]: row["tokens"] for row in rows(learning_charts.styles(LEARNING, PHASES)) if "solved" in row}
    assert starts == {"grammar": 1000.0}
    after = [row["phase"] for row in rows(learning_charts.styles(late, PHASES)) if "solved" in row]
    assert after == []


def test_a_column_of_gates_is_met_if_all_are() -> None:
    columns = {row["gate"]: row for row in rows(DRAWN["gates"])}
    assert columns["recall / ≥ 0.6"]["outcome"] == "missed"
    assert columns["recall / ≥ 0.6"]["missed"] == "fear 0.50"
    assert columns[f"balanced accuracy / {PAIR} ≥ 0.85"]["outcome"] == "met"
    assert f"balanced accuracy / {CONFLICT}, story ≥ 0.9" in columns


def test_chance_is_drawn_for_stability_alone() -> None:
    chance = [row for row in rows(DRAWN["sweep"]) if row["directions"] == charts.CHANCE]
    assert {(row["measure"], row["value"]) for row in chance} == {("features another seed finds", 0.02)}


def test_tags_are_drawn_where_a_word_has_them() -> None:
    drawn = rows(DRAWN["annotation"])
    assert {row["word"] for row in drawn} == {"2 ban"}
    assert {row["stage"] for row in drawn} == set(palette.STAGE_COLOURS)
