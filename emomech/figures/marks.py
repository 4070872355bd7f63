"""What all figures share, so that they speak one visual language.

Intervals and controls are always drawn. Every chart fills the width it is given, leaves its background to the page, and
carries a description for those who cannot see it.
"""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from emomech.core.errors import UsageError

_LONG = "length(datum.label) > 16 && indexof(datum.label, ', ') < 0"
_IN_LINES = f"split({_LONG} ? replace(datum.label, /^(.{{6,}}?) /, '$1, ') : datum.label, ', ')"
Layered = alt.LayerChart | alt.FacetChart
"""What Altair calls the result of `alt.layer`."""
SHARE = alt.Axis(format="%", tickCount=5)
UNIT = alt.Axis(format=".1f", tickCount=5, labelFlush=False)


def at(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Pick the rows of one kind of place. Raises UsageError for a place that the table does not know."""
    if len(table) and where not in set(table["where"]):
        raise UsageError(f"where {where!r}: the table has {', '.join(sorted(set(table['where'])))}.")
    return table[table["where"] == where]


def intervals(
    base: alt.Chart, value: str, title: str, colour: alt.Color, *under: alt.Chart, least: float = 0, most: float = 1
) -> Layered:
    """Points with horizontal 95 % intervals on a scale from `least` to `most`."""
    scale = alt.Scale(domain=[least, most], clamp=True)
    tips = [f"{column}:N" for column in base.data.columns if base.data[column].dtype.kind not in "fi"]
    base = base.encode(color=colour, tooltip=[*tips, *map(number, (value, "low", "high")), "n:Q"])
    bars = base.mark_rule(strokeWidth=2, opacity=0.6, clip=True).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=UNIT), x2="high:Q"
    )
    return alt.layer(*under, bars, base.mark_point().encode(x=f"{value}:Q")).properties(width="container")


def rows(column: str, order: list[str]) -> alt.Y:
    """Rows named on the left; a name goes on in a second line after its comma, a long one without after a word."""
    axis = alt.Axis(labelLimit=190, labelExpr=_IN_LINES)
    return alt.Y(f"{column}:N", sort=order, title=None, axis=axis)


def offset(column: str, colours: Mapping[str, str]) -> alt.YOffset:
    """Lay what shares a row side by side, in the palette's order."""
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


HIGHLIGHT, OTHER = "#d55e00", "#8c8c8c"


def choice(name: str, options: list[str], first: str, label: str) -> alt.Parameter:
    """Let the reader choose one of some options."""
    value = first if first in options or not options else options[0]
    return alt.param(name=name, value=value, bind=alt.binding_select(options=options or [first], name=label))


def spans(
    base: alt.Chart,
    value: str,
    title: str,
    coloured: alt.Color | dict[str, str],
    zero: bool = False,
    more: tuple[str, ...] = (),
) -> Layered:
    """Points with horizontal 95 % intervals, on a scale that what is chosen decides."""
    tips = [*map(number, (value, "low", "high")), "n:Q", *(f"{name}:N" for name in more)]
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        x=alt.X("low:Q", title=title, axis=alt.Axis(tickCount=6)), x2="high:Q", color=coloured, tooltip=tips
    )
    points = base.mark_point().encode(x=f"{value}:Q", color=coloured, tooltip=tips)
    line = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(x="at:Q", color=alt.value(OTHER))
    return alt.layer(*([line] if zero else []), bars, points)
