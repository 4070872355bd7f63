"""Charts of how often the rules err: error rates where a claim is false, and power where it is true."""

import altair as alt
import pandas as pd

from emomech.book.rule_bounds import OR_BETTER, REPLICATES
from emomech.chapters.criteria import POWER
from emomech.chapters.simulation import MOST_PARTLY, MOST_REPLICATES
from emomech.figures.marks import SHARE, Layered, choice, colour, number, offset, rows
from emomech.figures.palette import OTHER

_COLOURS = {REPLICATES: "#0072b2", OR_BETTER: "#d55e00"}
_LIMITS = {REPLICATES: MOST_REPLICATES, OR_BETTER: MOST_PARTLY}


def errors(rates: pd.DataFrame) -> Layered:
    """Draw for each claim the largest rates of *replicates* and of *partly* or better among its null worlds."""
    null = rates[(rates.world == "null") & rates.outcome.isin(list(_COLOURS))]
    worst = null.loc[null.groupby(["claim", "sizes", "outcome"], sort=False).rate.idxmax()]
    order = list(dict.fromkeys(rates.claim))
    most = max(0.2, float(worst.high.max()) if len(worst) else 0)
    tint, scale = colour("outcome", _COLOURS, columns=2), alt.Scale(domain=[0, most], clamp=True)
    tips = ["claim:N", "scenario:N", "outcome:N", *map(number, ("rate", "low", "high")), "n:Q"]
    base = alt.Chart(worst).transform_filter("datum.sizes === sizes")
    base = base.encode(y=rows("claim", order), yOffset=offset("outcome", _COLOURS), color=tint, tooltip=tips)
    bars = base.mark_rule(strokeWidth=2, opacity=0.6, clip=True).encode(
        x=alt.X("low:Q", title="share of studies without an effect", scale=scale, axis=SHARE), x2="high:Q"
    )
    limits = pd.DataFrame([{"outcome": name, "at": limit} for name, limit in _LIMITS.items()])
    lines = alt.Chart(limits).mark_rule(strokeDash=[4, 4], opacity=0.8).encode(x="at:Q", color=tint)
    drawn = alt.layer(lines, bars, base.mark_point().encode(x="rate:Q"))
    return drawn.add_params(_sizes()).properties(
        width="container",
        height=40 * max(1, len(order)),
        description="For each claim, the largest share of studies without an effect in which its rule says that the "
        "claim replicates, or holds at least partly, with exact 95 % intervals; dashed lines mark the largest shares "
        "that are allowed.",
    )


def power(curves: pd.DataFrame) -> Layered:
    """Draw for a claim that the reader chooses how often its rule shows a planted effect, by size of the effect."""
    claims = list(dict.fromkeys(curves.claim))
    base = alt.Chart(curves).transform_filter("datum.sizes === sizes && datum.claim === claim")
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("effect:Q", title="size of the planted effect", axis=alt.Axis(tickCount=5))
    tips = ["claim:N", "scenario:N", "effect:Q", *map(number, ("rate", "low", "high")), "n:Q"]
    base = base.encode(x=x, color=colour("outcome", _COLOURS, columns=2), detail="scenario:N", tooltip=tips)
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        y=alt.Y("low:Q", title="share of studies", scale=scale, axis=alt.Axis(format="%", tickCount=5)), y2="high:Q"
    )
    line = alt.Chart(pd.DataFrame({"at": [POWER]})).mark_rule(strokeDash=[4, 4], opacity=0.8)
    line = line.encode(y=alt.Y("at:Q", scale=scale), color=alt.value(OTHER))
    layered = alt.layer(line, base.mark_line().encode(y="rate:Q"), bars, base.mark_point().encode(y="rate:Q"))
    return layered.add_params(_sizes(), choice("claim", claims, "C1", "Claim: ")).properties(
        width="container",
        height=240,
        description="For the chosen claim, the share of studies with a planted effect in which its rule says that the "
        "claim replicates, or holds at least partly, by size of the effect; a dashed line marks four in five studies.",
    )


def _sizes() -> alt.Parameter:
    return choice("sizes", ["full", "quick"], "full", "Sizes: ")
