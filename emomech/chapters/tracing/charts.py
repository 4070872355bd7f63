"""Charts of how few features carry the prediction: curves over their number, single features, nodes, and phases."""

import altair as alt
import pandas as pd

from emomech.chapters.tracing.evidence import ENOUGH, FEATURES
from emomech.figures.marks import Layered, colour, number, offset, only, rows, spans
from emomech.figures.palette import NODE_COLOURS, TEXT_COLOURS, TRACED_COLOURS, VERIFIED_COLOURS

_GREY = "#8c8c8c"
_POWERS = alt.Axis(format=",d", values=[4**power for power in range(11)])
_BAND = 0.15


def needed(curves: pd.DataFrame, above_guess: float) -> Layered:
    """Draw the loss when the first k are ablated together; the dotted line is 80 % of the log-odds above guessing."""
    shown = curves[curves.edit == "ablated"]
    return alt.layer(
        _level(pd.Series([above_guess * ENOUGH])), _over_sizes(shown, "ablated together", "log-odds lost, nats")
    ).properties(
        width="container",
        height=320,
        description="Log-odds lost when the first k features are ablated together, with intervals, beside k matched "
        "features, residual dimensions, features ranked for shuffled labels, features that write no label, and "
        "random directions, in the model and in a network with random weights.",
    )


def other_edits(curves: pd.DataFrame, above_guess: float) -> Layered:
    """Draw the first features ablated in other ways, and all but the first k ablated at all hook points together."""
    shown = curves[curves.condition == FEATURES]
    base = alt.Chart(shown).encode(
        x=alt.X("k:Q", title="number of features", scale=alt.Scale(type="log", base=2, nice=False), axis=_POWERS),
        color=alt.Color("edit:N", legend=alt.Legend(symbolOpacity=1, columns=2)),
        tooltip=["edit:N", "k:Q", *map(number, ("value", "low", "high")), "n:Q"],
    )
    title = "log-odds lost or kept, nats"
    band = base.mark_area(opacity=_BAND).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
    line = base.mark_line(point=True).encode(y=alt.Y("value:Q", title=title))
    return alt.layer(_level(pd.Series([above_guess * ENOUGH])), band, line).properties(
        width="container",
        height=300,
        description="Log-odds lost when the first k features are ablated to their means, to zero or to random values, "
        "and log-odds kept when all others are ablated, with 95 % intervals.",
    )


def kept(table: pd.DataFrame, ranking: str) -> Layered:
    """Draw the accuracy that is kept with only k parts of one hook point, at the answer token."""
    shown = table[(table.ranking == ranking) & (table.measure == "accuracy") & (table.k > 0)]
    none = table[(table.ranking == ranking) & (table.measure == "accuracy") & (table.k == 0)]
    return alt.layer(_level(none.value), _over_sizes(shown, "kept alone", "accuracy")).properties(
        width="container",
        height=300,
        description="Accuracy when only k parts of one hook point are kept at the answer token, with 95 % intervals, "
        "for the ranked features and their controls; the dotted line is the accuracy with none.",
    )


def _over_sizes(shown: pd.DataFrame, what: str, title: str) -> Layered:
    base = alt.Chart(shown).encode(
        x=alt.X("k:Q", title=f"how many are {what}", scale=alt.Scale(type="log", base=2, nice=False), axis=_POWERS),
        color=colour("condition", only(TRACED_COLOURS, shown.condition), columns=2),
        tooltip=["condition:N", "k:Q", *map(number, ("value", "low", "high")), "n:Q"],
    )
    band = base.mark_area(opacity=_BAND).encode(y=alt.Y("low:Q", title=title), y2="high:Q")
    line = base.mark_line(point=True).encode(y=alt.Y("value:Q", title=title))
    return alt.layer(band, line)


def _level(value: pd.Series) -> alt.Chart:
    rule = alt.Chart(pd.DataFrame({"at": value.astype(float)})).mark_rule(strokeDash=[2, 3], opacity=0.8)
    return rule.encode(y="at:Q", color=alt.value(_GREY))


