"""Charts of how much each emotion's features carry and how many they are, and what they do to other emotions."""

import altair as alt
import pandas as pd

from emomech.chapters.concentration.specifications import COUNT, EVERYWHERE, ITS, MATCHED, WEAKER
from emomech.chapters.concentration.tables import ABLATED, LOG_ODDS
from emomech.figures.marks import UNIT, Layered, choice, colour, number, offset, only, rows, spans
from emomech.figures.palette import HIGHLIGHT, OTHER, SUPPORT_COLOURS

_TENS = alt.Axis(format="~g", values=[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
_AXES = ("place", "estimator", "features", "others")
_BLUE = "#0072b2"
_CURVE = 200
"""Height of the specification curve above the marks of its choices, in pixels."""


def specifications(table: pd.DataFrame) -> Layered:
    """Draw the specification curve: contrasts in order of size, and below them which choices made each."""
    shown = table.dropna(subset=["contrast"]).sort_values(["part", "contrast"])
    shown = shown.assign(order=shown.groupby("part").cumcount() + 1)
    kept = shown[["part", "order", *_AXES, "contrast", "low", "high"]]
    part = choice("part", list(dict.fromkeys(table.part)), WEAKER, "Part of the claim: ")
    choices = _choices(table)
    height = _CURVE + 20 + 16 * max(1, len(choices))
    base = alt.Chart(kept).transform_filter("datum.part === part")
    base = base.encode(x=alt.X("order:Q", axis=None, scale=alt.Scale(nice=False, zero=False, padding=4)))
    tips = [*(f"{axis}:N" for axis in _AXES), *map(number, ("contrast", "low", "high"))]
    above = alt.Scale(range=[_CURVE, 0])
    y = alt.Y("low:Q", title="contrast, as a share of the others' mean", scale=above, axis=alt.Axis(tickCount=6))
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6)
    zero = zero.encode(y=alt.Y("at:Q", scale=above), color=alt.value(OTHER))
    bars = base.mark_rule(opacity=0.45, color=_BLUE).encode(y=y, y2="high:Q", tooltip=tips)
    points = base.mark_point(size=14, color=_BLUE).encode(y=alt.Y("contrast:Q", scale=above), tooltip=tips)
    below = alt.Scale(domain=choices, range=[_CURVE + 20, height])
    axis = alt.Axis(orient="left", labelLimit=190)
    ticks = base.transform_fold(list(_AXES), as_=["axis", "choice"]).mark_tick(
        orient="vertical", thickness=1.5, size=9, color=_BLUE
    )
    marks = ticks.encode(y=alt.Y("choice:N", sort=choices, scale=below, title=None, axis=axis), tooltip=tips)
    curve = alt.layer(zero, bars, points)
    return (
        alt.layer(curve, marks)
        .resolve_scale(y="independent")
        .add_params(part)
        .properties(
            width="container",
            height=height,
            description="Specification curve: the contrast of the emotion with the others in every specification, in "
            "order of size, with 95 % intervals, and below it a mark for each choice that a specification makes.",
        )
    )


def _choices(table: pd.DataFrame) -> list[str]:
    """Every choice of the axes in the order of the table, hook points by depth."""
    places = [place for place in dict.fromkeys(table.place) if place != EVERYWHERE]
    others = [choice for axis in _AXES[1:] for choice in dict.fromkeys(table[axis])]
    return [*places, EVERYWHERE, *others]


def contrasts(table: pd.DataFrame) -> Layered:
    """Draw the median contrast of each emotion from the mean of the others, with the controls."""
    shown = table.dropna(subset=["contrast"])
    part = choice("part", list(dict.fromkeys(table.part)), WEAKER, "Part of the claim: ")
    order, colours = list(dict.fromkeys(shown.emotion)), only(SUPPORT_COLOURS, shown.condition)
    base = alt.Chart(shown).transform_filter("datum.part === part")
    base = base.encode(y=rows("emotion", order), yOffset=offset("condition", colours))
    title = "median contrast, as a share of the others' mean"
    chart = spans(base, "contrast", title, colour("condition", colours, columns=2), zero=True)
    return chart.add_params(part).properties(
        width="container",
        height=(14 * max(4, len(colours))) * max(1, len(order)),
        description="Median contrast of each emotion with the mean of the others over all specifications, with 95 % "
        "intervals, for its features and for the controls.",
    )


def depths(table: pd.DataFrame, emotion: str) -> Layered:
    """Draw a measure of every emotion by depth, with intervals for one of them."""
    measure = choice("measure", list(dict.fromkeys(table.measure)), COUNT, "Measure: ")
    table = table[table.place != EVERYWHERE]
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
