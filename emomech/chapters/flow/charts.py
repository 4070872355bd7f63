"""Figures of the depth of each stage: profiles, families, centres of gravity and phases."""

import altair as alt
import pandas as pd

from emomech.figures.marks import SHARE, UNIT, Layered, at, colour, intervals, number, offset, only, rows
from emomech.figures.palette import PLACE_COLOURS, STAGE_COLOURS

_LOG = alt.Axis(format="~g", values=[1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01])


def stages(table: pd.DataFrame, where: str) -> Layered:
    """Draw each stage's profile in depth at one place, and that of a control that the reader selects."""
    shown = at(table, where)
    controls = [name for name in dict.fromkeys(table.condition) if name != "trained"]
    control = alt.param(
        name="control",
        value="random weights",
        bind=alt.binding_select(options=controls, name="Control (dashed): "),
    )
    base = alt.Chart(shown).encode(
        x=alt.X("depth:Q", title="depth (0 embedding, 1 last block)", scale=alt.Scale(domain=[0, 1]), axis=UNIT),
        color=colour("stage", only(STAGE_COLOURS, shown.stage)),
        tooltip=["condition", "stage", number("depth"), *map(number, ("explained", "low", "high", "chance"))],
    )
    share = alt.Y("explained:Q", title="share of variance explained", axis=SHARE)
    trained = base.transform_filter(alt.datum.condition == "trained")
    band = trained.mark_area(opacity=0.18).encode(y=alt.Y("low:Q"), y2="high:Q")
    line = trained.mark_line(point=True, strokeWidth=2.5).encode(y=share)
    dashed = (
        base.transform_filter("datum.condition === control").mark_line(strokeDash=[5, 4], opacity=0.75).encode(y=share)
    )
    return (
        alt.layer(band, dashed, line)
        .add_params(control)
        .properties(
            width="container",
            height=300,
            description=f"Share of the SAE features' variance that each stage explains, by depth, read at the "
            f"{where}. Solid lines: trained model, with 95 % intervals; dashed lines: the selected control.",
        )
    )


def families(table: pd.DataFrame, where: str) -> alt.Chart:
    """Draw what every family explains at every hook point of the trained model."""
    shown = at(table[table.condition == "trained"], where)
    order = list(dict.fromkeys(shown.family))
    return (
        alt.Chart(shown)
        .mark_rect()
        .encode(
            x=alt.X("depth:O", title="depth", axis=alt.Axis(format=".3~f", labelAngle=0, labelOverlap=True)),
            y=alt.Y("family:N", sort=order, title=None),
            color=alt.Color(
                "explained:Q",
                scale=alt.Scale(scheme="viridis", domain=[0, _largest(shown)], clamp=True),
                legend=alt.Legend(title="share explained", format="%", gradientLength=140),
            ),
            tooltip=["hook_point", "family", "stage", number("explained")],
        )
        .properties(
            width="container",
            height=34 * max(1, len(order)),
            description=f"Share of the features' variance that each label family explains, by depth, read at the "
            f"{where}.",
        )
    )


def _largest(shown: pd.DataFrame) -> float:
    """End of the colour scale; token identity explains many times as much as all other families, and is cut off."""
    of_stages = shown[shown.stage != "lexical"].explained
    return max(0.02, float(of_stages.max())) if len(of_stages) else 1.0


def centres(table: pd.DataFrame, where: str) -> Layered:
    """Draw each stage's depth centre of gravity in the model and in the controls."""
    shown = at(table, where)
    order = list(dict.fromkeys(shown.condition))
    colours = only(STAGE_COLOURS, shown.stage)
    base = alt.Chart(shown).encode(y=rows("condition", order), yOffset=offset("stage", colours))
    return intervals(base, "centre", "depth centre of gravity", colour("stage", colours)).properties(
        height=56 * max(1, len(order)),
        description=f"Depth centre of gravity of each stage with 95 % intervals, read at the {where}, in the trained "
        "model and in the controls.",
    )


def phases(table: pd.DataFrame) -> Layered:
    """Draw the held-out error of one to five phases and of a straight ramp, for the trained model."""
    shown = table[table.condition == "trained"]
    order = list(dict.fromkeys(shown.form))
    colours = only(PLACE_COLOURS, shown["where"])
    base = alt.Chart(shown).encode(
        x=alt.X("form:N", sort=order, title=None, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("error:Q", title="held-out error, one phase = 1", scale=alt.Scale(type="log", nice=False), axis=_LOG),
        color=colour("where", colours),
        tooltip=["where", "form", number("error"), "starts"],
    )
    steps = base.transform_filter(alt.datum.form != "ramp").mark_line(strokeWidth=1.5)
    return alt.layer(steps, base.mark_point(size=80)).properties(
        width="container",
        height=240,
        description="Squared error on held-out texts of one to five constant phases (K) and of a straight ramp, for "
        "each place that is read.",
    )
