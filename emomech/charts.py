"""Tables in, pictures out: every figure of the book, in one visual language.

Intervals and controls are always drawn. Every chart fills the width it is given, leaves its background to the page, and
carries a description for those who cannot see it.
"""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from emomech.errors import UsageError
from emomech.palette import PLACE_COLOURS, PREDICTOR_COLOURS, READER_COLOURS, STAGE_COLOURS

Layered = alt.LayerChart | alt.FacetChart
"""What Altair calls the result of `alt.layer`."""

_SHARE = alt.Axis(format="%", tickCount=5)
_UNIT = alt.Axis(format=".1f", tickCount=5, labelFlush=False)
_LOG = alt.Axis(format="~g", values=[1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01])


def accuracy(table: pd.DataFrame) -> Layered:
    """Draw balanced accuracy per item type and style, of the model and its baselines, with chance."""
    order = list(dict.fromkeys(table.group))
    base = alt.Chart(table).encode(y=_rows("group", order), yOffset=_offset("predictor", PREDICTOR_COLOURS))
    chance = alt.Chart(table).mark_tick(thickness=2, height=24, opacity=0.6)
    chance = chance.encode(y=_rows("group", order), x="chance", color=alt.value("#8c8c8c"))
    return _intervals(
        base, "balanced_accuracy", "balanced accuracy", colour("predictor", PREDICTOR_COLOURS), chance
    ).properties(
        height=max(120, 46 * len(order)),
        description="Balanced accuracy with 95 % intervals of the model and its baselines, over all texts and per "
        "group; a grey tick marks chance.",
    )


def emotions(table: pd.DataFrame) -> Layered:
    """Draw the recall of each emotion, of the model and of bag of words."""
    order = list(dict.fromkeys(table.emotion))
    base = alt.Chart(table).encode(y=_rows("emotion", order), yOffset=_offset("predictor", PREDICTOR_COLOURS))
    return _intervals(
        base, "recall", "recall", colour("predictor", only(PREDICTOR_COLOURS, table.predictor))
    ).properties(
        height=34 * len(order),
        description="Recall of each emotion with 95 % intervals, of the model and of a bag-of-words classifier.",
    )


def confusion(table: pd.DataFrame) -> Layered:
    """Draw which emotion is taken for which: shares of each gold emotion."""
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
        description="Confusion matrix: for the texts of each emotion, the share of each label that the model chooses.",
    )


def calibration(table: pd.DataFrame) -> Layered:
    """Draw accuracy against confidence in tenths of the texts; a calibrated model lies on the diagonal."""
    diagonal = alt.Chart(pd.DataFrame({"at": [0.0, 1.0]})).mark_line(strokeDash=[4, 4], color="#8c8c8c", strokeWidth=1)
    base = alt.Chart(table).encode(
        x=alt.X("confidence:Q", title="confidence", scale=alt.Scale(domain=[0, 1]), axis=_SHARE),
        tooltip=["bin", alt.Tooltip("confidence", format=".2f"), alt.Tooltip("accuracy", format=".2f"), "n"],
    )
    colour = alt.value(PREDICTOR_COLOURS["model"])
    bars = base.mark_rule().encode(y=alt.Y("low:Q", title="accuracy", axis=_SHARE), y2="high:Q", color=colour)
    points = base.mark_point().encode(y="accuracy:Q", color=colour)
    return alt.layer(diagonal.encode(x="at:Q", y="at:Q"), bars, points).properties(
        width="container",
        height=280,
        description="Reliability diagram: share of right choices against mean confidence in ten equal groups of texts.",
    )


def stages(table: pd.DataFrame, where: str) -> Layered:
    """Draw each stage's profile in depth at one kind of place, and that of a control that the reader chooses."""
    shown = _at(table, where)
    controls = [name for name in dict.fromkeys(table.condition) if name != "trained"]
    control = alt.param(
        name="control",
        value="random weights",
        bind=alt.binding_select(options=controls, name="Dashed, for comparison: "),
    )
    base = alt.Chart(shown).encode(
        x=alt.X("depth:Q", title="depth (0 embedding, 1 last block)", scale=alt.Scale(domain=[0, 1]), axis=_UNIT),
        color=colour("stage", only(STAGE_COLOURS, shown.stage)),
        tooltip=["condition", "stage", number("depth"), *map(number, ("share", "low", "high"))],
    )
    share = alt.Y("share:Q", title="selective share of active features", axis=_SHARE)
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
            description=f"Share of active SAE features that are selective for each stage, by depth, read at the "
            f"{where}; dashed: the control.",
        )
    )


def families(table: pd.DataFrame, where: str) -> alt.Chart:
    """Draw the selective share of every family at every hook point of the trained model."""
    shown = _at(table[table.condition == "trained"], where)
    order = list(dict.fromkeys(shown.family))
    return (
        alt.Chart(shown)
        .mark_rect()
        .encode(
            x=alt.X("depth:O", title="depth", axis=alt.Axis(format=".2f", labelAngle=0, labelOverlap=True)),
            y=alt.Y("family:N", sort=order, title=None),
            color=alt.Color(
                "share:Q",
                scale=alt.Scale(scheme="viridis", domain=[0, max(0.05, shown.share.max())] if len(shown) else [0, 1]),
                legend=alt.Legend(title="selective share", format="%", gradientLength=140),
            ),
            tooltip=["hook_point", "family", "stage", number("share"), "n_selective", "n_active"],
        )
        .properties(
            width="container",
            height=34 * max(1, len(order)),
            description=f"Selective share of active features per label family and hook point, read at the {where}.",
        )
    )


