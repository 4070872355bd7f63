"""Charts as HTML figures: a Vega-Lite specification with its caption, a description and its data.

A page holds the specification of each chart inline, so that it is drawn without a network, with the caption, a
description for screen readers, and the data as a table. `book.sphinx.vega` adds the drawing library.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

MIME = "application/vnd.vegalite.v6+json"
"""MIME type of a notebook output that is a chart."""
GLUE_PREFIX = "application/papermill.record/"
"""Start of the MIME type of a notebook output that MyST-NB quotes in prose and does not show in its cell."""
VEGA_LITE = "6.4"
"""Version that Altair writes and vl-convert draws; the three are pinned together."""
MAX_DATA_ROWS = 600
"""Rows of the data that a figure shows as a table."""


def figure_html(spec: Mapping[str, Any]) -> str:
    """HTML of a chart: specification, caption, description and data; a sentence instead if it has no data."""
    if not has_marks(spec):
        return _nothing(spec)
    description = escape(str(spec.get("description", "")))
    caption = escape(caption_of(spec))
    return "\n".join(
        [
            f'<figure class="emo emo-figure" aria-label="{description}">',
            f'<p class="emo-hidden">{description}</p>',
            f'<div class="emo-vega"><script type="application/json">{_inline_json(spec)}</script></div>',
            "<noscript><p>This figure is drawn by JavaScript. Its data are in the table below.</p></noscript>",
            f"<figcaption>{caption}</figcaption>" if caption else "",
            _to_layers(spec),
            _data_table(largest_data(spec)),
            "</figure>",
        ]
    )


def has_marks(spec: Mapping[str, Any]) -> bool:
    """Whether a chart has anything to draw except guide lines, whose data have the single column `at`."""
    data_sets = _data_sets(spec)
    first_rows = [rows[0] for rows in data_sets if rows]
    return not data_sets or any(not isinstance(row, Mapping) or set(row) != {"at"} for row in first_rows)


def _nothing(spec: Mapping[str, Any]) -> str:
    """HTML that says that a chart has no data; drawn, it would be a frame without size."""
    caption = escape(caption_of(spec))
    return (
        '<figure class="emo emo-figure emo-nothing"><p>Nothing to draw: no value of this figure could be computed.</p>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def caption_of(spec: Mapping[str, Any]) -> str:
    """Caption of a chart, from its `usermeta`; empty if it has none."""
    return _usermeta(spec, "caption")


def _usermeta(spec: Mapping[str, Any], name: str) -> str:
    usermeta = spec.get("usermeta")
    return str(usermeta.get(name, "")) if isinstance(usermeta, Mapping) else ""


def _to_layers(spec: Mapping[str, Any]) -> str:
    """Place for links to the features of each layer, if the chart's `usermeta` names its column of depth."""
    depth = _usermeta(spec, "layers")
    return layer_links([float(row[depth]) for row in largest_data(spec)]) if depth else ""


def _inline_json(spec: Mapping[str, Any]) -> str:
    """JSON that cannot end the script element around it."""
    return (
        json.dumps(spec, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\u0021--")
    )


def largest_data(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Rows of the largest data set of a chart; empty if it has none inline."""
    return max(_data_sets(spec), key=len, default=[])


def _data_sets(spec: Mapping[str, Any]) -> list[list[Any]]:
    inline = spec.get("data")
    data_sets = [*spec.get("datasets", {}).values(), inline.get("values") if isinstance(inline, Mapping) else None]
    return [rows for rows in data_sets if isinstance(rows, list)]


def _data_table(rows: list[Mapping[str, Any]]) -> str:
    if not rows or not isinstance(rows[0], Mapping):
        return ""
    columns = list(rows[0])
    shown = rows[:MAX_DATA_ROWS]
    size = f"{len(rows)} rows" if len(shown) == len(rows) else f"the first {len(shown)} of {len(rows)} rows"
    head = "".join(f'<th scope="col">{escape(column.replace("_", " "))}</th>' for column in columns)
    body = "\n".join(f"<tr>{''.join(_data_cell(row.get(column)) for column in columns)}</tr>" for row in shown)
    return (
        f'<details class="emo-data"><summary>Data of this figure ({size})</summary>'
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="Data of this figure">'
        f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div></details>"
    )


def _data_cell(value: object) -> str:
    if isinstance(value, float):
        return f'<td class="emo-number">{f"{value:.4g}".replace("-", "−")}</td>'
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td class="emo-number">{value}</td>'
    return f"<td>{'' if value is None else escape(str(value))}</td>"


def layer_links(depths: Sequence[float]) -> str:
    """HTML of a hidden place for links to the features at some depths; `book.sphinx.layers` fills it."""
    return f'<nav class="emo-layers" data-depths="{" ".join(map(repr, sorted(set(depths))))}" hidden></nav>'
