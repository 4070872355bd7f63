"""Marks, scales and choices that all charts share.

Every chart draws intervals and controls, fills the width of its page, leaves the background to the page, and has a
description for readers who cannot see it.

Example:
    >>> import altair as alt
    >>> import pandas as pd
    >>> from emomech.figures import marks
    >>> colours = {"model": "#0072b2", "majority": "#8c8c8c"}
    >>> table = pd.DataFrame({"who": list(colours), "f1": [0.7, 0.1], "low": [0.6, 0], "high": [0.8, 0.2], "n": [9, 9]})
    >>> base = alt.Chart(table).encode(y=marks.rows("who", list(colours)))
    >>> chart = marks.intervals(base, "f1", "Macro-F1", marks.colour("who", colours))
    >>> [layer["mark"]["type"] for layer in chart.to_dict()["layer"]]
    ['rule', 'point']
"""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from emomech.core.errors import UsageError
from emomech.figures.palette import OTHER

_LONG = "length(datum.label) > 16 && indexof(datum.label, ', ') < 0"
"""Vega expression: whether a name is long and has no comma."""
_IN_LINES = f"split({_LONG} ? replace(datum.label, /^(.{{6,}}?) /, '$1, ') : datum.label, ', ')"
"""Vega expression: the lines of a name; see `rows`."""
Layered = alt.LayerChart | alt.FacetChart
"""The type of the result of `alt.layer`."""
SHARE = alt.Axis(format="%", tickCount=5)
"""Axis of shares, in per cent."""
UNIT = alt.Axis(format=".1f", tickCount=5, labelFlush=False)
"""Axis of a score, with one decimal."""


def at(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Rows of a table whose column `where` is the given place. Raises UsageError for a place that does not occur."""
    if len(table) and where not in set(table["where"]):
        raise UsageError(f"where {where!r}: the table has {', '.join(sorted(set(table['where'])))}.")
    return table[table["where"] == where]


def intervals(
    base: alt.Chart, value: str, title: str, colour: alt.Color, *under: alt.Chart, least: float = 0, most: float = 1
) -> Layered:
    """Points with horizontal 95 % intervals on a scale from `least` to `most`, drawn over the charts `under`.

    The data have the columns `value`, `low`, `high` and `n`.
    """
    scale = alt.Scale(domain=[least, most], clamp=True)
    tips = [f"{column}:N" for column in base.data.columns if base.data[column].dtype.kind not in "fi"]
    base = base.encode(color=colour, tooltip=[*tips, *map(number, (value, "low", "high")), "n:Q"])
    bars = base.mark_rule(strokeWidth=2, opacity=0.6, clip=True).encode(
        x=alt.X("low:Q", title=title, scale=scale, axis=UNIT), x2="high:Q"
    )
    return alt.layer(*under, bars, base.mark_point().encode(x=f"{value}:Q")).properties(width="container")


def rows(column: str, order: list[str]) -> alt.Y:
    """One row per value of a column, in order, named on the left.

    A name breaks into a second line at its comma; a long name without a comma breaks after its first words.
    """
    axis = alt.Axis(labelLimit=190, labelExpr=_IN_LINES)
    return alt.Y(f"{column}:N", sort=order, title=None, axis=axis)


def offset(column: str, colours: Mapping[str, str]) -> alt.YOffset:
    """Place the values of a column side by side within a row, in the order of the palette."""
    return alt.YOffset(f"{column}:N", sort=list(colours))


def colour(column: str, colours: Mapping[str, str], columns: int = 4) -> alt.Color:
    """Colour the values of a column, in the order of the palette, with a legend of `columns` columns."""
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{column}:N", scale=scale, legend=alt.Legend(symbolOpacity=1, columns=columns))


def only(colours: Mapping[str, str], present: pd.Series) -> dict[str, str]:
    """The colours of the names that occur in `present`, in the order of the palette."""
    return {name: colour for name, colour in colours.items() if name in set(present)}


def number(column: str) -> alt.Tooltip:
    """A number with two decimals in a tooltip."""
    return alt.Tooltip(f"{column}:Q", format=".2f")


def choice(name: str, options: list[str], first: str, label: str) -> alt.Parameter:
    """A menu with which the reader chooses an option; it starts at `first`, or at the first option if that is missing.

    `name` is the parameter's name in expressions, `label` the text next to the menu.
    """
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
    """Points with horizontal 95 % intervals, on a scale that fits the data.

    `zero` adds a vertical line at 0; `more` names further columns of the tooltip. The data have the columns `value`,
    `low`, `high` and `n`.
    """
    tips = [*map(number, (value, "low", "high")), "n:Q", *(f"{name}:N" for name in more)]
    bars = base.mark_rule(strokeWidth=2, opacity=0.6).encode(
        x=alt.X("low:Q", title=title, axis=alt.Axis(tickCount=6)), x2="high:Q", color=coloured, tooltip=tips
    )
    points = base.mark_point().encode(x=f"{value}:Q", color=coloured, tooltip=tips)
    line = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(opacity=0.6).encode(x="at:Q", color=alt.value(OTHER))
    return alt.layer(*([line] if zero else []), bars, points)
