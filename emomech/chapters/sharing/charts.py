"""Figures of how many emotions features belong to, which emotions share features, and what shared features follow."""

import altair as alt
import pandas as pd

from emomech.figures.marks import SHARE, UNIT, Layered, colour, intervals, number, offset, only, rows
from emomech.figures.palette import CONDITION_COLOURS, SHARING_COLOURS

"""Colour of every condition."""
_ALL = "all features"


def _of(table: pd.DataFrame, evidence: str) -> pd.DataFrame:
    rows_of = table[table.evidence == evidence]
    return rows_of[rows_of.features == _ALL] if "features" in rows_of else rows_of


def _percent(table: pd.DataFrame) -> pd.DataFrame:
    """Convert shares, which are small, to per cent."""
    ends = [name for name in ("share", "low", "high", "expected", "expected_low", "expected_high") if name in table]
    return table.assign(**{name: 100 * table[name].astype(float) for name in ends})


def numbers(table: pd.DataFrame, evidence: str) -> Layered:
    """Draw the share of features of one emotion, of two, …, and the expected share under independent choice."""
    shown = _percent(_of(table, evidence))
    nonzero = shown[(shown.high > 0) | (shown.expected_high > 0)]
    shown = shown[shown.emotions <= max([2, *nonzero.emotions])]
    most = max([1, *shown.high.dropna(), *shown.expected_high.dropna()])
    colours = only(CONDITION_COLOURS, shown.condition)
    base = alt.Chart(shown).encode(
        y=alt.Y("emotions:O", title=None, axis=alt.Axis(labelExpr="'of ' + datum.label")),
        yOffset=offset("condition", colours),
    )
    scale = alt.Scale(domain=[0, most])
    expected = base.mark_bar(height=3, opacity=0.35, color="#777").encode(
        x=alt.X("expected_low:Q", scale=scale), x2="expected_high:Q"
    )
    drawn = intervals(base, "share", "features, %", colour("condition", colours, 2), expected, most=most)
    return drawn.properties(
        height=60 * max(1, shown.emotions.nunique()),
        description="Share of the features that belong to one emotion, to two, and so on, with 95 % intervals, in the "
        f"trained model and in controls; grey bars: expected share under independent choice. Evidence: {evidence}.",
    )


def specific(table: pd.DataFrame, evidence: str) -> Layered:
    """Draw the share of features that belong to one emotion only, for every emotion."""
    shown = _percent(_of(table, evidence))
    order = list(dict.fromkeys(shown.emotion))
    colours = only(CONDITION_COLOURS, shown.condition)
    base = alt.Chart(shown).encode(y=rows("emotion", order), yOffset=offset("condition", colours))
    most = max([1, *shown.high.dropna()])
    return intervals(base, "share", "features, %", colour("condition", colours, 2), most=most).properties(
        height=48 * max(1, len(order)),
        description="Share of the features that belong to one emotion only, for every emotion, with 95 % intervals, "
        f"in the trained model and in controls. Evidence: {evidence}.",
    )


def depths(table: pd.DataFrame, evidence: str) -> Layered:
    """Draw the share of features of one emotion and of several by depth, with a control that the reader selects."""
    shown = _of(table, evidence)
    options = [name for name in dict.fromkeys(shown.condition) if name != "trained"]
    choice = alt.binding_select(options=options, name="Control (dashed): ")
    control = alt.param(name="control", value="random weights", bind=choice)
    base = alt.Chart(shown).encode(
        x=alt.X("depth:Q", title="depth (0 embedding, 1 last block)", scale=alt.Scale(domain=[0, 1]), axis=UNIT),
        color=colour("kind", only(SHARING_COLOURS, shown.kind)),
        tooltip=["condition:N", "kind:N", "hook_point:N", *map(number, ("share", "low", "high")), "n:Q"],
    )
    share = alt.Y("share:Q", title="share of active features", axis=SHARE)
    trained = base.transform_filter(alt.datum.condition == "trained")
    band = trained.mark_area(opacity=0.18).encode(y=alt.Y("low:Q"), y2="high:Q")
    dashed = base.transform_filter("datum.condition === control").mark_line(strokeDash=[5, 4], opacity=0.75)
    lines = (dashed.encode(y=share), trained.mark_line(point=True, strokeWidth=2.5).encode(y=share))
    return (
        alt.layer(band, *lines)
        .add_params(control)
        .properties(
            width="container",
            height=280,
            description="Share of active features that belong to one emotion and to several, by depth, with 95 % "
            f"intervals; dashed lines: the selected control. Evidence: {evidence}.",
        )
    )


def pairs(table: pd.DataFrame, evidence: str) -> alt.Chart:
    """Draw the overlap of every two emotions beyond independent choice, in the trained model."""
    shown = _of(table[table.condition == "trained"], evidence)
    order = list(dict.fromkeys([*shown.emotion, *shown.other]))
    mirrored = shown.rename(columns={"emotion": "other", "other": "emotion"})
    both = pd.concat([shown, mirrored], ignore_index=True)
    reach = max([0.05, *both.excess.astype(float).abs().dropna()])
    return (
        alt.Chart(both)
        .mark_rect()
        .encode(
            x=alt.X("other:N", sort=order, title=None, axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("emotion:N", sort=order, title=None),
            color=alt.Color(
                "excess:Q",
                scale=alt.Scale(scheme="blueorange", domain=[-reach, 0, reach]),
                legend=alt.Legend(title="excess overlap", gradientLength=140, format=".1f"),
            ),
            tooltip=["emotion:N", "other:N", "valence:N", *map(number, ("jaccard", "excess", "low", "high")), "n:Q"],
        )
        .properties(
            width="container",
            height=34 * max(1, len(order)),
            description="Overlap of the features of every two emotions, minus the overlap under independent "
            f"choice. Evidence: {evidence}.",
        )
    )


def axes(table: pd.DataFrame) -> Layered:
    """Draw how well shared features follow each axis, and the range of fits with exchanged emotion names."""
    shown = table[(table.untested.fillna("") == "") & table.fit.notna()].copy()
    shown["row"] = shown.axis.astype(str) + ", " + shown.evidence.astype(str)
    order = sorted(set(shown.row), reverse=True)
    colours = only(CONDITION_COLOURS, shown.condition)
    base = alt.Chart(shown).encode(y=rows("row", order), yOffset=offset("condition", colours))
    title = "mean squared correlation"
    return intervals(base, "fit", title, colour("condition", colours, 2)).properties(
        height=64 * max(1, len(order)),
        description="How well shared features follow valence and arousal from emotion to emotion (points), and the "
        "range that holds 95 % of the fits with exchanged emotion names (bars), in the trained model and in controls.",
    )
