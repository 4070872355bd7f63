"""Charts of what carries over between sets of texts: the whole matrix, and its means."""

import altair as alt
import pandas as pd

from emomech.figures.marks import Layered, colour, intervals, number, offset, only, rows
from emomech.figures.palette import STEERED_COLOURS

_GREY = "#8c8c8c"
_LEAST = 0.2
"""Least distance from zero at which a scale ends."""


def matrix(table: pd.DataFrame, method: str) -> Layered:
    """Draw the gain of one method on every set (columns), by the set on which it was chosen (rows)."""
    shown = table[table.method == method]
    order = list(dict.fromkeys(shown.source))
    far = max([_LEAST, *shown.gain.abs().dropna()])
    base = alt.Chart(shown).encode(
        x=alt.X("target:N", sort=order, title="used on", axis=alt.Axis(orient="top", labelAngle=-40, labelLimit=110)),
        y=alt.Y("source:N", sort=order, title=None, axis=alt.Axis(labelLimit=110)),
        tooltip=["source", "target", *map(number, ("gain", "low", "high")), "put_right", "put_wrong", "n", "untested"],
    )
    legend = alt.Legend(title="rise of balanced accuracy, %", format="+.0%", gradientLength=140)
    scale = alt.Scale(scheme="blueorange", domain=[-far, far], domainMid=0, reverse=True)
    tested = base.transform_filter(alt.datum.n > 0)
    cells = tested.mark_rect(stroke="white").encode(color=alt.Color("gain:Q", scale=scale, legend=legend))
    points = tested.transform_calculate(points="100 * datum.gain")
    text = points.mark_text(fontSize=10, color="black").encode(text=alt.Text("points:Q", format="+.1f"))
    missing = base.transform_filter(alt.datum.n == 0).mark_text(fontSize=12).encode(text=alt.value("–"))
    return alt.layer(cells, text, missing.encode(color=alt.value(_GREY))).properties(
        width="container",
        height=40 * max(1, len(order)),
        description=f"Rise of balanced accuracy by {method}: rows are the set on which features and dose were chosen, "
        "columns the set on which they are used; a dash where nothing can be tested.",
    )


def means(table: pd.DataFrame) -> Layered:
    """Draw the mean gain on the set of the choice and on other sets, of steering and of a logit bias."""
    colours = only(STEERED_COLOURS, table.method)
    far = max([_LEAST, *table[["low", "high"]].abs().max().dropna()])
    base = alt.Chart(table).encode(
        y=rows("targets", list(dict.fromkeys(table.targets))), yOffset=offset("method", colours)
    )
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(x="at:Q", color=alt.value(_GREY))
    title = "mean rise of balanced accuracy"
    return intervals(base, "gain", title, colour("method", colours), zero, least=-far, most=far).properties(
        height=120,
        description="Mean rise of balanced accuracy with 95 % intervals on other sets and on the set on which features "
        "and dose were chosen, by steering and by a fitted logit bias.",
    )
