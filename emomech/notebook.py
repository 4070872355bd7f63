"""What a notebook calls to show its results: charts, tables, numbers for the prose, verdicts, and where they came from.

Everything is HTML that reads well without a style sheet and that the book's style sheet makes beautiful. Whatever comes
from data is escaped.
"""

import math
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Literal

import altair as alt
from IPython.display import HTML, display

from emomech import palette, parameters
from emomech.errors import EmomechError, unknown
from emomech.forcing import FORCED, banner
from emomech.numerals import number_text
from emomech.presets import PACKAGE
from emomech.schema import Schema
from emomech.sphinx_vega import GLUE_PREFIX, MIME, VEGA_LITE, figure_html
from emomech.stats import decimal

if TYPE_CHECKING:
    import pandas as pd

    from emomech.verdicts import Verdict

STATIC_WIDTH = 640
STATIC_FONT = "'Liberation Sans', Arial, Helvetica, sans-serif"
"""What vl-convert brings along and measures, and what has the same widths elsewhere."""
STATIC_PADDING = {"left": 16, "right": 8, "top": 5, "bottom": 5}
"""Room for labels that a wider font makes longer."""
INTERVAL = ("low", "high")
UNDEFINED = "–"
SHORT = 26
"""Text up to this many characters is kept on one line of a table."""
_LARGE = 1000
_CODE = re.compile("`([^`]+)`")
_INTERVAL = re.compile(r"\S+ \[[^]]*\]")

SHAPES = {
    "replicates": '<circle cx="10" cy="10" r="9" class="fill"/><path d="M5.5 10.5l3 3 6-7" class="cut"/>',
    "partly": '<circle cx="10" cy="10" r="8" class="line"/><path d="M10 2a8 8 0 0 1 0 16z" class="fill"/>',
    "does not replicate": '<rect x="1.5" y="1.5" width="17" height="17" rx="3" class="fill"/>'
    '<path d="M6 6l8 8M14 6l-8 8" class="cut"/>',
    "cannot be tested here": '<circle cx="10" cy="10" r="8" class="dashed"/>',
}


