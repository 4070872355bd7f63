"""Figures of the depth measures: profiles by depth, the onset of each measure, and the lenses."""

import altair as alt
import pandas as pd

from emomech.chapters.depth.onsets import HALF, LEVELS
from emomech.figures.marks import UNIT, Layered, at, colour, intervals, number, offset, only, rows
from emomech.figures.palette import MEASURE_COLOURS

"""Colour of each measure."""


def profiles(table: pd.DataFrame, where: str) -> Layered:
    """Draw all measures by depth at one place, for a task and a control that the reader selects."""
    shown = at(table, where)
    control = _choice(
        "control", [name for name in dict.fromkeys(shown.condition) if name != "trained"], "Control (dashed): "
    )
    task = _choice("task", list(dict.fromkeys(shown.task)), "Task: ")
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
    value = alt.Y("value:Q", title="value (0 chance, 1 maximum)", scale=scale, axis=UNIT)
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
            description=f"Each measure of the task's answer by depth, read at the {where}, from 0 (chance) to 1 "
            "(the maximum). Solid lines: trained model, with 95 % intervals; dashed lines: the selected control.",
        )
    )


def _choice(name: str, options: list[str], label: str) -> alt.Parameter:
    value = options[0] if options else ""
    return alt.param(name=name, value=value, bind=alt.binding_select(options=options, name=label))


def onsets(table: pd.DataFrame, where: str) -> Layered:
    """Draw the onset of each measure, for each task."""
    shown = at(table[(table.level == HALF) & table.depth.notna()], where)
    order = list(dict.fromkeys(shown.task))
    colours = only(MEASURE_COLOURS, shown.measure)
    base = alt.Chart(shown).encode(y=rows("task", order), yOffset=offset("measure", colours))
    return intervals(base, "depth", "depth of half the maximum", colour("measure", colours, columns=3)).properties(
        height=18 * max(3, len(colours)) * max(1, len(order)),
        description=f"Onset of each measure with 95 % intervals, read at the {where}, for each task: the depth at "
        "which the profile above both controls reaches half of its maximum.",
    )


def levels(table: pd.DataFrame, where: str) -> Layered:
    """Draw how far apart the onsets lie, for each level at which a profile counts as begun, and for each task."""
    shown = at(table[table.excess.notna()], where)
    colours = only(dict(zip(LEVELS, ("#009e73", "#0072b2", "#d55e00"), strict=True)), shown.level)
    order = list(dict.fromkeys(shown.task))
    base = alt.Chart(shown).encode(y=rows("task", order), yOffset=offset("level", colours))
    most = max(1.0, float(shown.high.max())) if len(shown) else 1.0
    least = min(0.0, float(shown.low.min())) if len(shown) else 0.0
    title = "distance of the onsets less noise (steps)"
    marks = intervals(base, "excess", title, colour("level", colours), least=least, most=most)
    return marks.properties(
        height=18 * max(3, len(colours)) * max(1, len(order)),
        description=f"Distance between the earliest and the latest onset at the {where}, less what noise alone gives, "
        "with 95 % intervals, for each task and each share of the maximum at which a profile counts as begun.",
    )


def side_by_side(table: pd.DataFrame) -> alt.FacetChart:
    """Draw the profiles of several models, a panel each; `table` has edition, measure, depth, value, low and high."""
    order = list(dict.fromkeys(table.edition))
    base = alt.Chart(table).encode(
        x=alt.X("depth:Q", title="depth", scale=alt.Scale(domain=[0, 1]), axis=UNIT),
        color=colour("measure", only(MEASURE_COLOURS, table.measure), columns=3),
        tooltip=["edition", "measure", number("depth"), *map(number, ("value", "low", "high"))],
    )
    scale = alt.Scale(domain=[0, 1], clamp=True)
    low = alt.Y("low:Q", title=None, scale=scale)
    band = base.mark_area(clip=True, opacity=0.16).encode(y=low, y2="high:Q")
    value = alt.Y("value:Q", title=None, scale=scale, axis=UNIT)
    line = base.mark_line(point=True, strokeWidth=2, clip=True).encode(y=value)
    header = alt.Header(labelFontSize=12, labelPadding=6)
    panels = alt.layer(band, line).properties(width=240, height=200)
    facet = alt.Facet("edition:N", title=None, sort=order, header=header)
    return panels.facet(facet, columns=min(3, len(order)), spacing=28).properties(
        description="Each measure of the emotion by depth, read at the answer, from 0 (chance) to 1 (the maximum), "
        f"with 95 % intervals, in a panel for each of these: {', '.join(order)}."
    )
