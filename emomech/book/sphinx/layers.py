"""Sphinx extension: below each figure with an axis of depth, link every layer to its causal features.

Only the book's page of features says which layers have features, and a notebook does not know where that page is.
Sphinx therefore writes the links, when it has both pages. A click on a layer in the figure follows the same links
(`vega-init.js`). A book without that page has no links.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


PAGE = "causal_features"
"""Name of the page of features, without its folder."""
_INDEXED = re.compile(r'<li id="([^"]+)" data-depth="([^"]+)" data-features="(\d+)"')
_PLACEHOLDER = re.compile(r'<nav class="emo-layers" data-depths="([^"]*)" hidden></nav>')


@dataclass(frozen=True)
class LayerLink:
    """A hook point on the page of features."""

    anchor: str
    """The anchor of its features on the page."""
    depth: float
    n_features: int


def read_links(html: str) -> list[LayerLink]:
    """Read the hook points that a page of features lists."""
    return [LayerLink(anchor, float(depth), int(n)) for anchor, depth, n in _INDEXED.findall(html)]


def fill(body: str, layers: Sequence[LayerLink], address: str) -> str:
    """Write the links to the page of features at `address` into every placeholder of a page's body."""
    return _PLACEHOLDER.sub(lambda match: _links([float(depth) for depth in match[1].split()], layers, address), body)


def _links(depths: Sequence[float], layers: Sequence[LayerLink], address: str) -> str:
    items = ", ".join(
        _item(depth, [layer for layer in layers if abs(layer.depth - depth) < 1e-6], address) for depth in depths
    )
    return (
        f'<nav class="emo-layers" aria-label="Causal features by depth"><p>Causal features by depth: {items}. '
        'A click on a layer in the figure leads to its features, too.</p><p role="status"></p></nav>'
    )


def _item(depth: float, layers: Sequence[LayerLink], address: str) -> str:
    text = f"{depth:.3f}".rstrip("0").rstrip(".")
    if not layers:
        return f'<span data-depth="{depth!r}">{text} (none)</span>'
    n = sum(layer.n_features for layer in layers)
    return f'<a href="{escape(address)}#{layers[0].anchor}" data-depth="{depth!r}">{text} ({n})</a>'


def _fill_page(app: "Sphinx", pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    from docutils import nodes

    home = next((name for name in app.env.found_docs if PurePosixPath(name).name == PAGE), None)
    if home is None or not _PLACEHOLDER.search(context.get("body", "")):
        return
    raw = "".join(node.astext() for node in app.env.get_doctree(home).findall(nodes.raw))
    context["body"] = fill(context["body"], read_links(raw), context["pathto"](home))


def setup(app: "Sphinx") -> Mapping[str, object]:
    """Register the extension with Sphinx."""
    app.connect("html-page-context", _fill_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
