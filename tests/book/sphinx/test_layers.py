"""Links from layers to features: every layer of a figure has a link, or says that there are no features."""

import re
from types import SimpleNamespace
from typing import Any

from docutils import nodes

from emomech.book.sphinx import layers as sphinx_layers
from emomech.book.sphinx.layers import LayerLink
from emomech.figures import vega
from emomech.figures.vega import figure_html

LAYERS = [LayerLink("features-a", 0.125, 2), LayerLink("features-b", 0.125, 1), LayerLink("features-c", 1.0, 4)]
INDEX = '<ul><li id="features-a" data-depth="0.125" data-features="2">…</li></ul>'


def figure(**usermeta: str) -> str:
    """A figure of three depths, as a notebook shows it."""
    rows = [{"depth": depth, "value": 0.5} for depth in (1.0, 0.125, 0.125, 0.0)]
    return figure_html({"description": "d", "usermeta": usermeta, "datasets": {"one": rows}})


def test_each_depth_leads_to_the_first_of_its_hook_points_and_counts_the_features_of_all() -> None:
    body = sphinx_layers.fill(figure(layers="depth"), LAYERS, "../features.html")
    links = re.findall(r'<a href="([^"]+)" data-depth="([^"]+)">([^<]+)</a>', body)
    assert links == [
        ("../features.html#features-a", "0.125", "0.125 (3)"),
        ("../features.html#features-c", "1.0", "1 (4)"),
    ]


def test_a_depth_without_features_says_so() -> None:
    body = sphinx_layers.fill(figure(layers="depth"), LAYERS, "features.html")
    assert '<span data-depth="0.0">0 (none)</span>' in body


def test_a_depth_that_a_file_rounded_is_the_same_depth() -> None:
    third = [LayerLink("features-a", 0.3333333333, 1)]
    assert "features.html#features-a" in sphinx_layers.fill(vega.layer_links([1 / 3]), third, "features.html")


def test_only_a_figure_that_names_its_axis_of_depth_has_links() -> None:
    assert sphinx_layers.fill(figure(), LAYERS, "features.html") == figure()


def page(body: str, pages: dict[str, str]) -> str:
    """The body of a page of a book that has these pages of raw HTML."""
    trees = {name: nodes.container("", nodes.raw(text=html)) for name, html in pages.items()}
    app: Any = SimpleNamespace(env=SimpleNamespace(found_docs=set(pages), get_doctree=trees.__getitem__))
    context = {"body": body, "pathto": lambda name: f"to/{name}.html"}
    sphinx_layers._fill_page(app, "index", "page.html", context, None)
    return str(context["body"])


def test_links_lead_to_the_page_of_features_wherever_it_stands() -> None:
    body = page(figure(layers="depth"), {"book/results/causal_features": INDEX, "index": ""})
    assert 'href="to/book/results/causal_features.html#features-a"' in body


def test_a_book_without_that_page_has_no_links() -> None:
    before = figure(layers="depth")
    assert page(before, {"index": ""}) == before
    assert re.search(r"<nav [^>]*hidden></nav>", before)
