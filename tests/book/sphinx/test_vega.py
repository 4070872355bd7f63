"""Only charts are rendered as figures, and only pages with charts load the library, once."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from emomech.book.sphinx import vega as sphinx_vega
from emomech.book.sphinx.vega import VegaLiteRenderer, bundle
from emomech.figures.vega import MIME, figure_html

SPEC: dict[str, Any] = {
    "description": 'What "it" <shows>',
    "usermeta": {"caption": "A <b>caption</b>"},
    "data": {"name": "small"},
    "datasets": {
        "small": [{"x": 1}],
        "large": [{"long_name": "</script><!-- a & b", "x": -0.123456}, {"long_name": None, "x": 7}],
    },
}


def test_only_charts_are_rendered_and_only_their_pages_load_the_library() -> None:
    renderer: Any = None
    other: Any = SimpleNamespace(mime_type="text/html", content="<p>")
    assert VegaLiteRenderer.handle_mime(renderer, other, False) is None
    chart: Any = SimpleNamespace(mime_type=MIME, content=SPEC)
    nodes = VegaLiteRenderer.handle_mime(renderer, chart, False)
    assert nodes and nodes[0].astext() == figure_html(SPEC)
    assert scripts_of("<p>") == []
    assert scripts_of(figure_html({"datasets": {"one": []}})) == []
    assert scripts_of(figure_html(SPEC)) == [sphinx_vega.BUNDLE, "vega-init.js"]


def scripts_of(body: str) -> list[str]:
    """The scripts that a page with this body loads."""
    connected: dict[str, Any] = {}
    loaded: list[str] = []
    app: Any = SimpleNamespace(
        connect=connected.__setitem__, add_js_file=lambda name, loading_method: loaded.append(name)
    )
    sphinx_vega.setup(app)
    connected["html-page-context"](app, "page", "page.html", {"body": body}, None)
    return loaded


def test_the_library_is_one_closed_script_and_always_the_same() -> None:
    script = bundle()
    assert script.startswith("(function(){") and script.rstrip().endswith("})();")
    assert "window.vegaEmbed=" in script
    assert not re.search(r"""import\s*\(?["']https?:""", script)


def test_sphinx_copies_the_library(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sphinx_vega, "bundle", lambda: "drawn")
    connected: dict[str, Any] = {}
    app: Any = SimpleNamespace(
        doctreedir=tmp_path, config=SimpleNamespace(html_static_path=["own"]), connect=connected.__setitem__
    )
    sphinx_vega.setup(app)
    connected["builder-inited"](app)
    own, added = app.config.html_static_path
    assert own == "own" and (tmp_path / "emomech_vega" / sphinx_vega.BUNDLE).read_text() == "drawn"
    assert added == str(tmp_path / "emomech_vega")
