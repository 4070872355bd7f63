"""Charts become figures: nothing is lost, nothing escapes, nothing is fetched."""

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from emomech.book.sphinx import vega as sphinx_vega
from emomech.book.sphinx.vega import VegaLiteRenderer, bundle
from emomech.figures.vega import MAX_DATA_ROWS, MIME, figure_html

SPEC: dict[str, Any] = {
    "description": 'What "it" <shows>',
    "usermeta": {"caption": "A <b>caption</b>"},
    "data": {"name": "small"},
    "datasets": {
        "small": [{"x": 1}],
        "large": [{"long_name": "</script><!-- a & b", "x": -0.123456}, {"long_name": None, "x": 7}],
    },
}


class Elements(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.script = ""
        self.feed(text)
        assert self.open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.script += data
        else:
            self.text += data


def test_the_specification_stands_whole_in_the_page() -> None:
    assert json.loads(Elements(figure_html(SPEC)).script) == SPEC


def test_text_of_the_data_stays_text() -> None:
    page = Elements(figure_html(SPEC))
    assert "A <b>caption</b>" in page.text and "</script><!-- a & b" in page.text
    assert {"b", "shows"}.isdisjoint(tag for tag, _ in page.found)
    assert "<!--" not in figure_html(SPEC)


def test_a_figure_is_described_and_its_data_can_be_read() -> None:
    page = Elements(figure_html(SPEC))
    assert page.found[0] == ("figure", {"class": "emo emo-figure", "aria-label": SPEC["description"]})
    assert "long name" in page.text and "−0.1235" in page.text and "(2 rows)" in page.text


def test_long_data_say_that_they_are_cut() -> None:
    spec = SPEC | {"datasets": {"one": [{"x": i} for i in range(MAX_DATA_ROWS + 1)]}}
    assert f"the first {MAX_DATA_ROWS} of {MAX_DATA_ROWS + 1} rows" in figure_html(spec)


@pytest.mark.parametrize("spec", [{}, {"data": {"url": "a.csv"}}, {"datasets": {"one": [1, 2]}}])
def test_a_figure_may_have_no_table(spec: dict[str, Any]) -> None:
    assert "<details" not in figure_html(spec) and "<figcaption" not in figure_html(spec)


@pytest.mark.parametrize("rows", [[], [{"at": 0.0}]])
def test_a_chart_without_data_says_so_and_is_not_drawn(rows: list[dict]) -> None:
    page = Elements(figure_html(SPEC | {"datasets": {"large": [], "guide": rows}}))
    assert "Nothing to draw" in page.text and page.script == ""
    assert "A <b>caption</b>" in page.text
    assert scripts_of(figure_html({"datasets": {"one": []}})) == []


def test_inline_values_are_data_too() -> None:
    assert "(1 rows)" in figure_html({"data": {"values": [{"x": "here"}]}})


def test_only_charts_are_rendered_and_only_their_pages_load_the_library() -> None:
    renderer: Any = None
    other: Any = SimpleNamespace(mime_type="text/html", content="<p>")
    assert VegaLiteRenderer.handle_mime(renderer, other, False) is None
    chart: Any = SimpleNamespace(mime_type=MIME, content=SPEC)
    nodes = VegaLiteRenderer.handle_mime(renderer, chart, False)
    assert nodes and nodes[0].astext() == figure_html(SPEC)
    assert scripts_of("<p>") == []
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