def leads(table: pd.DataFrame, part: str, ranking: str) -> Layered:
    """Draw how much more of the whole the features reach than the same number of other parts."""
    shown = table[(table.part == part) & (table.condition == ranking)].dropna(subset=["difference"])
    order, colours = list(dict.fromkeys(shown.baseline)), only(TEXT_COLOURS, shown.texts)
    base = alt.Chart(shown).encode(y=rows("baseline", order), yOffset=offset("texts", colours))
    chart = spans(base, "difference", "share of the whole, beyond", colour("texts", colours), zero=True, more=("k",))
    return chart.properties(
        width="container",
        height=46 * max(1, len(order)),
        description="Share of the whole that the first features reach, minus what the same number of other parts "
        "reaches, with 95 % intervals, over all texts and over those that the model gets right.",
    )


def singles(table: pd.DataFrame) -> Layered:
    """Draw the exact loss of each feature that is ablated alone against the estimate of the screen."""
    axis = alt.Axis(format="~g", values=[-1, -0.1, 0, 0.1, 1])
    scale = alt.Scale(type="symlog", constant=0.05)
    base = alt.Chart(table).encode(
        x=alt.X("estimate:Q", title="estimate of the screen, nats", scale=scale, axis=axis),
        color=colour("kind", only(VERIFIED_COLOURS, table.kind)),
        tooltip=["hook_point:N", "feature:Q", "kind:N", *map(number, ("estimate", "loss", "low", "high", "q"))],
    )
    loss = alt.Y("loss:Q", title="exact loss, nats", scale=scale, axis=axis)
    bars = base.mark_rule(opacity=0.4).encode(
        y=alt.Y("low:Q", scale=scale, axis=axis, title="exact loss, nats"), y2="high:Q"
    )
    line = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(y="at:Q", color=alt.value(_GREY))
    return alt.layer(line, bars, base.mark_point().encode(y=loss)).properties(
        width="container",
        height=300,
        description="Log-odds lost when a feature is ablated alone, with 95 % intervals, against the estimate of the "
        "gradient screen, for the features that the screen ranks first at each hook point and for others at random.",
    )


def nodes(table: pd.DataFrame) -> Layered:
    """Draw the loss at each hook point without the SAE's error, all features, or the whole activation."""
    order, colours = list(dict.fromkeys(table.hook_point)), only(NODE_COLOURS, table.node)
    shown = table.assign(place=table.hook_point.str.replace(".hook_", ", ", regex=False))
    base = alt.Chart(shown).encode(y=rows("place", [name.replace(".hook_", ", ") for name in order]))
    chart = spans(
        base.encode(yOffset=offset("node", colours)), "loss", "log-odds lost, nats", colour("node", colours), zero=True
    )
    return chart.properties(
        width="container",
        height=44 * max(1, len(order)),
        description="Log-odds lost at each hook point when what the SAE does not explain, all of its features, or "
        "the whole activation goes to its mean, with 95 % intervals.",
    )


def phases(table: pd.DataFrame) -> Layered:
    """Draw the loss without the first features of each phase, beside matched features."""
    places = [f"phase {phase}, from depth {start:.2f}" for phase, start in zip(table.phase, table.start, strict=True)]
    shown = table.assign(place=places)
    order, colours = list(dict.fromkeys(shown.place)), only(TRACED_COLOURS, shown.condition)
    base = alt.Chart(shown).encode(y=rows("place", order), yOffset=offset("condition", colours))
    chart = spans(
        base, "loss", "log-odds lost, nats", colour("condition", colours), zero=True, more=("n_first", "n_alive")
    )
    return chart.properties(
        width="container",
        height=56 * max(1, len(order)),
        description="Log-odds lost when the first features of one phase are ablated, with 95 % intervals, beside the "
        "same number of matched features.",
    )