def setup() -> None:
    """Let charts and tables show as they do in the book, and keep progress bars out of the output."""
    import pandas as pd

    os.environ["TQDM_DISABLE"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    warnings.filterwarnings("ignore", message="IProgress not found")
    pd.set_option("display.precision", 3, "display.max_columns", 30)
    alt.theme.register("emomech", enable=True)(palette.theme)
    alt.renderers.register("emomech", lambda spec, **_: _bundle(spec))
    alt.renderers.enable("emomech")


@dataclass(frozen=True)
class Figure:
    """A chart with its caption: interactive in the book, a picture elsewhere."""

    chart: "alt.TopLevelMixin"
    caption: str

    @property
    def spec(self) -> dict[str, Any]:
        """The chart as Vega-Lite, which carries its caption."""
        spec = self.chart.to_dict()
        return spec | {"usermeta": {**spec.get("usermeta", {}), "caption": self.caption}}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return _bundle(self.spec)


def figure(chart: "alt.TopLevelMixin", caption: str) -> Figure:
    """Show a chart with a caption. Raises EmomechError for a chart without a description."""
    if not isinstance(getattr(chart, "description", alt.Undefined), str):
        raise EmomechError(
            f"the figure {caption[:60]!r}: its chart has no description; give it .properties(description=…)."
        )
    return Figure(chart, caption)


def _bundle(spec: dict[str, Any]) -> dict[str, object]:
    """Give a chart as specification, picture and text: every front end shows the first that it knows."""
    import vl_convert

    caption = str(spec.get("usermeta", {}).get("caption", ""))
    static = spec | {"background": "white", "padding": STATIC_PADDING}
    static["config"] = spec.get("config", {}) | {"font": STATIC_FONT}
    if spec.get("width") == "container":
        static["width"] = STATIC_WIDTH
    if caption and "title" not in spec:
        lines = wrap(caption, 100)
        static["title"] = {"text": lines, "orient": "bottom", "anchor": "start", "fontWeight": "normal", "fontSize": 12}
    svg = vl_convert.vegalite_to_svg(static, vl_version=VEGA_LITE)
    text = " ".join(part for part in (str(spec.get("description", "")), caption) if part)
    return {MIME: spec, "image/svg+xml": svg, "text/plain": text}


def glue(page: str, numbers: Mapping[str, object]) -> None:
    """Name numbers for the prose: `{glue:text}` finds each as `<page>.<name>`.

    They are kept as quoted text, because MyST-NB evaluates what it quotes: unquoted, 1,200 would become a tuple.
    """
    for name, value in numbers.items():
        metadata = {"scrapbook": {"name": f"{page}.{name}", "mime_prefix": GLUE_PREFIX}}
        display({f"{GLUE_PREFIX}text/plain": repr(number_text(value))}, raw=True, metadata=metadata)


def glue_html(page: str, name: str, shown: HTML) -> None:
    """Name a piece of a page, so that another page can show it as `{glue:any}`; here nothing is shown."""
    metadata = {"scrapbook": {"name": f"{page}.{name}", "mime_prefix": GLUE_PREFIX}}
    display({f"{GLUE_PREFIX}text/html": shown.data}, raw=True, metadata=metadata)


def glue_figure(page: str, name: str, chart: "alt.TopLevelMixin", caption: str) -> None:
    """Name a figure, so that another page can show it as `{glue:any}`; here nothing is shown."""
    glue_html(page, name, HTML(figure_html(figure(chart, caption).spec)))


def parameters_table(page: str, values: Mapping[str, object]) -> HTML:
    """Show what a notebook was run with: each parameter with its default and meaning, the changed ones marked.

    Of the notebook's `values` its `run` is looked at too: SAEs that were used though they do not fit come first.
    """
    rows = []
    for parameter in parameters.read(PACKAGE.parent / "notebooks" / f"{page}.md").values():
        value = values[parameter.name]
        changed = value != parameter.default
        mark = ' <strong class="emo-changed">changed</strong>' if changed else ""
        again = "the same" if not changed and len(repr(value)) > SHORT else _setting(parameter.default)
        meaning = _CODE.sub(r"<code>\1</code>", escape(parameter.help))
        rows.append(
            f'<tr><th scope="row"><code>{escape(parameter.name)}</code></th><td>{_setting(value)}{mark}</td>'
            f'<td>{again}</td><td class="emo-long">{meaning}</td></tr>'
        )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("parameter", "value", "default", "meaning"))
    shown = _scrolled(
        "Parameters of this page",
        f'<thead><tr>{head}</tr></thead><tbody class="emo-parameters">{"".join(rows)}</tbody>',
        "",
    )
    provenance: Mapping[str, Any] = getattr(values.get("run"), "provenance", {})
    return HTML(banner(provenance.get(FORCED, [])) + str(shown.data))


def _setting(value: object) -> str:
    """Write a parameter's value; a list of names breaks after its commas only."""
    parts = (f'<span class="emo-short">{escape(part)}</span>' for part in repr(value).split(","))
    return f"<code>{',<wbr>'.join(parts)}</code>"


