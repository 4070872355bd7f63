"""Show tables on a page: rounded numbers, intervals in one column, and the meaning of every column."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from IPython.display import HTML

from emomech.core.errors import unknown
from emomech.stats.estimates import decimal, number_text
from emomech.stats.tables import Schema

if TYPE_CHECKING:
    import pandas as pd


INTERVAL = ("low", "high")
"""The two columns that are shown as one interval."""
UNDEFINED = "–"
"""Shown for NaN."""
SHORT = 26
"""Most characters of text that a table keeps on one line."""
_LARGE = 1000
"""Numbers from here on are shown without decimals."""


def table(
    frame: "pd.DataFrame", schema: Schema, *, caption: str, columns: Sequence[str] | None = None, digits: int = 2
) -> HTML:
    """Show a table with a caption and the meaning of its columns; `low` and `high` become one interval.

    Without `columns`, it shows every column except those that hold only empty text. `digits` is the number of decimals.
    Raises UsageError for a column that the schema does not have.
    """
    names = (
        [str(name) for name in frame if (frame[name] != "").any() or frame.empty] if columns is None else list(columns)
    )
    for name in names:
        if name not in schema.columns or name not in frame.columns:
            raise unknown("column", name, [column for column in frame.columns if column in schema.columns])
    shown_columns = [_column(frame, schema, name, digits) for name in names]
    if set(INTERVAL) <= set(names):
        shown_columns[names.index("low")] = _interval(schema, digits)
        del shown_columns[names.index("high")]
    head = "".join(
        f'<th scope="col" title="{escape(c.meaning)}"{c.key}{c.attribute}>{escape(c.label)}</th>' for c in shown_columns
    )
    body = "\n".join(
        f"<tr>{''.join(f'<td{c.attribute}>{escape(c.text(row))}</td>' for c in shown_columns)}</tr>"
        for row in frame.to_dict("records")
    )
    if not body:
        message = "Nothing to show: no row of this table could be computed."
        body = f'<tr><td colspan="{len(shown_columns)}">{message}</td></tr>'
    listing = "".join(f"<dt>{escape(c.label)}</dt><dd>{escape(c.meaning)}</dd>" for c in shown_columns)
    details = f'<details class="emo-meanings"><summary>What the columns mean</summary><dl>{listing}</dl></details>'
    return scrolled(caption, f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody>", details)


@dataclass(frozen=True)
class _Column:
    """A column as it is shown; `text` writes its cell of a row, `key` marks one that names a row."""

    label: str
    meaning: str
    kind: Literal["number", "short", "long"]
    text: Callable[[Mapping[Any, Any]], str]
    key: str = ""

    @property
    def attribute(self) -> str:
        return f' class="emo-{self.kind}"'


def _column(frame: "pd.DataFrame", schema: Schema, name: str, digits: int) -> _Column:
    counts = frame[name].dtype.kind == "f" and frame[name].max() > 1 and not (frame[name].dropna() % 1).any()

    def text(row: Mapping[Any, Any]) -> str:
        if not isinstance(row[name], float):
            return number_text(row[name])
        return _decimal(row[name], 0 if counts else digits)

    short = frame[name].astype(str).str.len().max() <= SHORT
    kind = "number" if frame[name].dtype.kind in "fiu" else "short" if short else "long"
    return _Column(name.replace("_", " "), schema.columns[name], kind, text, " data-key" if name in schema.keys else "")


def _interval(schema: Schema, digits: int) -> _Column:
    def text(row: Mapping[Any, Any]) -> str:
        ends = [_decimal(row[end], digits) for end in INTERVAL]
        return UNDEFINED if UNDEFINED in ends else f"[{', '.join(ends)}]"

    return _Column("interval", "; ".join(schema.columns[end] for end in INTERVAL), "number", text)


def _decimal(value: float, digits: int) -> str:
    """Write a cell's number: large numbers without decimals, zero without sign, NaN as `UNDEFINED`."""
    return UNDEFINED if math.isnan(value) else decimal(value + 0.0, 0 if abs(value) >= _LARGE else digits)


def scrolled(caption: str, rows: str, after: str) -> HTML:
    """Put the rows of a table into a box that scrolls sideways, so that the page does not; `after` follows the box."""
    label = escape(caption)
    return HTML(
        f'<figure class="emo emo-table"><figcaption>{label}</figcaption>'
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="{label}">'
        f'<table aria-label="{label}">{rows}</table></div>{after}</figure>'
    )
