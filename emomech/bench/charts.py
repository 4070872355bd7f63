"""Charts of time and memory: compared with other implementations, and as texts, features and layers grow."""

import altair as alt
import pandas as pd

from emomech.figures.marks import Layered, colour, intervals, number, offset, only, rows
from emomech.figures.palette import BESIDE_COLOURS, COST_COLOURS, HELD_COLOURS, TASK_COLOURS

_TIMES = alt.Axis(
    labelExpr="format(datum.value, datum.value < 1 ? '~g' : '~s') + '×'",
    values=[0.1, 1, 10, 100, 1000, 10000],
    labelOverlap=True,
)
_CHOSEN = "datum.measured_on === subject"


def ratios(table: pd.DataFrame) -> Layered:
    """Draw the time of each other implementation as a multiple of the package's; ticks are targets and bounds."""
    order, colours = list(dict.fromkeys(table.task)), only(BESIDE_COLOURS, table.kind)
    ends = [min(0.5, float(table.ratio.min())), max(2.0, float(table.ratio.max()))]
    scale = alt.Scale(type="log", domain=ends)
    ratio = alt.X("ratio:Q", title="how many times as long", scale=scale, axis=_TIMES)
    base = alt.Chart(table).transform_filter(_CHOSEN).encode(y=rows("task", order))
    tips = ["task:N", "beside:N", number("ratio"), number("target"), number("bound")]
    points = base.mark_point(size=80, opacity=1).encode(
        x=ratio, yOffset=offset("kind", colours), color=colour("kind", colours, columns=2), tooltip=tips
    )
    targets = base.transform_filter("isValid(datum.target)").mark_tick(thickness=2, height=24)
    targets = targets.encode(x=alt.X("target:Q"), color=alt.value("#8c8c8c"))
    bounds = base.transform_filter("isValid(datum.bound)").mark_tick(thickness=3, height=34)
    bounds = bounds.encode(x=alt.X("bound:Q"), color=alt.value("#d55e00"))
    even = alt.Chart(pd.DataFrame({"at": [1.0]})).mark_rule(strokeDash=[4, 4], opacity=0.7)
    even = even.encode(x=alt.X("at:Q", scale=scale, axis=_TIMES), color=alt.value("#8c8c8c"))
    return (
        alt.layer(even, targets, bounds, points)
        .add_params(_choice(table))
        .properties(
            width="container",
            height=52 * len(order),
            description="For each task, on the chosen model: the time of the plain way and of other libraries, as a "
            "multiple of the package's, on a logarithmic scale, with ticks at targets and largest possible ratios.",
        )
    )


def _choice(table: pd.DataFrame) -> alt.Parameter:
    """Let the reader choose the workload; a model of the shape of a public one is the first choice."""
    workloads = list(dict.fromkeys(table.measured_on))
    first = next((name for name in workloads if "shape" in name), workloads[0])
    return alt.param(name="subject", value=first, bind=alt.binding_select(options=workloads, name="Measured on: "))


def growth(table: pd.DataFrame) -> Layered:
    """Draw the exponent of the growth of cost, with its interval; at 1, cost is proportional."""
    shown = table.assign(row=table.task + ", " + table.measured_on)
    order, colours = list(dict.fromkeys(shown.row)), only(COST_COLOURS, table.of)
    base = alt.Chart(shown).encode(y=rows("row", order), yOffset=offset("of", colours))
    even = alt.Chart(pd.DataFrame({"at": [1.0]})).mark_rule(strokeDash=[4, 4], opacity=0.7)
    even = even.encode(x="at:Q", color=alt.value("#8c8c8c"))
    title = "exponent of the cost"
    drawn = intervals(base, "exponent", title, colour("of", colours), even, most=max(1.5, float(table.high.max())))
    return drawn.properties(
        height=50 * len(order),
        description="Exponents with which the cost of each task grows with the number of texts, features and layers, "
        "with 95 % intervals; a dashed line marks one, where cost is proportional.",
    )


def turns(table: pd.DataFrame) -> alt.Chart:
    """Draw every turn that the exponents are fitted to; the reader chooses what grows."""
    things = list(dict.fromkeys(table.of))
    choice = alt.param(name="thing", value=things[0], bind=alt.binding_select(options=things, name="More and more: "))
    axis = alt.Axis(format="~s", tickCount=4)
    scale = alt.Scale(type="log", nice=False, padding=12)
    return (
        alt.Chart(table)
        .transform_filter("datum.of === thing")
        .mark_point(opacity=0.7)
        .encode(
            x=alt.X("size:Q", title="how many", scale=scale, axis=axis),
            y=alt.Y("seconds:Q", title="seconds", scale=scale, axis=alt.Axis(format="~g", tickCount=4)),
            color=colour("task", only(TASK_COLOURS, table.task), columns=2),
            shape=alt.Shape("measured_on:N", legend=None),
            tooltip=["measured_on:N", "task:N", "of:N", "size:Q", alt.Tooltip("seconds:Q", format=".3~g")],
        )
        .add_params(choice)
        .properties(
            width="container",
            height=240,
            description="Seconds that each turn took at a quarter, half and all of the texts, features or layers, on "
            "logarithmic scales.",
        )
    )


def memory(table: pd.DataFrame) -> Layered:
    """Draw the peak memory of the package and of the others; ticks are targets."""
    keys = ["measured_on", "task", "beside", "most"]
    shown = table.melt(keys, ["ours", "theirs"], "of", "mib")
    shown["kind"] = shown.of.map({"ours": "emomech", "theirs": "the other"})
    order = list(dict.fromkeys(shown.task))
    base = alt.Chart(shown).transform_filter(_CHOSEN).encode(y=rows("task", order))
    axis = alt.Axis(format=",d", tickCount=4)
    points = base.mark_point(size=80, opacity=1).encode(
        x=alt.X("mib:Q", title="MiB above interpreter and libraries", axis=axis),
        color=colour("kind", HELD_COLOURS),
        tooltip=["task:N", "beside:N", "kind:N", alt.Tooltip("mib:Q", format=",.0f")],
    )
    targets = base.transform_filter("isValid(datum.most)").mark_tick(thickness=2, height=20)
    targets = targets.encode(x="most:Q", color=alt.value("#8c8c8c"))
    return (
        alt.layer(targets, points)
        .add_params(_choice(table))
        .properties(
            width="container",
            height=52 * len(order),
            description="Peak memory of the package and of other implementations in each task, on the chosen model, "
            "with ticks where a target was set.",
        )
    )
