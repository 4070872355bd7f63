"""Charts of what steering gains, for which texts, at which dose and at what cost, beside its baselines."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from emomech.figures.marks import Layered, colour, intervals, number, offset, only, rows
from emomech.figures.palette import STEERED_COLOURS

_GREY, _BLUE = "#8c8c8c", "#0072b2"
_SIGNED = alt.Axis(format="+.3~f", tickCount=5, labelFlush=False)
_NEAREST, _FARTHEST = 0.2, 0.4
"""Least and greatest distance from zero at which a scale of rises ends."""
_LOSS = alt.Axis(format="+.1~%", tickCount=4, labelFlush=False)


def gains(table: pd.DataFrame, measure: str = "balanced accuracy") -> Layered:
    """Draw the gain of each method on the reported texts; zero is no steering."""
    shown = table[(table.versus == "no steering") & (table.measure == measure)]
    return _gains(shown, "method", "difference", f"rise of {measure}").properties(
        height=34 * max(1, len(shown)),
        description=f"Rise of {measure} with 95 % intervals by steering causal features and by every baseline; "
        "zero is no steering.",
    )


def items(table: pd.DataFrame, breakdown: str) -> Layered:
    """Draw the rise of accuracy in each part of the texts, for one property that divides them."""
    shown = table[table.breakdown == breakdown]
    return _gains(shown, "group", "change", "rise of accuracy").properties(
        height=48 * max(1, shown.group.nunique()),
        description=f"Rise of accuracy with 95 % intervals per {breakdown}, by causal features, by matched features "
        "and by a fitted logit bias; a shift of the most frequent answer would gain in some parts and lose in others.",
    )


def emotions(table: pd.DataFrame) -> Layered:
    """Draw the rise of recall of each emotion."""
    return _gains(table, "emotion", "change", "rise of recall").properties(
        height=48 * max(1, table.emotion.nunique()),
        description="Rise of each emotion's recall with 95 % intervals, by causal features, by matched features and by "
        "a fitted logit bias.",
    )


def doses(table: pd.DataFrame) -> Layered:
    """Draw balanced accuracy by dose and operation on the tune texts; the best of each operation is a larger point."""
    shown = table[table.operation.isin(list(_OPERATIONS))]
    base = alt.Chart(shown).encode(
        x=alt.X("dose:Q", title="dose, in peaks", scale=alt.Scale(type="symlog", constant=0.05)).axis(
            values=sorted(set(shown.dose)), format="~g"
        ),
        y=alt.Y("tune_accuracy:Q", title="balanced accuracy on tune", scale=alt.Scale(domain=[0, 1])),
        color=alt.Color("operation:N", legend=alt.Legend(columns=2), scale=_scale(_OPERATIONS, shown.operation)),
        tooltip=["operation", *map(number, ("dose", "displacement", "tune_accuracy"))],
    )
    chosen = base.transform_filter("datum.chosen === true || datum.chosen === 'True'")
    return alt.layer(base.mark_line(point=True), chosen.mark_point(size=160)).properties(
        width="container",
        height=280,
        description="Balanced accuracy on the texts on which doses are chosen, by dose, for each way to move the "
        "causal features.",
    )


def fitted(table: pd.DataFrame) -> Layered:
    """Draw the fitted dose of every feature by the emotion that it supports; zero is a feature that is not moved."""
    base = alt.Chart(table).encode(y=rows("emotion", list(dict.fromkeys(table.emotion))))
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6, color=_GREY).encode(x="at:Q")
    points = base.mark_point(opacity=0.7).encode(
        x=alt.X("dose:Q", title="fitted dose, in peaks", axis=_SIGNED),
        yOffset=offset("operation", _FITTED),
        color=colour("operation", only(_FITTED, table.operation)),
        shape=alt.Shape("operation:N", legend=None),
        tooltip=["operation", "emotion", "hook_point", "feature", number("dose"), number("depth")],
    )
    return alt.layer(zero, points).properties(
        width="container",
        height=44 * max(1, table.emotion.nunique()),
        description="Fitted dose of every causal feature by the emotion that it supports, for factors and for a "
        "vector; positive doses turn a feature up.",
    )


def pareto(table: pd.DataFrame) -> Layered:
    """Draw the gain of every dose against its cost in next-token loss, for causal and for matched features."""
    base = alt.Chart(table).encode(
        color=colour("units", only(STEERED_COLOURS, table.units)),
        tooltip=["units", *map(number, ("dose", "displacement", "loss", "gain", "kl", "agreement"))],
        order="dose:Q",
    )
    x = alt.X("loss:Q", title="rise of the next-token loss", axis=_LOSS, scale=alt.Scale(type="symlog", constant=0.01))
    y = alt.Y("gain:Q", title="rise of balanced accuracy", axis=_SIGNED)
    across = base.mark_rule(opacity=0.5).encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    up = base.mark_rule(opacity=0.5).encode(x=x, y=alt.Y("gain_low:Q"), y2="gain_high:Q")
    lines = base.mark_line(opacity=0.6, strokeWidth=1.5).encode(x=x, y=y)
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=_GREY, strokeDash=[4, 4]).encode(y="at:Q")
    return alt.layer(zero, across, up, lines, base.mark_point(size=70).encode(x=x, y=y)).properties(
        width="container",
        height=320,
        description="Rise of balanced accuracy against the relative rise of the next-token loss on neutral text, one "
        "point per dose with 95 % intervals, for causal and for matched features.",
    )


def efficiency(table: pd.DataFrame) -> Layered:
    """Draw the gain by the number of labelled texts, of steering and of the fitted logit bias."""
    base = alt.Chart(table).encode(
        x=alt.X("n_labelled:O", title="labelled texts per emotion", axis=alt.Axis(labelAngle=0)),
        color=colour("method", only(STEERED_COLOURS, table.method)),
        xOffset=alt.XOffset("method:N"),
        tooltip=["method", "n_labelled", *map(number, ("gain", "low", "high", "dose")), "n"],
    )
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=_GREY, strokeDash=[4, 4]).encode(y="at:Q")
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(y=alt.Y("low:Q"), y2="high:Q")
    points = base.mark_point().encode(y=alt.Y("gain:Q", title="rise of balanced accuracy", axis=_SIGNED))
    return alt.layer(zero, bars, points).properties(
        width="container",
        height=240,
        description="Rise of balanced accuracy with 95 % intervals by the number of labelled texts of each emotion, "
        "for scaled causal features and for a logit bias fitted on the same texts.",
    )


def leads(table: pd.DataFrame) -> Layered:
    """Draw the gain of the causal features over all draws of the labelled texts, and their lead over every control."""
    far = min(_FARTHEST, max([_NEAREST, *table[["low", "high"]].abs().max().dropna()]))
    base = alt.Chart(table).encode(y=rows("versus", list(table.versus)))
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6, color=_GREY).encode(x="at:Q")
    blue = alt.Color("draws:N", legend=None, scale=alt.Scale(range=[_BLUE]))
    chart = intervals(base, "lead", "rise of balanced accuracy beyond it", blue, zero, least=-far, most=far)
    return chart.properties(
        height=34 * max(1, len(table)),
        description="Rise of balanced accuracy by causal features beyond no steering and beyond every control, with "
        "95 % intervals over texts and draws of the labelled texts.",
    )


def response(table: pd.DataFrame) -> Layered:
    """Draw the mean rise of the log-odds at doses on both sides of no steering."""
    base = alt.Chart(table).encode(
        x=alt.X("dose:Q", title="dose, in peaks"),
        color=alt.value(_BLUE),
        tooltip=[number(name) for name in ("dose", "log_odds", "low", "high", "gain")],
    )
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(y=alt.Y("low:Q"), y2="high:Q")
    title = "rise of the log-odds, nats"
    line = base.mark_line(point=True).encode(y=alt.Y("log_odds:Q", title=title, axis=_SIGNED))
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=_GREY, strokeDash=[4, 4]).encode(y="at:Q")
    return alt.layer(zero, bars, line).properties(
        width="container",
        height=240,
        description="Mean rise of the log-odds of the own label with 95 % intervals, by doses that turn the causal "
        "features down and up.",
    )


def steerability(table: pd.DataFrame) -> Layered:
    """Draw how many texts have which slope of their own log-odds over the doses."""
    bars = (
        alt.Chart(table)
        .mark_bar()
        .encode(
            x=alt.X("slope:Q", title="slope of the log-odds, nats per step", bin=alt.Bin(maxbins=30)),
            y=alt.Y("count()", title="texts"),
            color=alt.Color("right:N", scale=_scale(_BEFORE, table.right)),
        )
    )
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=_GREY, strokeDash=[4, 4]).encode(x="at:Q")
    return alt.layer(bars, zero).properties(
        width="container",
        height=220,
        description="Number of texts by the slope of the log-odds of their own label over the doses, for texts that "
        "are right and wrong without steering; texts left of zero are steered the wrong way.",
    )


_BEFORE: Mapping[str, str] = {"right before": "#0072b2", "wrong before": "#e69f00"}
_OPERATIONS: Mapping[str, str] = {
    "scale": "#0072b2",
    "add to the weak": "#e69f00",
    "clamp where it fires": "#009e73",
    "clamp everywhere": "#cc79a7",
}


_FITTED: Mapping[str, str] = {"fitted factors": "#0072b2", "fitted vector": "#d55e00"}


def _scale(colours: Mapping[str, str], present: pd.Series) -> alt.Scale:
    kept = only(colours, present)
    return alt.Scale(domain=list(kept), range=list(kept.values()))


def _gains(shown: pd.DataFrame, column: str, value: str, title: str) -> Layered:
    """Draw rises with intervals around zero; values beyond the end of the scale are drawn at its edge."""
    far = min(_FARTHEST, max([_NEAREST, *shown[["low", "high"]].abs().max().dropna()]))
    colours = only(STEERED_COLOURS, shown.method)
    base = alt.Chart(shown).encode(y=rows(column, list(dict.fromkeys(shown[column]))))
    base = base if column == "method" else base.encode(yOffset=offset("method", colours))
    legend = colour("method", colours, columns=2) if column != "method" else colour("method", colours).legend(None)
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(x="at:Q", color=alt.value(_GREY))
    chart = intervals(base, value, title, legend, zero, least=-far, most=far)
    return chart.resolve_scale(color="independent") if column == "method" else chart
