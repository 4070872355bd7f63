"""Figures of how the features of an emotion change if it is rare in training."""

import altair as alt
import pandas as pd

from emomech.causal.concentration import EFFECTIVE
from emomech.figures.marks import Layered, choice, colour, offset, only, rows, spans
from emomech.figures.palette import SCARCITY_COLOURS

_PERCENT = "format(datum.value, '.0%')"


def models(table: pd.DataFrame, emotion: str) -> Layered:
    """Draw a measure of one emotion in every model, in rows by the emotion's share of the answers in training."""
    shown = table.dropna(subset=["value"])
    base = alt.Chart(shown).transform_filter("datum.measure === measure && datum.emotion === emotion")
    share = alt.Y("share:O", title=None, axis=alt.Axis(labelExpr=_PERCENT))
    base = base.encode(y=share, yOffset=alt.YOffset("model:N"))
    drawn = spans(base, "value", "value of the measure", {"value": "#0072b2"}, more=("model",))
    params = (
        choice("emotion", list(dict.fromkeys(table.emotion)), emotion, "Emotion: "),
        choice("measure", list(dict.fromkeys(table.measure)), EFFECTIVE, "Measure: "),
    )
    return drawn.add_params(*params).properties(
        width="container",
        height=260,
        description="A measure of the causal features of the selected emotion in every model, with 95 % intervals, in "
        f"rows by the emotion's share of the answers in training. The first selection is {emotion}.",
    )


def contrasts(table: pd.DataFrame) -> Layered:
    """Draw the change due to scarcity, for the scarce emotion, for the others, and their difference."""
    shown = table.dropna(subset=["difference"])
    shown = shown.assign(
        made=[f"{name} at {share:.0%}" for name, share in zip(shown.emotion, shown.share, strict=True)]
    )
    order, colours = list(dict.fromkeys(shown.made)), only(SCARCITY_COLOURS, shown.who)
    base = alt.Chart(shown).transform_filter("datum.measure === measure")
    base = base.encode(y=rows("made", order), yOffset=offset("who", colours))
    drawn = spans(base, "difference", "scarce minus frequent", colour("who", colours, columns=2), zero=True)
    return drawn.add_params(choice("measure", list(dict.fromkeys(table.measure)), EFFECTIVE, "Measure: ")).properties(
        width="container",
        height=64 * max(1, len(order)),
        description="Change of the selected measure of causal features from models in which an emotion is frequent to "
        "models in which it is scarce, for this emotion, for the other emotions, and their difference, with 95 % "
        "intervals over seeds.",
    )
