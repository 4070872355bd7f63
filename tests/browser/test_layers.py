"""A click on a layer of a figure leads to that layer's features, from whichever page shows the figure."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import planted_book
import pytest
from IPython.display import HTML

from emomech.book import pages
from emomech.chapters.depth import charts
from emomech.core.paths import CHECKOUT
from emomech.figures import vega
from emomech.notebook import figures

DEPTHS = (0.0, 0.25, 0.5, 1.0)
FEATURES = HTML(
    "<nav class='emo emo-card-index'><ul style='padding: 90vh 0'>"
    '<li id="features-one" data-depth="0.25" data-features="2">one</li>'
    '<li id="features-two" data-depth="1.0" data-features="1">two</li></ul></nav>'
)


def profile() -> pd.DataFrame:
    rows = [
        ("emotion", condition, "answer", "probe", depth, depth / 2 + 0.2, depth / 2, depth / 2 + 0.3, 40)
        for condition in ("trained", "random weights")
        for depth in DEPTHS
    ]
    columns = ["task", "condition", "where", "measure", "depth", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def planted(name: str, *things: object) -> Any:
    """An executed notebook that shows these things, with a title and nothing else of its own."""
    made = planted_book.executed(name, prose=f"# {name}")
    made.cells[1:] = [planted_book.shows(*things)]
    return made


@pytest.fixture(scope="session")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages with a figure of depth, its features, and its copy on the first page; of the book that EMOMECH_BOOK names."""
    if named := os.environ.get("EMOMECH_BOOK"):
        return Path(named).resolve()
    folder = tmp_path_factory.mktemp("layers")
    shown = figures.figure(charts.profiles(profile(), "answer"), "By depth.")
    copied = HTML(vega.figure_html(shown.spec))
    results = planted_book.write(
        folder / "results",
        depth=planted("depth", shown, *planted_book.glued("depth", {"n": 1}, picture=copied)),
        causal_features=planted("causal_features", FEATURES),
    )
    toc = "format: jb-book\nroot: book/index\nchapters:\n- file: book/results/depth\n- file: book/results/causal_features\n"
    (folder / "_toc.yml").write_text(toc)
    (folder / "index.md").write_text("# A book\n\n```{glue:any} depth.picture\n:doc: results/depth.ipynb\n```\n")
    own = {"_toc.yml": folder / "_toc.yml", "book/index.md": folder / "index.md"}
    dress = [CHECKOUT / "_config.yml", CHECKOUT / "book" / "references.bib"]
    dress += [file for file in (CHECKOUT / "book" / "assets").iterdir() if file.is_file()]
    found = {f"book/results/{file.name}": file for file in results.iterdir()}
    sources = {file.relative_to(CHECKOUT).as_posix(): file for file in dress} | own | found
    pages.render(sources, folder / "html")
    return folder / "html"


@pytest.fixture(params=["index", "results/depth"])
def figure(request: pytest.FixtureRequest, browser: Any, layered: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.goto((layered / "book" / f"{request.param}.html").as_uri())
    figure = page.locator(".emo-figure", has=page.locator(".emo-layers")).first
    figure.locator(".emo-vega[data-drawn]").wait_for()
    yield figure
    context.close()


def click(figure: Any, depth: float) -> None:
    """Click in the figure where this depth is, above all that is drawn."""
    figure.scroll_into_view_if_needed()
    plot = figure.locator("svg.marks .mark-group.role-frame path.background").first.bounding_box()
    figure.page.mouse.click(plot["x"] + depth * plot["width"], plot["y"] + 2)


def test_a_click_leads_to_the_features_of_the_layer(figure: Any) -> None:
    links = figure.locator(".emo-layers a")
    depth, target = links.last.get_attribute("data-depth"), links.last.evaluate("link => link.href")
    click(figure, float(depth) - 0.01)
    figure.page.wait_for_url(target)
    place = figure.page.locator("li:target")
    assert place.count() == 1 and place.get_attribute("data-depth") == depth
    assert 0 <= place.bounding_box()["y"] < 1000


def test_the_same_links_are_there_for_the_keyboard(figure: Any) -> None:
    link = figure.locator(".emo-layers a").first
    target = link.evaluate("link => link.href")
    link.focus()
    figure.page.keyboard.press("Enter")
    figure.page.wait_for_url(target)


def test_a_layer_without_features_says_so(figure: Any) -> None:
    empty = figure.locator(".emo-layers span[data-depth]")
    if empty.count() == 0:
        pytest.skip("every layer of this book has a feature")
    here = figure.page.url
    click(figure, float(empty.first.get_attribute("data-depth")))
    said = figure.locator(".emo-layers [role=status]").text_content()
    assert said.startswith("No causal feature was found at depth ") and figure.page.url == here
