"""Figures of how well single units separate the values of label families, with and without an SAE."""

import altair as alt
import pandas as pd

from emomech.figures.marks import UNIT, Layered, colour, intervals, number, offset, only, rows, spans
from emomech.figures.palette import READER_COLOURS

"""Colour of every kind of unit."""


def detection(table: pd.DataFrame) -> Layered:
    """Draw, by depth, how well the best unit of each kind separates values; the reader selects the label family."""
    names = ["all", *dict.fromkeys(table.family)]
    family = alt.param(name="family", value="all", bind=alt.binding_select(options=names, name="Label family: "))
    shown = table[["family", "value", "reader", "depth", "auroc"]].round(4)
    base = alt.Chart(shown).encode(
        x=alt.X("depth:Q", title="depth (0 embedding, 1 last block)", scale=alt.Scale(domain=[0, 1]), axis=UNIT),
        y=alt.Y("mean(auroc):Q", title="AUROC, mean over values", scale=alt.Scale(domain=[0.5, 1], clamp=True)),
        color=colour("reader", only(READER_COLOURS, table.reader)),
        tooltip=["reader", number("depth"), alt.Tooltip("mean(auroc):Q", format=".2f"), "count()"],
    )
    line = base.transform_filter("family === 'all' || datum.family === family").mark_line(point=True, strokeWidth=2)
    return (
        alt.layer(line)
        .add_params(family)
        .properties(
            width="container",
            height=300,
            description="AUROC of the best unit of each kind, by depth: mean over the values of a label family, on "
            "texts that were not used to choose the unit.",
        )
    )


def best(table: pd.DataFrame) -> Layered:
    """Draw the AUROC of the best unit of each kind for every value, at the hook point chosen for it."""
    return _per_value(table, "reader", "auroc", "AUROC", least=0.4, most=1).properties(
        description="AUROC of the best unit of each kind, with 95 % intervals, for every value of every label family."
    )


def advantage(table: pd.DataFrame) -> Layered:
    """Draw the AUROC of SAE features minus that of the best unit of each other kind, per value."""
    table = table[table.reader == "SAE features"]
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(x="at:Q", color=alt.value("#8c8c8c"))
    title = "AUROC advantage of SAE features"
    return _per_value(table, "baseline", "difference", title, zero, least=-0.4, most=0.6).properties(
        description="AUROC of the best SAE feature minus that of the best unit of each other kind, with 95 % "
        "intervals, for every value of every label family."
    )


def ablation(table: pd.DataFrame) -> Layered:
    """Draw the log-odds that each emotion loses without the best unit of each kind."""
    order, colours = list(dict.fromkeys(table.emotion)), only(READER_COLOURS, table.reader)
    base = alt.Chart(table).encode(y=rows("emotion", order), yOffset=offset("reader", colours))
    drawn = spans(
        base, "loss", "log-odds lost, nats", colour("reader", colours), zero=True, more=("reader", "hook_point")
    )
    return drawn.properties(
        width="container",
        height=40 * max(1, len(order)),
        description="Log-odds of each emotion that are lost if the best unit of each kind is moved to its mean, with "
        "95 % intervals.",
    )


def _per_value(
    table: pd.DataFrame, kind: str, value: str, title: str, *under: alt.Chart, least: float, most: float
) -> Layered:
    shown = table.assign(latent=table.family + ", " + table.value)
    order, colours = list(dict.fromkeys(shown.latent)), only(READER_COLOURS, shown[kind])
    base = alt.Chart(shown).encode(y=rows("latent", order), yOffset=offset(kind, colours))
    drawn = intervals(base, value, title, colour(kind, colours), *under, least=least, most=most)
    return drawn.properties(height=40 * max(1, len(order)))
