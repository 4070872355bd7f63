"""Figures of the embedded model: its texts, its gates, and SAEs of other sizes."""

from itertools import takewhile
from typing import Any

import altair as alt
import pandas as pd

from emomech.data.grammar.hf_dataset import WORD_TAGS
from emomech.figures.marks import Layered, colour, number, only
from emomech.figures.palette import GATE_COLOURS, PREDICTOR_COLOURS, STAGE_COLOURS

_SWEPT = {
    "fraction of variance unexplained": "fvu",
    "cross-entropy recovered": "loss_recovered",
    "dead features": "dead",
    "features another seed finds": "stable",
}
CHANCE = "random directions"
"""Baseline for the share of features that another seed finds."""
_SYNTAX, _EMOTION = ("role", "voice"), ("emotion", "valence", "arousal")


def annotation(table: pd.DataFrame) -> alt.Chart:
    """Draw the tags of each word of a text, which show at which word an appraisal is settled."""
    words = [f"{row.position} {row.word}" for row in table.itertuples()]
    tags = table.drop(columns=["position", "word"]).assign(word=words).melt("word", var_name="family")
    tags = tags[tags.value != ""].assign(stage=lambda rows: rows.family.map(_stage))
    tags["family"] = tags.family.str.replace("_", " ")
    families = [family.replace("_", " ") for family in WORD_TAGS]
    axis = alt.Axis(orient="top", labelAngle=-55, labelLimit=110)
    return (
        alt.Chart(tags)
        .mark_rect(cornerRadius=3)
        .encode(
            x=alt.X("family:N", sort=families, title=None, axis=axis, scale=alt.Scale(paddingInner=0.12)),
            y=alt.Y("word:N", sort=words, title=None, scale=alt.Scale(domain=words, paddingInner=0.12)),
            color=colour("stage", only(STAGE_COLOURS, tags.stage), columns=2),
            tooltip=["word", "family", "value"],
        )
        .properties(
            width="container",
            height=22 * max(1, len(words)),
            description="Gold tags of one text: a filled cell means that the word (row) carries a tag of the family "
            "(column). Appraisals begin at the word that settles them; the emotion comes last.",
        )
    )


def _stage(family: str) -> str:
    if family == "pos":
        return "lexical"
    return "syntax" if family in _SYNTAX else "emotion" if family in _EMOTION else "semantics"


def counts(table: pd.DataFrame) -> Layered:
    """Draw the number of texts in the sample by item type, style and emotion."""
    shown = table.assign(row=table.item_type + " / " + table["style"])
    order = list(dict.fromkeys(shown.row))
    axis = alt.Axis(orient="top", labelAngle=-40)
    names = alt.Axis(labelLimit=190, labelExpr="split(datum.label, ' / ')", labelLineHeight=11, labelFontSize=11)
    base = alt.Chart(shown).encode(
        x=alt.X("emotion:N", sort=list(dict.fromkeys(shown.emotion)), title=None, axis=axis),
        y=alt.Y("row:N", sort=order, title=None, axis=names),
        tooltip=["item_type", "style", "emotion", "n"],
    )
    most = max(1, int(shown.n.max()))
    scale = alt.Scale(domain=[0, most], range=[0.03, 1])
    cells = base.mark_rect(color=PREDICTOR_COLOURS["model"]).encode(
        opacity=alt.Opacity("n:Q", scale=scale, legend=None)
    )
    white = alt.when(alt.datum.n > most / 2).then(alt.value("white"))
    return alt.layer(cells, base.mark_text(fontSize=10).encode(text="n:Q", color=white)).properties(
        width="container",
        height=34 * len(order),
        description="Number of texts in the sample by item type and style (rows) and by emotion (columns).",
    )


