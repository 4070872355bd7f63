"""Sphinx extension: draw Vega-Lite figures with a library that is part of the book, so that no page needs a network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from emomech.figures.vega import MIME, VEGA_LITE, figure_html

if TYPE_CHECKING:
    from docutils import nodes
    from myst_nb.core.render import MimeData, NbElementRenderer
    from sphinx.application import Sphinx


BUNDLE = "vega-bundle.js"


class VegaLiteRenderer:
    """MyST-NB plugin that renders the charts of executed notebooks."""

    mime_priority_overrides: ClassVar[Sequence[tuple[str, str, int | None]]] = [("html", MIME, 1), ("dirhtml", MIME, 1)]

    @staticmethod
    def handle_mime(renderer: "NbElementRenderer", data: "MimeData", inline: bool) -> "None | list[nodes.Element]":
        """Render a Vega-Lite output as one raw node; None for any other output, which MyST-NB renders itself."""
        if data.mime_type != MIME or inline:
            return None
        from docutils import nodes

        spec = cast(Mapping[str, Any], data.content)
        return [nodes.raw(text=figure_html(spec), format="html", classes=["output"])]


def bundle() -> str:
    """Give Vega, Vega-Lite and Vega-Embed as one script that sets `window.vegaEmbed` and no other global name.

    vl-convert's bundle declares top-level names that collide with Sphinx's scripts, so a function wraps it.
    """
    import vl_convert

    script = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # pyright: ignore[reportCallIssue]: its default is Vega-Embed
    return "(function(){" + script + "})();\n"


def _add_bundle(app: "Sphinx") -> None:
    folder = Path(app.doctreedir) / "emomech_vega"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BUNDLE).write_text(bundle(), encoding="utf-8")
    app.config.html_static_path.append(str(folder))


def _add_scripts(app: "Sphinx", page: str, template: str, context: Mapping[str, Any], doctree: object) -> None:
    """Load the drawing library on the pages that show a chart, also one quoted from another page."""
    if 'class="emo-vega"' in context.get("body", ""):
        for script in (BUNDLE, "vega-init.js"):
            app.add_js_file(script, loading_method="defer")


def setup(app: "Sphinx") -> dict[str, object]:
    """Register the drawing library with Sphinx."""
    app.connect("builder-inited", _add_bundle)
    app.connect("html-page-context", _add_scripts)
    return {"version": VEGA_LITE, "parallel_read_safe": True, "parallel_write_safe": True}
