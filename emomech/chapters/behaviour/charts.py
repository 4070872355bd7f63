"""Figures of how well the model names emotions: accuracy, recall, confusion and calibration."""

import altair as alt
import pandas as pd

from emomech.figures.marks import SHARE, Layered, colour, intervals, offset, only, rows
from emomech.figures.palette import PREDICTOR_COLOURS


def accuracy(table: pd.DataFrame) -> Layered:
    """Draw balanced accuracy per group of texts, of the model and its baselines, with chance."""
    order = list(dict.fromkeys(table.group))
    base = alt.Chart(table).encode(y=rows("group", order), yOffset=offset("predictor", PREDICTOR_COLOURS))
    chance = alt.Chart(table).mark_tick(thickness=2, height=24, opacity=0.6)
    chance = chance.encode(y=rows("group", order), x="chance", color=alt.value("#8c8c8c"))
    return intervals(
        base, "balanced_accuracy", "balanced accuracy", colour("predictor", PREDICTOR_COLOURS), chance
    ).properties(
        height=max(120, 46 * len(order)),
        description="Balanced accuracy of the model and its baselines with 95 % intervals, on all texts and in each "
        "group of texts; a grey tick marks chance.",
    )


def emotions(table: pd.DataFrame) -> Layered:
    """Draw the recall of each emotion, of the model and of the bag-of-words baseline."""
    order = list(dict.fromkeys(table.emotion))
    base = alt.Chart(table).encode(y=rows("emotion", order), yOffset=offset("predictor", PREDICTOR_COLOURS))
    return intervals(
        base, "recall", "recall", colour("predictor", only(PREDICTOR_COLOURS, table.predictor))
    ).properties(
        height=34 * len(order),
        description="Recall of each emotion with 95 % intervals, for the model and for a bag-of-words classifier.",
    )


def confusion(table: pd.DataFrame) -> Layered:
    """Draw the confusion matrix: which label the model chooses for the texts of each emotion."""
    order = list(dict.fromkeys(table.gold))
    base = alt.Chart(table).encode(
        x=alt.X("predicted:N", sort=order, title="chosen", axis=alt.Axis(orient="top", labelAngle=-40, labelLimit=80)),
        y=alt.Y("gold:N", sort=order, title=None),
        tooltip=["gold", "predicted", alt.Tooltip("share", format=".0%"), "n"],
    )
    cells = base.mark_rect(color=PREDICTOR_COLOURS["model"]).encode(
        opacity=alt.Opacity("share:Q", scale=alt.Scale(domain=[0, 1], range=[0.05, 1]), legend=None)
    )
    shares = base.transform_filter(alt.datum.share >= 0.005).mark_text(fontSize=11)
    shares = shares.encode(
        text=alt.Text("share:Q", format=".0%"), color=alt.when(alt.datum.share > 0.5).then(alt.value("white"))
    )
    return alt.layer(cells, shares).properties(
        width="container",
        height=38 * len(order),
        description="Confusion matrix: each row shows how often the model chooses each label for texts of one emotion.",
    )


def calibration(table: pd.DataFrame) -> Layered:
    """Draw accuracy against confidence in tenths of the texts; points of a calibrated model lie on the diagonal."""
    diagonal = alt.Chart(pd.DataFrame({"at": [0.0, 1.0]})).mark_line(strokeDash=[4, 4], color="#8c8c8c", strokeWidth=1)
    base = alt.Chart(table).encode(
        x=alt.X("confidence:Q", title="confidence", scale=alt.Scale(domain=[0, 1]), axis=SHARE),
        tooltip=["bin", alt.Tooltip("confidence", format=".2f"), alt.Tooltip("accuracy", format=".2f"), "n"],
    )
    colour = alt.value(PREDICTOR_COLOURS["model"])
    bars = base.mark_rule().encode(y=alt.Y("low:Q", title="accuracy", axis=SHARE), y2="high:Q", color=colour)
    points = base.mark_point().encode(y="accuracy:Q", color=colour)
    return alt.layer(diagonal.encode(x="at:Q", y="at:Q"), bars, points).properties(
        width="container",
        height=280,
        description="Reliability diagram: share of right answers against mean confidence, in ten groups with the same "
        "number of texts.",
    )
