"""Charts of how many features each emotion is spread over, how much they carry, and what they do to other emotions."""

import altair as alt
import pandas as pd

from emomech.causal.concentration import EFFECTIVE
from emomech.chapters.concentration.analysis import ABLATED, ITS, LOG_ODDS, MATCHED, ONE
from emomech.figures.marks import UNIT, Layered, choice, colour, number, offset, only, rows, spans
from emomech.figures.palette import HIGHLIGHT, OTHER, SUPPORT_COLOURS

_TENS = alt.Axis(format="~g", values=[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])


def measures(table: pd.DataFrame) -> Layered:
    """Draw each emotion's value of a measure that the reader chooses, with the controls."""
    return _of_measures(table, "value").properties(
        description="A measure of each emotion's causal features, with 95 % intervals, beside matched features, "
        "features for shuffled labels, and random directions in a network with random weights."
    )


def contrasts(table: pd.DataFrame) -> Layered:
    """Draw the difference of each emotion from the mean of the others, with the controls."""
    return _of_measures(table, "difference", zero=True).properties(
        description="Difference of each emotion from the mean of the others in a measure of its causal features, with "
        "95 % intervals, and the same difference among the controls."
    )


def _of_measures(table: pd.DataFrame, value: str, zero: bool = False) -> Layered:
    shown = table[table.place == ONE].dropna(subset=[value])
    measure = choice("measure", list(dict.fromkeys(shown.measure)), EFFECTIVE, "Measure: ")
    order, colours = list(dict.fromkeys(shown.emotion)), only(SUPPORT_COLOURS, shown.condition)
    base = alt.Chart(shown).transform_filter("datum.measure === measure")
    base = base.encode(y=rows("emotion", order), yOffset=offset("condition", colours))
    title = "emotion minus mean of the others" if zero else "value of the measure"
    chart = spans(base, value, title, colour("condition", colours, columns=2), zero)
    return chart.add_params(measure).properties(width="container", height=52 * max(1, len(order)))


def depths(table: pd.DataFrame, emotion: str) -> Layered:
    """Draw a measure of every emotion by depth, with intervals for one of them."""
    measure = choice("measure", list(dict.fromkeys(table.measure)), EFFECTIVE, "Measure: ")
    base = alt.Chart(table.dropna(subset=["value"])).transform_filter("datum.measure === measure")
    x = alt.X("depth:Q", title="depth (0 embedding, 1 last block)", scale=alt.Scale(domain=[0, 1]), axis=UNIT)
    chart = _highlighted(base.encode(x=x), table, "value", "value of the measure", emotion)
    return chart.add_params(measure).properties(
        description=f"A measure of the causal features of every emotion, by depth; one, at first {emotion}, with 95 % "
        "intervals."
    )


def curves(table: pd.DataFrame, emotion: str) -> Layered:
    """Draw the fall of the log-odds when the first features are ablated together; dashed: matched features."""
    x = alt.X("k:Q", title="features ablated together", scale=alt.Scale(type="log"), axis=_TENS)
    its = table[table.condition == ITS]
    chart = _highlighted(alt.Chart(its).encode(x=x), its, "fall", "fall of the log-odds, nats", emotion)
    control = alt.Chart(table[table.condition == MATCHED]).transform_filter("datum.emotion === emotion")
    dashed = control.mark_line(strokeDash=[5, 4], color=HIGHLIGHT).encode(x=x, y="fall:Q")
    return alt.layer(chart, dashed).properties(
        width="container",
        height=300,
        description="Fall of the log-odds of each emotion's texts when its first k features are ablated together; "
        f"one emotion, at first {emotion}, with 95 % intervals and, dashed, matched features.",
    )


def _highlighted(base: alt.Chart, table: pd.DataFrame, value: str, title: str, emotion: str) -> Layered:
    """Draw a grey line for every emotion; the one that the reader chooses has a colour and its intervals."""
    names = list(dict.fromkeys(table.emotion))
    chosen = choice("emotion", names, emotion, "Highlighted: ")
    marked = alt.condition("datum.emotion === emotion", alt.value(HIGHLIGHT), alt.value(OTHER))
    tips = ["emotion:N", *map(number, (value, "low", "high"))]
    line = base.mark_line(point=True).encode(
        y=alt.Y(f"{value}:Q", title=title), detail="emotion:N", color=marked, tooltip=tips
    )
    band = base.transform_filter("datum.emotion === emotion").mark_area(opacity=0.2, color=HIGHLIGHT)
    band = band.encode(y=alt.Y("low:Q", title=title), y2="high:Q")
    return alt.layer(band, line).add_params(chosen).properties(width="container", height=300)


def interference(table: pd.DataFrame, acted_on: str) -> Layered:
    """Draw what editing the first features of one emotion does to the texts of every emotion."""
    shown = table[table.measure == LOG_ODDS]
    names = list(dict.fromkeys(shown.acted_on))
    edits = list(dict.fromkeys(shown.edit))
    order, colours = list(dict.fromkeys(shown.affected)), only(SUPPORT_COLOURS, shown.condition)
    base = alt.Chart(shown).transform_filter("datum.acted_on === acted_on && datum.edit === edit")
    base = base.encode(y=rows("affected", order), yOffset=offset("condition", colours))
    chart = spans(base, "change", "change of the log-odds, nats", colour("condition", colours), zero=True)
    params = (choice("acted_on", names, acted_on, "Features of: "), choice("edit", edits, ABLATED, "Edit: "))
    return chart.add_params(*params).properties(
        width="container",
        height=40 * max(1, len(order)),
        description="Change of the log-odds of each emotion's texts, with 95 % intervals, when the first features of "
        f"one emotion, at first {acted_on}, are ablated or doubled, and when matched features are.",
    )


def coactivation(table: pd.DataFrame, emotion: str) -> Layered:
    """Draw how one emotion's first features co-activate with every other's, over all texts."""
    names = list(dict.fromkeys(table.emotion))
    shown = table.dropna(subset=["correlation"])
    base = alt.Chart(shown).transform_filter("datum.emotion === emotion").encode(y=rows("other", names))
    chart = spans(base, "correlation", "correlation over texts", {"value": "#0072b2"}, zero=True, more=("shared",))
    return chart.add_params(choice("emotion", names, emotion, "Features of: ")).properties(
        width="container",
        height=28 * max(1, len(names)),
        description="Correlation over texts, with 95 % intervals, between how strongly one emotion's first features "
        f"fire, at first those of {emotion}, and those of every other emotion.",
    )
