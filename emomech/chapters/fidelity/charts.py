"""Figures of how well single units tell values: SAE features against what needs no SAE."""

import altair as alt
import pandas as pd

from emomech.figures.marks import UNIT, Layered, colour, intervals, number, offset, only, rows
from emomech.figures.palette import READER_COLOURS


def detection(table: pd.DataFrame) -> Layered:
    """Draw how well each kind of unit tells the values of a family that the reader chooses, by depth."""
    names = ["all", *dict.fromkeys(table.family)]
    family = alt.param(name="family", value="all", bind=alt.binding_select(options=names, name="Label family: "))
    base = alt.Chart(table).encode(
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
            description="AUROC on texts that nothing was chosen on, mean over the values of a label family, by depth, "
            "of the best unit of each kind.",
        )
    )


def best(table: pd.DataFrame) -> Layered:
    """Draw for every value how well the best unit of each kind tells it, at the hook point chosen for it."""
    return _per_value(table, "reader", "auroc", "AUROC", least=0.4, most=1).properties(
        description="AUROC with 95 % intervals of the best unit of each kind for every value of every label family."
    )


def advantage(table: pd.DataFrame) -> Layered:
    """Draw by how much SAE features exceed the best unit of each other kind, per value."""
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(x="at:Q", color=alt.value("#8c8c8c"))
    title = "lead of SAE features in AUROC"
    return _per_value(table, "baseline", "difference", title, zero, least=-0.4, most=0.6).properties(
        description="Difference in AUROC between the best SAE feature and the best unit of each other kind, with 95 % "
        "intervals, for every value of every label family."
    )


def _per_value(
    table: pd.DataFrame, kind: str, value: str, title: str, *under: alt.Chart, least: float, most: float
) -> Layered:
    shown = table.assign(latent=table.family + ", " + table.value)
    order, colours = list(dict.fromkeys(shown.latent)), only(READER_COLOURS, shown[kind])
    base = alt.Chart(shown).encode(y=rows("latent", order), yOffset=offset(kind, colours))
    drawn = intervals(base, value, title, colour(kind, colours), *under, least=least, most=most)
    return drawn.properties(height=40 * max(1, len(order)))