def centres(table: pd.DataFrame, where: str) -> Layered:
    """Draw each stage's depth centre of gravity in the model and in the controls."""
    shown = _at(table, where)
    order = list(dict.fromkeys(shown.condition))
    colours = only(STAGE_COLOURS, shown.stage)
    base = alt.Chart(shown).encode(y=_rows("condition", order), yOffset=_offset("stage", colours))
    return _intervals(base, "centre", "depth centre of gravity", colour("stage", colours)).properties(
        height=56 * max(1, len(order)),
        description=f"Depth centre of gravity of each stage with 95 % intervals, read at the {where}, per condition.",
    )


def detection(table: pd.DataFrame) -> Layered:
    """Draw how well each kind of unit tells the values of a family that the reader chooses, by depth."""
    names = ["all", *dict.fromkeys(table.family)]
    family = alt.param(name="family", value="all", bind=alt.binding_select(options=names, name="Label family: "))
    base = alt.Chart(table).encode(
        x=alt.X("depth:Q", title="depth (0 embedding, 1 last block)", scale=alt.Scale(domain=[0, 1]), axis=_UNIT),
        y=alt.Y("mean(auroc):Q", title="AUROC, mean over values", scale=alt.Scale(domain=[0.5, 1], clamp=True)),
        color=colour("reader", only(READER_COLOURS, table.reader)),
        tooltip=["reader", number("depth"), alt.Tooltip("mean(auroc):Q", format=".2f"), "count()"],
    )
    line = base.transform_filter("family === 'all' || datum.family === family").mark_line(point=True, strokeWidth=2)
    return (
        alt.layer(line)
        .add_params(family)
        .properties(
            width="container",
            height=300,
            description="AUROC on texts that nothing was chosen on, mean over the values of a label family, by depth, "
            "of the best unit of each kind.",
        )
    )


def best(table: pd.DataFrame) -> Layered:
    """Draw for every value how well the best unit of each kind tells it, at the hook point chosen for it."""
    return _per_value(table, "reader", "auroc", "AUROC", least=0.4, most=1).properties(
        description="AUROC with 95 % intervals of the best unit of each kind for every value of every label family."
    )


def advantage(table: pd.DataFrame) -> Layered:
    """Draw by how much SAE features exceed the best unit of each other kind, per value."""
    zero = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(x="at:Q", color=alt.value("#8c8c8c"))
    title = "lead of SAE features in AUROC"
    return _per_value(table, "baseline", "difference", title, zero, least=-0.4, most=0.6).properties(
        description="Difference in AUROC between the best SAE feature and the best unit of each other kind, with 95 % "
        "intervals, for every value of every label family."
    )


def _per_value(
    table: pd.DataFrame, kind: str, value: str, title: str, *under: alt.Chart, least: float, most: float
) -> Layered:
    shown = table.assign(latent=table.family + ", " + table.value)
    order, colours = list(dict.fromkeys(shown.latent)), only(READER_COLOURS, shown[kind])
    base = alt.Chart(shown).encode(y=_rows("latent", order), yOffset=_offset(kind, colours))
    drawn = _intervals(base, value, title, colour(kind, colours), *under, least=least, most=most)
    return drawn.properties(height=40 * max(1, len(order)))


def phases(table: pd.DataFrame) -> Layered:
    """Draw held-out error of one to five phases and of a straight ramp, of the trained model."""
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
        description="Held-out squared error of one to five constant phases and of a straight ramp, per place read.",
    )


def _at(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Pick the rows of one kind of place. Raises UsageError for a place that the table does not know."""
    if len(table) and where not in set(table["where"]):
        raise UsageError(f"where {where!r}: the table has {', '.join(sorted(set(table['where'])))}.")
    return table[table["where"] == where]


def _intervals(
    base: alt.Chart, value: str, title: str, colour: alt.Color, *under: alt.Chart, least: float = 0, most: float = 1
) -> Layered:
    """Points with horizontal 95 % intervals on a scale from `least` to `most`."""
    scale = alt.Scale(domain=[least, most], clamp=True)
    tips = [column for column in base.data.columns if base.data[column].dtype.kind not in "fi"]
    base = base.encode(color=colour, tooltip=[*tips, *map(number, (value, "low", "high")), "n"])
    bars = base.mark_rule(strokeWidth=2, opacity=0.6, clip=True).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=_UNIT), x2="high:Q"
    )
    return alt.layer(*under, bars, base.mark_point().encode(x=f"{value}:Q")).properties(width="container")


def _rows(column: str, order: list[str]) -> alt.Y:
    """Rows named on the left; a name goes on in a second line after its comma."""
    axis = alt.Axis(labelLimit=190, labelExpr="split(datum.label, ', ')")
    return alt.Y(f"{column}:N", sort=order, title=None, axis=axis)


def _offset(column: str, colours: Mapping[str, str]) -> alt.YOffset:
    return alt.YOffset(f"{column}:N", sort=list(colours))


def colour(column: str, colours: Mapping[str, str], columns: int = 4) -> alt.Color:
    """Give every value of a column its own colour, in the palette's order, with a legend of so many columns."""
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{column}:N", scale=scale, legend=alt.Legend(symbolOpacity=1, columns=columns))


def only(colours: Mapping[str, str], present: pd.Series) -> dict[str, str]:
    """Keep the colours of the values that are there."""
    return {name: colour for name, colour in colours.items() if name in set(present)}


def number(column: str) -> alt.Tooltip:
    """Show a number to two decimals where it is pointed at."""
    return alt.Tooltip(f"{column}:Q", format=".2f")
