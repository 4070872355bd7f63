"""The page of differences is self-contained, escapes its text, and says if the books are equal."""

from pathlib import Path

import planted_book

from emomech.book import diff, diff_page
from emomech.book.checks import html as html_checks


def page(tmp_path: Path, before: dict, after: dict) -> str:
    books = [diff.read_book(planted_book.write(tmp_path / n, **b)) for n, b in (("a", before), ("b", after))]
    return diff_page.page(diff.compare(*books), "first <b>", "second")


def test_it_shows_every_kind_of_difference_and_loads_nothing(tmp_path: Path) -> None:
    other = planted_book.executed(
        numbers={"accuracy": "0.10 [0.05, 0.20]", "n": 1300},
        table=planted_book.scores(0.5, ("model", "bag <i>")),
        shown_verdict=planted_book.verdict("does not replicate", "A <reason>."),
        record={"parameters": {"model": "organism", "seed": 1, "limit": 9}},
    )
    html = page(tmp_path, {"flow": planted_book.executed(), "old": planted_book.executed("old")}, {"flow": other})
    for title in ("Pages", "Verdicts", "Numbers beyond", "Numbers and words", "Tables", "Figures", "Parameters"):
        assert f"<h2>{title}" in html
    assert "A &lt;reason&gt;." in html and "bag &lt;i&gt;, 0" in html and "first &lt;b&gt;" in html
    assert '<strong class="beyond">0.10 [0.05, 0.20]</strong>' in html
    assert html.count('src="data:image/svg+xml;base64,') == 2 and "<script" not in html
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "page.html").write_text(html)
    assert html_checks.html_problems(tmp_path / "html") == []


def test_equal_books_have_a_short_page(tmp_path: Path) -> None:
    html = page(tmp_path, {"flow": planted_book.executed()}, {"flow": planted_book.executed()})
    assert "The two books show the same." in html and "<h2>" not in html
