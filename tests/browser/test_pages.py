"""Every page in a browser, light and dark, wide and narrow: what a reader would see, and what a network would."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

WIDE, NARROW = 1440, 390
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (WIDE, NARROW)]


@dataclass
class Visit:
    """A page that is open, what it complained of and what it asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, file: Path) -> None:
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        drawn = "() => [...document.querySelectorAll('.emo-vega')].every(f => f.dataset.drawn || f.querySelector('.emo-failed'))"
        self.page.wait_for_function(drawn)

    def run(self, script: str) -> Any:
        return self.page.evaluate(script)


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def visit(request: pytest.FixtureRequest, browser: Any) -> Iterator[Visit]:
    scheme, width = request.param
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 1000})
    yield Visit(context.new_page())
    context.close()


def pages_of(html: Path) -> list[Path]:
    files = [file for file in sorted(html.rglob("*.html")) if "_static" not in file.relative_to(html).parts]
    return [file for file in files if "http-equiv" not in file.read_text(encoding="utf-8")[:600]]


def test_every_page_is_whole(visit: Visit, html: Path) -> None:
    for file in pages_of(html):
        visit.complaints.clear()
        page = Visit(visit.page.context.new_page())
        page.open(file)
        assert page.complaints == [], file.name
        assert [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))] == [], file.name
        assert page.run("document.documentElement.scrollWidth") <= page.run("innerWidth"), f"{file.name} scrolls sideways"
        for figure in page.page.query_selector_all(".emo-figure"):
            marks = figure.query_selector_all("svg.marks path, svg.marks line, svg.marks rect, svg.marks text")
            box = figure.query_selector("svg.marks").bounding_box()
            assert len(marks) > 5 and box["height"] > 60, f"{file.name}: a figure is empty"
            column = figure.bounding_box()
            assert 0.75 * column["width"] <= box["width"] <= column["width"] + 1, f"{file.name}: a figure misses its column"
            assert figure.get_attribute("aria-label"), f"{file.name}: a figure has no description"
        page.page.close()


@pytest.fixture
def stub(visit: Visit, html: Path) -> Visit:
    if not (html / "stub.html").exists():
        pytest.skip("not the small book")
    visit.open(html / "stub.html")
    return visit


def luminance(colour: str) -> float:
    red, green, blue = (int(part) / 255 for part in colour.removeprefix("rgb(").removeprefix("rgba(").split(",")[:3])
    return 0.21 * red + 0.72 * green + 0.07 * blue


def test_text_of_figures_and_cards_stands_out(stub: Visit) -> None:
    ground = luminance(stub.run("getComputedStyle(document.body).backgroundColor"))
    for selector in ("svg.marks .role-axis-label text", ".emo-verdict dd", ".emo-table td", ".emo-outcome strong"):
        ink = stub.run(
            f"(() => {{ const e = document.querySelector({selector!r}), s = getComputedStyle(e);"
            " return s.fill !== 'rgb(0, 0, 0)' && e.tagName === 'text' ? s.fill : s.color; })()"
        )
        assert abs(luminance(ink) - ground) > 0.4, selector


def test_switching_the_theme_recolours_figures(stub: Visit) -> None:
    colour = "getComputedStyle(document.querySelector('svg.marks .role-axis-label text')).fill"
    stub.run("document.documentElement.dataset.theme = 'light'")
    light = stub.run(colour)
    stub.run("document.documentElement.dataset.theme = 'dark'")
    assert luminance(stub.run(colour)) > luminance(light) + 0.4


def test_numbers_stand_in_the_prose_as_text(stub: Visit) -> None:
    said = stub.page.inner_text("article")
    assert "0.83 [0.78, 0.87] on 1,200 texts" in said
    assert "partly <b>" in said and "</script><b>Not bold.</b>" in said and "Three phases <b>&amp;</b>" in said


def test_a_mark_tells_its_values(stub: Visit) -> None:
    stub.page.locator(".emo-figure").first.scroll_into_view_if_needed()
    stub.page.locator(".emo-figure >> nth=0 >> svg.marks .mark-symbol path").first.hover(force=True)
    tooltip = stub.page.wait_for_selector("#vg-tooltip-element.visible")
    assert "balanced_accuracy" in tooltip.inner_text()


def test_a_control_can_be_chosen(stub: Visit) -> None:
    figure = stub.page.locator(".emo-figure").nth(1)
    before = figure.locator("svg.marks").inner_html()
    figure.locator("select").select_option("shuffled labels")
    assert figure.locator("svg.marks").inner_html() != before or figure.locator("select").input_value() == "shuffled labels"


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
