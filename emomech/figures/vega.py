"""Charts on the book's pages: a Vega-Lite output of a notebook becomes a figure that is drawn without any network.

A page carries the specification of each of its charts inline, with its caption, a description for screen readers and
the data as a table. The drawing library is one file, made here from the one inside vl-convert and shared by all pages.
"""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from emomech.figures import vega

MIME = "application/vnd.vegalite.v6+json"
GLUE_PREFIX = "application/papermill.record/"
"""MyST-NB takes an output of this kind for a number to be quoted, and shows nothing in its place."""
VEGA_LITE = "6.4"
"""The version that Altair writes and vl-convert draws; the three are pinned together."""
MAX_DATA_ROWS = 600


def figure_html(spec: Mapping[str, Any]) -> str:
    """Write a chart as a figure: specification, caption, description and data."""
    if not has_marks(spec):
        return _nothing(spec)
    description = escape(str(spec.get("description", "")))
    caption = escape(caption_of(spec))
    return "\n".join(
        [
            f'<figure class="emo emo-figure" aria-label="{description}">',
            f'<p class="emo-hidden">{description}</p>',
            f'<div class="emo-vega"><script type="application/json">{_inline_json(spec)}</script></div>',
            "<noscript><p>This figure is drawn by JavaScript. Its data stand below.</p></noscript>",
            f"<figcaption>{caption}</figcaption>" if caption else "",
            _to_layers(spec),
            _data_table(largest_data(spec)),
            "</figure>",
        ]
    )


def has_marks(spec: Mapping[str, Any]) -> bool:
    """Say whether a chart has something to draw beside guide lines, whose data have the one column `at`."""
    declared = _data_sets(spec)
    first = [rows[0] for rows in declared if rows]
    return not declared or any(not isinstance(row, Mapping) or set(row) != {"at"} for row in first)


def _nothing(spec: Mapping[str, Any]) -> str:
    """Write in a chart's place that it has no data; drawn, it would be a frame of no size."""
    caption = escape(caption_of(spec))
    return (
        '<figure class="emo emo-figure emo-nothing"><p>Nothing to draw: no value of this figure could be computed.</p>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def caption_of(spec: Mapping[str, Any]) -> str:
    """Read the caption that a chart carries in its `usermeta`; empty where there is none."""
    return _usermeta(spec, "caption")


def _usermeta(spec: Mapping[str, Any], name: str) -> str:
    usermeta = spec.get("usermeta")
    return str(usermeta.get(name, "")) if isinstance(usermeta, Mapping) else ""


def _to_layers(spec: Mapping[str, Any]) -> str:
    """Leave room for links to the features of each layer, where a chart's `usermeta` names its axis of depth."""
    depth = _usermeta(spec, "layers")
    return vega.wanted([float(row[depth]) for row in largest_data(spec)]) if depth else ""


def _inline_json(spec: Mapping[str, Any]) -> str:
    """Write JSON that cannot end the script element in which it stands."""
    return (
        json.dumps(spec, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\u0021--")
    )


def largest_data(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Pick the rows of the largest of the data sets that a chart draws."""
    return max(_data_sets(spec), key=len, default=[])


def _data_sets(spec: Mapping[str, Any]) -> list[list[Any]]:
    inline = spec.get("data")
    sets = [*spec.get("datasets", {}).values(), inline.get("values") if isinstance(inline, Mapping) else None]
    return [rows for rows in sets if isinstance(rows, list)]


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


def wanted(depths: Sequence[float]) -> str:
    """Write where the links for some depths shall stand; until they do, nothing shows."""
    return f'<nav class="emo-layers" data-depths="{" ".join(map(repr, sorted(set(depths))))}" hidden></nav>'
