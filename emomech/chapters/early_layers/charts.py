"""Figures of the cost of editing each third of the blocks: by method, by size of the change, and for other tasks."""

import altair as alt
import pandas as pd

from emomech.figures.marks import Layered, colour, intervals, number, offset, only, rows
from emomech.figures.palette import THIRD_COLOURS

_NONE = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(strokeDash=[4, 3], color="#777").encode(x="x:Q")
_CHANGE = alt.X(
    "change:Q",
    title="relative change of the third's matrices",
    scale=alt.Scale(type="log", nice=False),
    axis=alt.Axis(format="~g", values=[0.1, 0.2, 0.4]),
)


def _points(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Convert shares to percentage points."""
    return table.assign(**{name: 100 * table[name].astype(float) for name in (*columns, "low", "high")})


def _reach(table: pd.DataFrame) -> tuple[float, float]:
    """Ends of an axis that holds every interval and zero."""
    return min([-1, *table.low.dropna()]), max([1, *table.high.dropna()])


def methods(table: pd.DataFrame, target: float, task: str) -> Layered:
    """Draw the accuracy that each method costs in each third, for one size of the change."""
    shown = _points(table[(table.target == target) & (table.task == task)], "loss")
    return _by_third(shown, "method", "loss", "accuracy lost, points").properties(
        height=54 * max(1, shown.method.nunique()),
        description=f"Balanced accuracy ({task}) lost when the early, middle or late third of the blocks is edited, "
        "for each method at the same size of the change, with 95 % intervals.",
    )


def skipping(table: pd.DataFrame, task: str) -> Layered:
    """Draw the accuracy that skipping blocks of each third costs."""
    shown = _points(table[(table.method == "skipping") & (table.task == task)], "loss")
    return _by_third(shown, "dose", "loss", "accuracy lost, points").properties(
        height=54 * max(1, shown.dose.nunique()),
        description=f"Balanced accuracy ({task}) lost when one block of a third, or all its blocks, are skipped, with "
        "95 % intervals.",
    )


def language(table: pd.DataFrame, target: float) -> Layered:
    """Draw the rise of the next-token loss by each method, for one size of the change."""
    shown = _points(table[table.target == target], "rise")
    return _by_third(shown, "method", "rise", "rise of the next-token loss, %").properties(
        height=54 * max(1, shown.method.nunique()),
        description="Relative rise of the next-token loss when the early, middle or late third of the blocks is "
        "edited, for each method at the same size of the change, with 95 % intervals.",
    )


def _by_third(shown: pd.DataFrame, row: str, value: str, title: str) -> Layered:
    order = list(dict.fromkeys(shown[row]))
    colours = only(THIRD_COLOURS, shown.third)
    base = alt.Chart(shown).encode(y=rows(row, order), yOffset=offset("third", colours))
    least, most = _reach(shown)
    return intervals(base, value, title, colour("third", colours), _NONE, least=least, most=most)


def changes(table: pd.DataFrame) -> Layered:
    """Draw the mean cost by size of the change, for the emotion task and a control task that the reader selects."""
    shown = _points(table[table.method == "mean"], "loss")
    controls = [task for task in dict.fromkeys(shown.task) if task != "emotion"]
    choice = alt.binding_select(options=controls, name="Control task (dashed): ")
    control = alt.param(name="control", value=controls[-1] if controls else "", bind=choice)
    base = alt.Chart(shown).encode(
        x=_CHANGE,
        color=colour("third", only(THIRD_COLOURS, shown.third)),
        tooltip=["task:N", "third:N", number("change"), *map(number, ("loss", "low", "high")), "n:Q"],
    )
    loss = alt.Y("loss:Q", title="accuracy lost, points")
    emotion = base.transform_filter(alt.datum.task == "emotion")
    band = emotion.mark_area(opacity=0.15).encode(y=alt.Y("low:Q"), y2="high:Q")
    dashed = base.transform_filter("datum.task === control").mark_line(strokeDash=[5, 4], opacity=0.8).encode(y=loss)
    line = emotion.mark_line(point=True, strokeWidth=2.5).encode(y=loss)
    return (
        alt.layer(band, dashed, line)
        .add_params(control)
        .properties(
            width="container",
            height=300,
            description="Balanced accuracy of the emotion task lost when a third is edited, by size of the change, "
            "mean over the methods, with 95 % intervals; dashed lines: the selected control task.",
        )
    )


def contrasts(table: pd.DataFrame, target: float) -> Layered:
    """Draw the cost of editing the early third minus that of editing another third, for every task."""
    shown = _points(table[table.target == target], "difference")
    shown = shown.assign(third=shown.contrast.astype(str).str.split().str[-1], task=shown.task.astype(str))
    order = list(dict.fromkeys(shown.task))
    colours = only(THIRD_COLOURS, shown.third)
    base = alt.Chart(shown).encode(y=rows("task", order), yOffset=offset("third", colours))
    least, most = _reach(shown)
    title = "early minus this third, points"
    drawn = intervals(base, "difference", title, colour("third", colours), _NONE, least=least, most=most)
    return drawn.properties(
        height=50 * max(1, len(order)),
        description="Accuracy lost by editing the early third minus that lost by editing the middle or the late third, "
        "for the emotion task and the control tasks, with 95 % intervals.",
    )
