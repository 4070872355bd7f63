"""Figures of what editing each third of the blocks costs, by method, by size of the change, and against other tasks."""

import altair as alt
import pandas as pd

from emomech.figures.marks import Layered, colour, intervals, number, offset, only, rows
from emomech.figures.palette import THIRD_COLOURS

_NONE = alt.Chart(pd.DataFrame({"x": [0]})).mark_rule(strokeDash=[4, 3], color="#777").encode(x="x:Q")
_CHANGE = alt.X(
    "change:Q",
    title="relative change of the third's matrices",
    scale=alt.Scale(type="log", nice=False),
    axis=alt.Axis(format="~g", values=[0.1, 0.2, 0.4, 0.8]),
)


def _points(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Write shares in points."""
    return table.assign(**{name: 100 * table[name].astype(float) for name in (*columns, "low", "high")})


def _reach(table: pd.DataFrame) -> tuple[float, float]:
    """Ends of a scale that holds every interval and zero."""
    return min([-1, *table.low.dropna()]), max([1, *table.high.dropna()])


def methods(table: pd.DataFrame, target: float, task: str) -> Layered:
    """Draw the accuracy that each method costs in each third, at one change."""
    shown = _points(table[(table.target == target) & (table.task == task)], "loss")
    return _by_third(shown, "method", "loss", "accuracy lost, points").properties(
        height=54 * max(1, shown.method.nunique()),
        description=f"Balanced accuracy lost ({task}) by each way to edit the early, middle or late third of the "
        "blocks at an equal change, with 95 % intervals.",
    )


def skipping(table: pd.DataFrame, task: str) -> Layered:
    """Draw the accuracy that it costs to skip blocks of each third."""
    shown = _points(table[(table.method == "skipping") & (table.task == task)], "loss")
    return _by_third(shown, "dose", "loss", "accuracy lost, points").properties(
        height=54 * max(1, shown.dose.nunique()),
        description=f"Balanced accuracy lost ({task}) when a block of a third, or all of them, leave the stream as it "
        "is, with 95 % intervals.",
    )


def language(table: pd.DataFrame, target: float) -> Layered:
    """Draw by how much each method raises the next-token loss, at one change."""
    shown = _points(table[table.target == target], "rise")
    return _by_third(shown, "method", "rise", "rise of the next-token loss, %").properties(
        height=54 * max(1, shown.method.nunique()),
        description="Relative rise of the next-token loss by each way to edit the early, middle or late third of the "
        "blocks at an equal change, with 95 % intervals.",
    )


def _by_third(shown: pd.DataFrame, row: str, value: str, title: str) -> Layered:
    order = list(dict.fromkeys(shown[row]))
    colours = only(THIRD_COLOURS, shown.third)
    base = alt.Chart(shown).encode(y=rows(row, order), yOffset=offset("third", colours))
    least, most = _reach(shown)
    return intervals(base, value, title, colour("third", colours), _NONE, least=least, most=most)


def changes(table: pd.DataFrame) -> Layered:
    """Draw the mean cost by size of the change, of the emotion, and of the task that the reader chooses."""
    shown = _points(table[table.method == "mean"], "loss")
    others = [task for task in dict.fromkeys(shown.task) if task != "emotion"]
    choice = alt.binding_select(options=others, name="Dashed, for comparison: ")
    control = alt.param(name="control", value=others[-1] if others else "", bind=choice)
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
            description="Balanced accuracy of the emotion lost by editing each third, by size of the change, mean of "
            "the methods, with 95 % intervals; dashed: another task.",
        )
    )


def contrasts(table: pd.DataFrame, target: float) -> Layered:
    """Draw how much more an edit of the early third costs than of another, for every task."""
    shown = _points(table[table.target == target], "difference")
    shown = shown.assign(third=shown.contrast.astype(str).str.split().str[-1], task=shown.task.astype(str))
    order = list(dict.fromkeys(shown.task))
    colours = only(THIRD_COLOURS, shown.third)
    base = alt.Chart(shown).encode(y=rows("task", order), yOffset=offset("third", colours))
    least, most = _reach(shown)
    title = "early less this third, points"
    found = intervals(base, "difference", title, colour("third", colours), _NONE, least=least, most=most)
    return found.properties(
        height=50 * max(1, len(order)),
        description="Accuracy lost by editing the early third less that by editing the middle or the late one, for the "
        "emotion and for other tasks, with 95 % intervals.",
    )
