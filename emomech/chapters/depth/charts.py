"""Figures of how much of an answer there is at each depth, by what is measured, and where each measure begins."""

import altair as alt
import pandas as pd

from emomech.figures.marks import UNIT, Layered, at, colour, intervals, number, offset, only, rows
from emomech.figures.palette import MEASURE_COLOURS


def profiles(table: pd.DataFrame, where: str) -> Layered:
    """Draw all measures by depth at one kind of place, of a task and a control that the reader chooses."""
    shown = at(table, where)
    control = _choice("control", [name for name in dict.fromkeys(shown.condition) if name != "trained"], "Dashed: ")
    task = _choice("task", list(dict.fromkeys(shown.task)), "Asked for: ")
    picked = alt.selection_point(fields=["measure"], bind="legend")
    base = (
        alt.Chart(shown)
        .transform_filter("datum.task === task")
        .encode(
            x=alt.X("depth:Q", title="depth (0 embedding, 1 last block)", scale=alt.Scale(domain=[0, 1]), axis=UNIT),
            color=colour("measure", only(MEASURE_COLOURS, shown.measure), columns=3),
            tooltip=["task", "condition", "measure", number("depth"), *map(number, ("value", "low", "high")), "n"],
        )
    )
    scale = alt.Scale(domain=[0, 1], clamp=True)
    value = alt.Y("value:Q", title="0 chance, 1 all", scale=scale, axis=UNIT)
    trained = base.transform_filter(alt.datum.condition == "trained")
    band = trained.mark_area(clip=True).encode(
        y=alt.Y("low:Q", scale=scale), y2="high:Q", opacity=alt.condition(picked, alt.value(0.16), alt.value(0.02))
    )
    line = trained.mark_line(point=True, strokeWidth=2.5, clip=True).encode(
        y=value, opacity=alt.condition(picked, alt.value(1), alt.value(0.12))
    )
    dashed = (
        base.transform_filter("datum.condition === control")
        .mark_line(strokeDash=[5, 4], strokeWidth=1.5, clip=True)
        .encode(y=value, opacity=alt.condition(picked, alt.value(0.7), alt.value(0.08)))
    )
    return (
        alt.layer(band, dashed, line.add_params(picked))
        .add_params(task, control)
        .properties(
            width="container",
            height=320,
            usermeta={"layers": "depth"},
            description=f"How much of the task's answer there is at each depth, read at the {where}, by what is "
            "measured, on a scale from chance to all; dashed: the control.",
        )
    )


def _choice(name: str, options: list[str], label: str) -> alt.Parameter:
    value = options[0] if options else ""
    return alt.param(name=name, value=value, bind=alt.binding_select(options=options, name=label))


def onsets(table: pd.DataFrame, where: str) -> Layered:
    """Draw the depth at which each measure begins, for each task."""
    shown = at(table[(table.summary == "onset") & table.depth.notna()], where)
    order = list(dict.fromkeys(shown.task))
    colours = only(MEASURE_COLOURS, shown.measure)
    base = alt.Chart(shown).encode(y=rows("task", order), yOffset=offset("measure", colours))
    return intervals(base, "depth", "depth of half the maximum", colour("measure", colours, columns=3)).properties(
        height=18 * max(3, len(colours)) * max(1, len(order)),
        description=f"Depth at which each measure reaches half of its maximum above the controls, with 95 % intervals, "
        f"read at the {where}, per task.",
    )
