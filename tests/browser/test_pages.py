"""Every page in a browser, light and dark, wide and narrow: what a reader would see, and what a network would."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe

WIDE, NARROW = 1440, 390
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (WIDE, NARROW)]


class Visit:
    """A page that is open, what it complained of and what it asked for."""

    def __init__(self, context: Any, file: Path) -> None:
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        self.page.wait_for_function(
            "[...document.querySelectorAll('.emo-vega')].every(f => f.dataset.drawn || f.querySelector('.emo-failed'))"
        )

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)


def look_name(look: tuple[str, int]) -> str:
    return f"{look[0]}-{look[1]}"


@contextmanager
def looking(browser: Any, look: tuple[str, int]) -> Iterator[Any]:
    """A window of a colour scheme and width."""
    context = browser.new_context(color_scheme=look[0], viewport={"width": look[1], "height": 1000})
    yield context
    context.close()


@pytest.fixture(params=LOOKS, ids=look_name)
def context(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    with looking(browser, request.param) as context:
        yield context


@pytest.fixture(params=[("light", WIDE), ("dark", NARROW)], ids=look_name)
def stub(request: pytest.FixtureRequest, browser: Any, html: Path) -> Iterator[Visit]:
    if not (html / "stub.html").exists():
        pytest.skip("EMOMECH_BOOK names another book than the small one")
    with looking(browser, request.param) as context:
        yield Visit(context, html / "stub.html")


def test_every_page_is_whole(context: Any, pages: list[Path]) -> None:
    for file in pages:
        visit = Visit(context, file)
        assert visit.complaints == [], file.name
        assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == [], file.name
        wide = visit.run("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{file.name} scrolls sideways by {wide} pixels"
        for figure in visit.page.query_selector_all(".emo-figure:not(.emo-nothing)"):
            assert_drawn(figure, file.name)
        if visit.run("matchMedia('(prefers-color-scheme: dark)').matches === innerWidth < 500"):
            assert barriers(visit.page) == [], file.name  # once in either scheme: it takes its time
        visit.page.close()


def barriers(page: Any) -> list[str]:
    """What axe-core finds against the Web Content Accessibility Guidelines, levels A and AA.

    Citations are left out: docutils marks them up, with a role that is deprecated.
    """
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
    found = Axe().run(page, context={"exclude": [[".citation-list"]]}, options=rules).response["violations"]
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:200]}" for rule in found]


def assert_drawn(figure: Any, name: str) -> None:
    drawing = figure.query_selector("svg.marks")
    assert drawing, f"{name}: a figure failed"
    marks = drawing.query_selector_all(
        ".mark-symbol path, .mark-line path, .mark-rect path, .mark-rule line, .mark-text text"
    )
    assert len(marks) > 5, f"{name}: a figure is empty"
    drawn, column = drawing.bounding_box(), figure.bounding_box()
    assert drawn["height"] > 60, f"{name}: a figure is flat"
    assert 0.75 * column["width"] <= drawn["width"] <= column["width"] + 1, f"{name}: a figure misses its column"
    assert figure.get_attribute("aria-label"), f"{name}: a figure has no description"


def luminance(colour: str) -> float:
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", colour)[:3])
    return 0.21 * red + 0.72 * green + 0.07 * blue


INKS = {
    "svg.marks .role-axis-label text": "fill",
    ".emo-verdict dd": "color",
    ".emo-table td": "color",
    ".emo-outcome strong": "color",
    "figcaption": "color",
}


def test_text_stands_out(stub: Visit) -> None:
    ground = luminance(stub.run("getComputedStyle(document.body).backgroundColor"))
    for selector, ink in INKS.items():
        colour = stub.run(f"getComputedStyle(document.querySelector('{selector}')).{ink}")
        assert abs(luminance(colour) - ground) > 0.4, selector


def test_html_of_notebooks_has_no_ground_of_its_own(stub: Visit) -> None:
    boxes = stub.run("[...document.querySelectorAll('.text_html')].map(e => getComputedStyle(e).backgroundColor)")
    assert set(boxes) == {"rgba(0, 0, 0, 0)"}


def test_switching_the_theme_recolours_figures(stub: Visit) -> None:
    colour = "getComputedStyle(document.querySelector('svg.marks .role-axis-label text')).fill"
    stub.run("document.documentElement.dataset.theme = 'light'")
    light = stub.run(colour)
    stub.run("document.documentElement.dataset.theme = 'dark'")
    assert luminance(stub.run(colour)) > luminance(light) + 0.4


def test_numbers_stand_in_the_prose_as_text(stub: Visit) -> None:
    said = stub.page.inner_text("article").replace("\u00a0", " ")
    assert "0.83 [0.78, 0.87] on 1,200 texts" in said
    assert "partly <b>" in said and "</script><b>Not bold.</b>" in said and "Three phases <b>&amp;</b>" in said


def test_a_mark_tells_its_values(stub: Visit) -> None:
    stub.page.locator(".emo-figure").first.scroll_into_view_if_needed()
    stub.page.locator(".emo-figure >> nth=0 >> svg.marks .mark-symbol path").first.hover(force=True)
    tooltip = stub.page.wait_for_selector("#vg-tooltip-element.visible")
    assert "balanced_accuracy" in tooltip.inner_text()


def test_a_control_can_be_chosen(stub: Visit) -> None:
    figure = stub.page.locator(".emo-figure").nth(1)
    dashed = figure.locator("svg.marks path[stroke-dasharray]").first
    before = dashed.get_attribute("d")
    figure.locator("select").select_option("shuffled labels")
    stub.page.wait_for_function(
        "before => document.querySelectorAll('.emo-figure')[1].querySelector('path[stroke-dasharray]')"
        ".getAttribute('d') !== before",
        arg=before,
    )


def test_figures_follow_the_window_and_keep_what_was_chosen(stub: Visit) -> None:
    figure = stub.page.locator(".emo-figure").nth(1)
    figure.locator("select").select_option("shuffled labels")
    for width in (WIDE, 700, NARROW):
        stub.page.set_viewport_size({"width": width, "height": 1000})
        stub.page.wait_for_timeout(400)
        drawn, column = figure.locator("svg.marks").bounding_box(), figure.bounding_box()
        assert 0.75 * column["width"] <= drawn["width"] <= column["width"] + 1
        assert figure.locator("select").input_value() == "shuffled labels"


def test_a_wide_table_scrolls_in_its_own_box(stub: Visit) -> None:
    box = "document.querySelectorAll('.emo-table .emo-scroll')[1]"
    assert stub.run(f"{box}.scrollWidth > {box}.clientWidth")
    stub.run(f"{box}.scrollLeft = 100")
    assert stub.run(f"{box}.scrollLeft") == 100


def test_a_figure_and_its_data_can_be_taken_away(stub: Visit) -> None:
    figure = stub.page.locator(".emo-figure").first
    figure.locator("summary").first.evaluate("summary => summary.parentElement.open = true")
    offered = [link.text_content() for link in figure.locator(".vega-actions a").all()]
    assert offered == ["Save as SVG", "Save as PNG", "Save data as CSV"]
    with stub.page.expect_download() as waiting:
        figure.locator(".vega-actions a", has_text="CSV").click()
    assert waiting.value.suggested_filename == "stub-figure-1.csv"
    saved = pd.read_csv(waiting.value.path())
    rows = figure.locator(".emo-data tbody tr").count()
    assert len(saved) == rows == 8 and "an item type with a rather long name <b>&" in set(saved.group)


def test_the_executed_notebook_is_a_file_beside_the_page(stub: Visit) -> None:
    link = stub.page.locator(".emo-takeaway a")
    assert link.get_attribute("download") == "stub.ipynb"
    file = Path(link.evaluate("link => decodeURIComponent(new URL(link.href).pathname)"))
    assert any(cell.get("outputs") for cell in json.loads(file.read_text(encoding="utf-8"))["cells"])
