"""Charts of single features: what ablating each one costs the emotion that it supports, and the other emotions.

Every mark of a feature links to its card on the same page.
"""

import re

import altair as alt
import pandas as pd

from emomech.chapters.causal_features.analysis import CAUSAL, MATCHED
from emomech.figures.marks import UNIT, Layered, choice, colour, number
from emomech.figures.palette import emotion_colours

_GREY = "#8c8c8c"
_NATS = alt.Axis(format="~r", values=[-1, -0.1, 0, 0.1, 1, 10])
_SCALE = alt.Scale(type="symlog", constant=0.05)
_ALL = "all emotions"


def anchor(hook_point: str, feature: int) -> str:
    """Address of a feature's card on its page."""
    return f"feature-{_word(hook_point)}-{feature}"


def layer_anchor(hook_point: str) -> str:
    """Address of the features of a hook point on their page."""
    return f"features-{_word(hook_point)}"


def _word(hook_point: str) -> str:
    return re.sub("[^a-z0-9]+", "-", hook_point.lower())


def short_name(hook_point: str, feature: int) -> str:
    """Name a feature by block and number, and by its site unless that is the block's output."""
    block, site = re.sub(r"^blocks\.", "", hook_point).split(".", 1)
    site = site.removeprefix("hook_")
    return f"{block}/{feature}" if site == "resid_post" else f"{block}/{feature} {site}"


def depths(effects: pd.DataFrame) -> Layered:
    """Draw what ablating each feature costs its own emotion, by depth, beside matched features."""
    on_own_texts = _named(effects[effects.own.astype(bool)])
    colours = emotion_colours(effects.emotion)
    chosen = choice("shown", [_ALL, *colours], _ALL, "Features of: ")
    base = alt.Chart(on_own_texts).encode(
        x=alt.X("depth:Q", title="depth (0 embedding, 1 last block)", scale=alt.Scale(domain=[0, 1]), axis=UNIT),
        tooltip=["name:N", "emotion:N", "condition:N", *map(number, ("loss", "low", "high")), "n:Q"],
        opacity=alt.condition(f"shown === '{_ALL}' || datum.emotion === shown", alt.value(0.95), alt.value(0.08)),
    )
    title = "log-odds lost by its emotion, nats"
    loss = alt.Y("loss:Q", title=title, scale=_SCALE, axis=_NATS)
    low = alt.Y("low:Q", title=title, scale=_SCALE, axis=_NATS)
    theirs = base.transform_filter(alt.datum.condition == MATCHED)
    ours = base.transform_filter(alt.datum.condition == CAUSAL).encode(color=colour("emotion", colours))
    grey = alt.value(_GREY)
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(y="at:Q", color=grey)
    return (
        alt.layer(
            zero,
            theirs.mark_point(filled=False, size=40).encode(y=loss, color=grey),
            ours.mark_rule(strokeWidth=2).encode(y=low, y2="high:Q"),
            ours.mark_point(size=80, cursor="pointer").encode(y=loss, href="card:N"),
        )
        .add_params(chosen)
        .properties(
            width="container",
            height=320,
            description="Log-odds that the texts of an emotion lose when one feature that supports it is ablated, with "
            "95 % intervals, by the depth of the feature; hollow and grey: features matched to them.",
        )
    )


def emotions(effects: pd.DataFrame) -> Layered:
    """Draw what ablating each feature costs every emotion."""
    shown = _named(effects[effects.condition == CAUSAL])
    order, names = list(dict.fromkeys(shown.name)), list(emotion_colours(effects.emotion))
    most = max(0.1, float(shown.loss.abs().max())) if len(shown) else 1.0
    base = alt.Chart(shown).encode(
        x=alt.X("emotion:N", sort=names, title=None, axis=alt.Axis(orient="top", labelAngle=-40, labelLimit=80)),
        y=alt.Y("name:N", sort=order, title=None),
        tooltip=["name:N", "emotion:N", *map(number, ("loss", "low", "high", "q")), "n:Q"],
        href="card:N",
    )
    strength = alt.Opacity("size:Q", scale=alt.Scale(domain=[0, most], range=[0.04, 1]), legend=None)
    sign = alt.condition(alt.datum.loss < 0, alt.value("#d55e00"), alt.value("#0072b2"))
    cells = base.mark_rect(cursor="pointer").encode(opacity=strength, color=sign)
    written = base.transform_filter(f"datum.size >= {most / 100}").mark_text(fontSize=10.5, cursor="pointer")
    written = written.encode(
        text=alt.Text("loss:Q", format=".1f"), color=alt.when(f"datum.size > {most / 2}").then(alt.value("white"))
    )
    return alt.layer(cells, written).properties(
        width="container",
        height=22 * max(1, len(order)),
        description="Log-odds that the texts of each emotion lose when one feature is ablated, for each feature: blue "
        "if the ablation lowers the log-odds, orange if it raises them.",
    )


def _named(effects: pd.DataFrame) -> pd.DataFrame:
    places = list(zip(effects.hook_point, effects.feature, strict=True))
    return effects.assign(
        name=[short_name(*place) for place in places],
        card=[f"#{anchor(*place)}" for place in places],
        size=effects.loss.abs(),
    )