def gates(table: pd.DataFrame) -> alt.Chart:
    """Draw which gates each embedded model meets; gates with the same measure and bound share a column."""
    keys = ["measure", "bound"]
    named = table.groupby(keys, sort=False).group.agg(_shared).rename("shared")
    rows = [_gate(key, group) for key, group in table.groupby([*keys, "organism"], sort=False)]
    shown = pd.DataFrame(rows, columns=[*keys, "organism", "met", "held", "missed"]).join(named, on=keys)
    shown["gate"] = shown.measure + " / " + (shown.shared + " " + shown.bound).str.strip()
    shown["outcome"] = (shown.met == shown.held).map({True: "met", False: "missed"})
    shapes = alt.Scale(domain=list(GATE_COLOURS), range=["circle", "cross"])
    order, models = list(dict.fromkeys(shown.gate)), list(dict.fromkeys(shown.organism))
    names = alt.Axis(
        orient="top",
        labelAngle=-90,
        labelLimit=230,
        labelExpr="split(datum.label, ' / ')",
        labelFontSize=10,
        labelLineHeight=10,
        labelOffset=-5,
    )
    return (
        alt.Chart(shown)
        .mark_point(size=70, filled=True, opacity=1)
        .encode(
            x=alt.X("gate:N", sort=order, title=None, axis=names),
            y=alt.Y("organism:N", sort=models, title=None, axis=alt.Axis(labelLimit=120, grid=True)),
            color=colour("outcome", GATE_COLOURS, columns=1),
            shape=alt.Shape("outcome:N", scale=shapes, legend=alt.Legend(columns=1)),
            tooltip=["organism", "measure", "shared", "bound", "met", "held", "missed"],
        )
        .properties(
            width="container",
            height=24 * max(1, len(models)),
            description="Gates (columns) that each embedded model (row) meets (circle) or misses (cross). A column of "
            "several gates counts as met if all of them are.",
        )
    )


def _shared(groups: pd.Series) -> str:
    """Common beginning of the names of several groups, in whole parts between commas."""
    parts = zip(*(name.split(", ") for name in groups))
    return ", ".join(part[0] for part in takewhile(lambda part: len(set(part)) == 1, parts))


def _gate(key: Any, gates: pd.DataFrame) -> tuple[Any, ...]:
    """Row of several gates with the same measure and bound: key, number met, number of gates, names of the missed."""
    missed = [f"{row.group} {row.value:.2f}" for row in gates[~gates.met].itertuples()]
    return (*key, int(gates.met.sum()), len(gates), "; ".join(missed) or "none")


def sweep(table: pd.DataFrame) -> Layered | alt.Chart:
    """Draw the quality of SAEs by width and sparsity, at a hook point and for a measure that the reader selects."""
    description = "Quality of SAEs of other widths and sparsities on held-out texts, at the selected hook point."
    if table.empty:
        none = pd.DataFrame({"text": ["No sweep is recorded for this model."]})
        return (
            alt.Chart(none)
            .mark_text(fontSize=13)
            .encode(text="text")
            .properties(width="container", height=60, description=f"{description} No sweep is recorded for this model.")
        )
    chance = pd.DataFrame(table.assign(measure="stable", value=table.stable_chance, directions=CHANCE))
    swept = table.melt(["hook_point", "d_sae", "k", "l0"], list(_SWEPT.values()), "measure").assign(directions="SAEs")
    names = {column: name for name, column in _SWEPT.items()}
    shown = pd.concat([swept, chance[list(swept.columns)]])
    shown = shown.assign(measure=shown.measure.map(names), k=shown.k.astype(str))
    points = list(dict.fromkeys(shown.hook_point))
    pick = alt.param(
        name="point", value=points[len(points) // 2], bind=alt.binding_select(options=points, name="Hook point: ")
    )
    what = alt.param(
        name="measure", value=next(iter(_SWEPT)), bind=alt.binding_select(options=list(_SWEPT), name="Measure: ")
    )
    sparsities = alt.Color("k:O", sort=[str(k) for k in sorted(set(table.k))], scale=alt.Scale(scheme="viridis"))
    dash = alt.StrokeDash("directions:N", legend=None, scale=alt.Scale(domain=["SAEs", CHANCE], range=[[1, 0], [4, 4]]))
    return (
        alt.Chart(shown)
        .transform_filter("datum.hook_point === point && datum.measure === measure")
        .mark_line(point=True, strokeWidth=2)
        .encode(
            x=alt.X("d_sae:O", title="number of features", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title="selected measure"),
            color=sparsities.legend(title="k, active features"),
            strokeDash=dash,
            tooltip=["hook_point", "measure", "directions", "d_sae", "k", number("value"), number("l0")],
        )
        .add_params(pick, what)
        .properties(width="container", height=260, description=description)
    )