def table(
    frame: "pd.DataFrame", schema: Schema, *, caption: str, columns: Sequence[str] | None = None, digits: int = 2
) -> HTML:
    """Show a table with a caption and the meaning of its columns; `low` and `high` become one interval.

    Without `columns`, all are shown but those that are empty text throughout. Raises UsageError for a column that
    the schema does not know.
    """
    names = (
        [str(name) for name in frame if (frame[name] != "").any() or frame.empty] if columns is None else list(columns)
    )
    for name in names:
        if name not in schema.columns or name not in frame.columns:
            raise unknown("column", name, [column for column in frame.columns if column in schema.columns])
    shown = [_column(frame, schema, name, digits) for name in names]
    if set(INTERVAL) <= set(names):
        shown[names.index("low")] = _interval(schema, digits)
        del shown[names.index("high")]
    head = "".join(
        f'<th scope="col" title="{escape(c.meaning)}"{c.key}{c.attribute}>{escape(c.label)}</th>' for c in shown
    )
    body = "\n".join(
        f"<tr>{''.join(f'<td{c.attribute}>{escape(c.text(row))}</td>' for c in shown)}</tr>"
        for row in frame.to_dict("records")
    )
    body = body or f'<tr><td colspan="{len(shown)}">Nothing to show: no row of this table could be computed.</td></tr>'
    listing = "".join(f"<dt>{escape(c.label)}</dt><dd>{escape(c.meaning)}</dd>" for c in shown)
    details = f'<details class="emo-meanings"><summary>What the columns mean</summary><dl>{listing}</dl></details>'
    return _scrolled(caption, f"<thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody>", details)


@dataclass(frozen=True)
class _Column:
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
    """Write a cell's number; of a large one the decimals mean nothing, and zero has no sign."""
    return UNDEFINED if math.isnan(value) else decimal(value + 0.0, 0 if abs(value) >= _LARGE else digits)


def verdict_box(verdict: "Verdict") -> HTML:
    """Show a verdict as a card; the outcome stands there in words and as a shape, not as a colour alone."""
    kind = verdict.outcome.replace(" ", "-")
    rows = {
        "Because": escape(verdict.reason),
        "Estimate": _lines(verdict.estimate),
        "Control": _lines(verdict.control),
    }
    listing = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows.items() if text)
    shape = f'<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">{SHAPES[verdict.outcome]}</svg>'
    return HTML(
        f'<section class="emo emo-verdict emo-{kind}" aria-label="Verdict on {escape(verdict.claim)}">'
        f'<p class="emo-claim"><strong>{escape(verdict.claim)}</strong> {escape(verdict.statement)}</p>'
        f'<p class="emo-outcome">{shape} <strong>{escape(verdict.outcome)}</strong></p>'
        f"<dl>{listing}</dl></section>"
    )


def _lines(text: str) -> str:
    """Break a list that is joined by semicolons into lines, but no interval."""
    whole = _INTERVAL.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
    return "<br>".join(escape(part) for part in whole.split("; "))


def note(text: str) -> HTML:
    """Show a remark that stands beside the argument."""
    return HTML(f'<aside class="emo emo-note"><p>{escape(text)}</p></aside>')


def footer(provenance: Mapping[str, Any]) -> HTML:
    """Show where a page's numbers came from: the study, the arguments, the code, the machine's versions, the cost."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_provenance_value(name, value)}</td></tr>'
        for name, value in provenance.items()
    )
    return HTML(
        '<details class="emo emo-footer" open><summary>Where these numbers come from</summary>'
        f"<table><tbody>{rows}</tbody></table></details>"
    )


def _provenance_value(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        parts = [f"<span>{escape(str(key))} {_provenance_part(part)}</span>" for key, part in value.items()]
        return f'<span class="emo-parts">{" ".join(parts)}</span>'
    if name == "seconds":
        return f"{number_text(value)} s to compute"
    return f"<code>{escape(str(value))}</code>"


def _provenance_part(part: object) -> str:
    if isinstance(part, Mapping):
        return f"<code>{escape(str(part.get('sha256', '')))[:12]}</code>"
    return f"<code>{escape(str(part))}</code>"


def _scrolled(caption: str, rows: str, after: str) -> HTML:
    """Put a table into a box of its own that scrolls sideways, so that the page never does."""
    label = escape(caption)
    return HTML(
        f'<figure class="emo emo-table"><figcaption>{label}</figcaption>'
        f'<div class="emo-scroll" tabindex="0" role="region" aria-label="{label}">'
        f'<table aria-label="{label}">{rows}</table></div>{after}</figure>'
    )
