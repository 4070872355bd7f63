"""Show charts as figures of a page: an interactive chart with its caption, and a static picture of it."""

import os
import warnings
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

import altair as alt
from IPython.display import HTML

from emomech.core.errors import EmomechError
from emomech.figures import palette, rows
from emomech.figures.vega import MIME, VEGA_LITE, figure_html
from emomech.notebook.quoting import glue_html

STATIC_WIDTH = 640
"""Width in pixels of the static picture of a chart that fills its container."""
STATIC_FONT = "'Liberation Sans', Arial, Helvetica, sans-serif"
"""Fonts of static pictures: the one that vl-convert includes and measures, then fonts of the same widths."""
STATIC_PADDING = {"left": 16, "right": 8, "top": 5, "bottom": 5}
"""Pixels around a static picture, for labels that a wider font makes longer."""
_CAPTION_LINE = 100
"""Most characters on a line of a caption below a static picture."""


def setup() -> None:
    """Make charts and tables look as they do in the book, and keep progress bars out of the output.

    A chart without a caption samples long tables, too, and warns of it.
    """
    import pandas as pd

    os.environ["TQDM_DISABLE"] = "1"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    warnings.filterwarnings("ignore", message="IProgress not found")
    pd.set_option("display.precision", 3, "display.max_columns", 30)
    alt.theme.register("emomech", enable=True)(palette.theme)
    alt.renderers.register("emomech", lambda spec, **_: _bundle(spec))
    alt.renderers.enable("emomech")
    alt.data_transformers.register("emomech", rows.transformer(lambda note: warnings.warn(note, stacklevel=2)))
    alt.data_transformers.enable("emomech")


@dataclass(frozen=True)
class CaptionedChart:
    """A chart with its caption: interactive in the book, a picture elsewhere."""

    chart: alt.TopLevelMixin
    caption: str

    @property
    def spec(self) -> dict[str, Any]:
        """The chart as Vega-Lite, with the caption in its `usermeta`.

        Of a long table it holds a sample; description and caption then say so.
        """
        spec, note = rows.specification(self.chart)
        description, caption = (f"{text} {note}".strip() for text in (spec.get("description", ""), self.caption))
        usermeta = {**spec.get("usermeta", {}), "caption": caption}
        return {**spec, "description": description, "usermeta": usermeta}

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, object]:
        return _bundle(self.spec)


def figure(chart: alt.TopLevelMixin, caption: str) -> CaptionedChart:
    """Show a chart with a caption. Raises EmomechError for a chart without a description."""
    if not isinstance(getattr(chart, "description", alt.Undefined), str):
        raise EmomechError(
            f"the figure {caption[:60]!r}: its chart has no description; give it .properties(description=…)."
        )
    return CaptionedChart(chart, caption)


def _bundle(spec: dict[str, Any]) -> dict[str, object]:
    """Give a chart as specification, picture and text by MIME type; a front end shows the richest one that it knows."""
    import vl_convert

    caption = str(spec.get("usermeta", {}).get("caption", ""))
    static = spec | {"background": "white", "padding": STATIC_PADDING}
    static["config"] = spec.get("config", {}) | {"font": STATIC_FONT}
    if spec.get("width") == "container":
        static["width"] = STATIC_WIDTH
    if caption and "title" not in spec:
        lines = wrap(caption, _CAPTION_LINE)
        static["title"] = {"text": lines, "orient": "bottom", "anchor": "start", "fontWeight": "normal", "fontSize": 12}
    svg = vl_convert.vegalite_to_svg(static, vl_version=VEGA_LITE)
    text = " ".join(part for part in (str(spec.get("description", "")), caption) if part)
    return {MIME: spec, "image/svg+xml": svg, "text/plain": text}


def glue_figure(page: str, name: str, chart: alt.TopLevelMixin, caption: str) -> None:
    """Name a figure, so that another page can show it as `{glue:any}`; this page does not show it."""
    glue_html(page, name, HTML(figure_html(figure(chart, caption).spec)))
