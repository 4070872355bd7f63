"""From a layer in a figure to the features of that layer: links below each figure that has an axis of depth.

Which layers have features stands in the book's page of features alone, whose place a notebook cannot know: the links
are written where both pages are at hand. The same links are what a click in the figure follows (`vega-init.js`). In a
book without that page there are none.
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
"""Name of the page of features."""
_INDEXED = re.compile(r'<li id="([^"]+)" data-depth="([^"]+)" data-features="(\d+)"')
_WANTED = re.compile(r'<nav class="emo-layers" data-depths="([^"]*)" hidden></nav>')


@dataclass(frozen=True)
class Layer:
    """The features of one hook point, as the page of features lists them."""

    place: str
    """Its address on the page."""
    depth: float
    n_features: int


def indexed(html: str) -> list[Layer]:
    """Read the hook points that a page of features lists."""
    return [Layer(place, float(depth), int(n)) for place, depth, n in _INDEXED.findall(html)]


def filled(body: str, layers: Sequence[Layer], address: str) -> str:
    """Put the links to the features at `address` in every place of a page that is meant for them."""
    return _WANTED.sub(lambda match: _links([float(depth) for depth in match[1].split()], layers, address), body)


def _links(depths: Sequence[float], layers: Sequence[Layer], address: str) -> str:
    items = ", ".join(
        _item(depth, [one for one in layers if abs(one.depth - depth) < 1e-6], address) for depth in depths
    )
    return (
        f'<nav class="emo-layers" aria-label="Causal features by depth"><p>Causal features by depth: {items}. '
        'A click on a layer in the figure leads to its features, too.</p><p role="status"></p></nav>'
    )


def _item(depth: float, found: Sequence[Layer], address: str) -> str:
    shown = f"{depth:.3f}".rstrip("0").rstrip(".")
    if not found:
        return f'<span data-depth="{depth!r}">{shown} (none)</span>'
    n = sum(one.n_features for one in found)
    return f'<a href="{escape(address)}#{found[0].place}" data-depth="{depth!r}">{shown} ({n})</a>'


def _fill(app: "Sphinx", pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    from docutils import nodes

    home = next((name for name in app.env.found_docs if PurePosixPath(name).name == PAGE), None)
    if home is None or not _WANTED.search(context.get("body", "")):
        return
    raw = "".join(node.astext() for node in app.env.get_doctree(home).findall(nodes.raw))
    context["body"] = filled(context["body"], indexed(raw), context["pathto"](home))


def setup(app: "Sphinx") -> Mapping[str, object]:
    """Register the links with Sphinx."""
    app.connect("html-page-context", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
