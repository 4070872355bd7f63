"""Figures of how the embedded model learned: accuracy by kind of question, loss and learning rate against tokens.

Tokens are on a logarithmic scale, because the phases of drills, in which attention learns to bind, are short.
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
"""Accuracy of guessing among all emotions, and among the emotions of two persons."""
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
"""Kind of answer -> name in the figure. Kinds that are not listed are not drawn."""


def learning(table: pd.DataFrame, phases: pd.DataFrame) -> Layered:
    """Draw accuracy by kind of answer against tokens seen, in a style that the reader selects, with the phases."""
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
            description="Share of right answers by kind of question against tokens seen, on new training texts. "
            "Vertical lines separate the phases of the curriculum; horizontal lines show the accuracy of guessing.",
        )
    )


def styles(table: pd.DataFrame, phases: pd.DataFrame) -> Layered:
    """Draw accuracy by style against tokens seen, for a kind of answer that the reader selects, with the phases."""
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
            description="Share of right answers in stories, diaries and dialogues against tokens seen, for the "
            "selected kind of text, on new training texts.",
        )
    )


def _learned(table: pd.DataFrame) -> pd.DataFrame:
    """Combine kinds of answers by `_KINDS`, and add a style for all styles together."""
    kind = table.kind.map(_KINDS)
    styled = table.assign(kind=kind, style=table["style"].fillna("")).dropna(subset="kind")
    both = pd.concat([styled, styled[styled["style"] != ""].assign(style=ALL)])
    counts = both.groupby(["step", "phase", "tokens", "kind", "style"], as_index=False)[["right", "n"]].sum()
    return counts.assign(accuracy=counts.right / counts.n)


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
    """Vertical lines with the names of the phases, and horizontal lines at the accuracy of guessing."""
    guess = pd.DataFrame({"guess": list(GUESS), "at": list(GUESS.values())})
    level = alt.Chart(guess).mark_rule(strokeDash=[3, 4], color="#8c8c8c", opacity=0.8)
    return [
        *_phases(shown, phases),
        level.encode(y=alt.Y("at:Q"), tooltip=["guess", alt.Tooltip("at:Q", format=".2f")]),
    ]


def _phases(shown: pd.DataFrame, phases: pd.DataFrame) -> list[alt.Chart]:
    least = float(shown.tokens.min()) if len(shown) else 1.0
    shown_phases = phases[phases.last_token > least]
    shown_phases = shown_phases.assign(tokens=shown_phases.first_token.clip(lower=least).astype(float))
    base = alt.Chart(shown_phases).encode(x=_tokens(shown))
    rules = base.mark_rule(color="#8c8c8c", opacity=0.7).encode(tooltip=["phase", "steps", "solved"])
    names = base.mark_text(angle=270, align="left", baseline="top", dx=4, dy=4, fontSize=11)
    return [rules, names.encode(y=alt.value("height"), text="phase")]


def _tokens(shown: pd.DataFrame) -> alt.X:
    least, most = (float(shown.tokens.min()), float(shown.tokens.max())) if len(shown) else (1.0, 10.0)
    ticks = [m * 10.0**e for e in range(12) for m in (1, 3) if least <= m * 10.0**e <= most]
    scale = alt.Scale(type="log", domain=[least, most * 1.02], nice=False)
    return alt.X("tokens:Q", title="tokens seen (logarithmic)", scale=scale, axis=alt.Axis(values=ticks, format="~s"))


def losses(table: pd.DataFrame, phases: pd.DataFrame) -> Layered:
    """Draw the loss against tokens seen, and the learning rate on a second axis, with the phases."""
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
            description="Loss in nats per token (solid) and learning rate (dashed) against tokens seen. The weights of "
            "tokens differ between phases, so the loss may jump at the beginning of a phase.",
        )
    )
