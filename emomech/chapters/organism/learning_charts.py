"""Pictures of how the embedded model learned: accuracy per kind of question, loss and learning rate against tokens.

Tokens are drawn on a logarithmic scale, because the phases of drills, in which attention learns to bind, are short.
"""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from emomech.data.grammar.vignettes import CONFLICT, PAIR, STYLES
from emomech.figures.marks import SHARE, Layered, colour, number, only
from emomech.figures.palette import KIND_COLOURS, PREDICTOR_COLOURS, STYLE_COLOURS
from emomech.organism.curriculum import WORTH

ALL = "all"
GUESS = {"one of seven": 1 / 7, "one of two": 1 / 2}
"""What guessing gets right: among all emotions, and among the two that two persons feel."""
_KINDS: Mapping[str, str] = {
    "recall": "recall",
    "one person": "one person",
    "two persons, same emotion": "two, no conflict",
    "two persons, one calm": "two, no conflict",
    CONFLICT: "two, conflict",
    PAIR: "minimal pair",
    WORTH: "worth of an event",
    "who did it": "who did it",
    "who had it": "who did it",
}
"""Kinds of answers as drawn. Left out are names that a verb may follow as well, and what a drill has just told."""


def learning(table: pd.DataFrame, phases: pd.DataFrame) -> Layered:
    """Draw accuracy per kind of answer against tokens seen, in a style that the reader chooses, with the phases."""
    shown = _learned(table)
    style = alt.param(
        name="style",
        value=ALL,
        bind=alt.binding_select(options=[ALL, *only(STYLE_COLOURS, shown["style"])], name="Style: "),
    )
    lines = _lines(shown, "kind", only(KIND_COLOURS, shown.kind))
    lines = lines.transform_filter("datum.style === style || datum.style === ''")
    return (
        alt.layer(*_marks(shown, phases), lines)
        .add_params(style)
        .properties(
            width="container",
            height=320,
            description="Share of right answers per kind of question against tokens seen, on lessons never seen "
            "before; upright lines part the phases of the curriculum, level lines are what guessing gives.",
        )
    )


def styles(table: pd.DataFrame, phases: pd.DataFrame) -> Layered:
    """Draw accuracy per style against tokens seen, of a kind of answer that the reader chooses, with the phases."""
    shown = _learned(table)
    shown = shown[shown["style"].isin(STYLES)]
    names = list(only(KIND_COLOURS, shown.kind))
    start = "two, conflict" if "two, conflict" in names else next(iter(names), "")
    kind = alt.param(name="kind", value=start, bind=alt.binding_select(options=names, name="Kind of text: "))
    lines = _lines(shown, "style", only(STYLE_COLOURS, shown["style"])).transform_filter("datum.kind === kind")
    return (
        alt.layer(*_marks(shown, phases), lines)
        .add_params(kind)
        .properties(
            width="container",
            height=280,
            description="Share of right answers in stories, diaries and dialogues against tokens seen, for one kind of "
            "text, on lessons never seen before.",
        )
    )


def _learned(table: pd.DataFrame) -> pd.DataFrame:
    """Gather kinds of answers into few, and styles into one more that is all of them."""
    kind = table.kind.map(_KINDS)
    styled = table.assign(kind=kind, style=table["style"].fillna("")).dropna(subset="kind")
    both = pd.concat([styled, styled[styled["style"] != ""].assign(style=ALL)])
    found = both.groupby(["step", "phase", "tokens", "kind", "style"], as_index=False)[["right", "n"]].sum()
    return found.assign(accuracy=found.right / found.n)


def _lines(shown: pd.DataFrame, column: str, colours: Mapping[str, str]) -> alt.Chart:
    tips = [column, "phase", "step", alt.Tooltip("tokens:Q", format=",")]
    return (
        alt.Chart(shown)
        .mark_line(strokeWidth=2, point={"size": 18})
        .encode(
            x=_tokens(shown),
            y=alt.Y("accuracy:Q", title="right answers", scale=alt.Scale(domain=[0, 1]), axis=SHARE),
            color=colour(column, colours, columns=2),
            tooltip=[*tips, alt.Tooltip("accuracy:Q", format=".2f"), "n"],
        )
    )


def _marks(shown: pd.DataFrame, phases: pd.DataFrame) -> list[alt.Chart]:
    """Part the phases by upright lines with their names, and draw what guessing gives."""
    guess = pd.DataFrame({"guess": list(GUESS), "at": list(GUESS.values())})
    level = alt.Chart(guess).mark_rule(strokeDash=[3, 4], color="#8c8c8c", opacity=0.8)
    return [
        *_phases(shown, phases),
        level.encode(y=alt.Y("at:Q"), tooltip=["guess", alt.Tooltip("at:Q", format=".2f")]),
    ]


def _phases(shown: pd.DataFrame, phases: pd.DataFrame) -> list[alt.Chart]:
    least = float(shown.tokens.min()) if len(shown) else 1.0
    begun = phases[phases.last_token > least]
    begun = begun.assign(tokens=begun.first_token.clip(lower=least).astype(float))
    base = alt.Chart(begun).encode(x=_tokens(shown))
    rules = base.mark_rule(color="#8c8c8c", opacity=0.7).encode(tooltip=["phase", "steps", "solved"])
    names = base.mark_text(angle=270, align="left", baseline="top", dx=4, dy=4, fontSize=11)
    return [rules, names.encode(y=alt.value("height"), text="phase")]


def _tokens(shown: pd.DataFrame) -> alt.X:
    least, most = (float(shown.tokens.min()), float(shown.tokens.max())) if len(shown) else (1.0, 10.0)
    ticks = [m * 10.0**e for e in range(12) for m in (1, 3) if least <= m * 10.0**e <= most]
    scale = alt.Scale(type="log", domain=[least, most * 1.02], nice=False)
    return alt.X("tokens:Q", title="tokens seen (logarithmic)", scale=scale, axis=alt.Axis(values=ticks, format="~s"))


def losses(table: pd.DataFrame, phases: pd.DataFrame) -> Layered:
    """Draw the loss against tokens seen, and the learning rate on a scale of its own, with the phases."""
    base = alt.Chart(table).encode(
        x=_tokens(table),
        tooltip=[
            "phase",
            "step",
            alt.Tooltip("tokens:Q", format=","),
            number("loss"),
            alt.Tooltip("rate:Q", format=".1e"),
        ],
    )
    right = alt.Axis(orient="right", format="~e", titleAlign="right", titleX=0, titleY=-8, grid=False, tickCount=4)
    zero = alt.Scale(zero=True, nice=True)
    rate = base.mark_line(strokeDash=[5, 4], strokeWidth=1.5, color="#8c8c8c")
    rate = rate.encode(y=alt.Y("rate:Q", title="learning rate (dashed)", scale=zero, axis=right))
    loss = base.mark_line(strokeWidth=2, color=PREDICTOR_COLOURS["model"])
    loss = loss.encode(y=alt.Y("loss:Q", title="loss, nats", scale=zero, axis=alt.Axis(tickCount=5)), detail="phase:N")
    return (
        alt.layer(alt.layer(*_phases(table, phases), loss), rate)
        .resolve_scale(y="independent")
        .properties(
            width="container",
            height=240,
            description="Loss in nats per token, and learning rate, dashed, against tokens seen. Phases weigh tokens "
            "differently, so the loss may jump where one begins.",
        )
    )
