"""Charts become figures: nothing is lost, and no data can become markup."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest

from emomech.figures.vega import MAX_DATA_ROWS, caption_of, figure_html, has_marks, largest_data, layer_links

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


def test_inline_values_are_data_too() -> None:
    assert "(1 rows)" in figure_html({"data": {"values": [{"x": "here"}]}})


def test_a_figure_may_leave_room_for_links_to_its_layers() -> None:
    spec = {"usermeta": {"layers": "depth"}, "datasets": {"one": [{"depth": 1.0}, {"depth": 0.5}, {"depth": 1.0}]}}
    assert layer_links([0.5, 1.0]) in figure_html(spec)
    assert 'data-depths="0.5 1.0"' in layer_links([1.0, 0.5, 1.0])
    assert "emo-layers" not in figure_html(SPEC)


def test_caption_and_data_are_read_from_a_specification() -> None:
    assert caption_of(SPEC) == "A <b>caption</b>" and caption_of({}) == ""
    assert largest_data(SPEC) == SPEC["datasets"]["large"] and largest_data({}) == []
    assert has_marks(SPEC) and has_marks({}) and not has_marks({"datasets": {"guide": [{"at": 0.0}]}})
