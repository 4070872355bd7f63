"""A checklist shows every criterion with its role, in words and as a shape."""

from typing import get_args

import planted_rules
from bs4 import BeautifulSoup

from emomech.chapters.verdict import OUTCOMES, Outcome, Status
from emomech.notebook import checklist


def test_outcomes_differ_in_shape() -> None:
    assert tuple(checklist.SHAPES) == OUTCOMES == get_args(Outcome)
    assert len(set(checklist.SHAPES.values())) == len(OUTCOMES)


def test_statuses_differ_in_word_and_shape() -> None:
    words, shapes = zip(*checklist._STATUSES.values(), strict=True)
    assert set(checklist._STATUSES) == set(get_args(Status))
    assert len(set(words)) == len(set(shapes)) == len(checklist._STATUSES)


def test_what_decides_comes_first_whatever_the_order() -> None:
    page = BeautifulSoup(checklist.html(planted_rules.checks()[::-1]), "html.parser")
    assert [item["data-role"] for item in page.select("li")] == ["decides"] * 3 + ["lowers"] * 2 + ["describes"]
    assert [heading.text for heading in page.select(".emo-role")] == list(checklist.ROLES.values())


def test_a_line_names_estimate_and_control_and_stays_text() -> None:
    html = checklist.html(planted_rules.checks())
    assert "It is &lt;b&gt; met." in html and "matched &lt;features&gt;" in html and "points &amp; more:" in html
    assert "9.00\u00a0[6.00,\u00a012.00]" in html
    assert checklist.html(()) == ""


def test_a_checklist_fits_into_a_cell_of_a_table() -> None:
    assert checklist.from_json(checklist.to_json(planted_rules.checks())) == planted_rules.checks()
    assert checklist.from_json("") == ()
