"""The checks of built pages find files from other hosts, broken links and heavy pages."""

from pathlib import Path

import pytest

from emomech.book.checks import html as html_checks


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            '<script src="https://cdn.example.org/a.js"></script>',
            "loads https://cdn.example.org/a.js from another host",
        ),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loads //example.org/a.css from another host"),
        (
            '<style>p {background: url("https://example.org/a.png")}</style>',
            "loads https://example.org/a.png from another host",
        ),
        ('<p style="background: url(//example.org/a.png)">', "loads //example.org/a.png from another host"),
        ('<object data="https://example.org/a.svg">', "loads https://example.org/a.svg from another host"),
        ('<img src="http://example.org/a.png">', "loads http://example.org/a.png from another host"),
        ('<img src="gone.png">', "links to gone.png, which does not exist"),
        ('<a href="gone.html">', "links to gone.html, which does not exist"),
        ('<a href="other.html#nowhere">', "links to other.html#nowhere, but that page has no such anchor"),
        ('<a href="#nowhere">', "links to #nowhere, but that page has no such anchor"),
    ],
)
def test_what_a_page_lacks_or_fetches_is_found(tmp_path: Path, body: str, problem: str) -> None:
    (tmp_path / "page.html").write_text(body)
    (tmp_path / "other.html").write_text('<p id="here">')
    assert html_checks.html_problems(tmp_path) == [f"page.html: {problem}"]


def test_links_that_hold_are_no_problem(tmp_path: Path) -> None:
    links = [
        "other.html#here",
        "other.html",
        "#",
        "#own",
        "https://example.org/paper",
        "mailto:a@example.org",
        "a%20b.html",
    ]
    body = "".join(f'<a id="own" href="{link}">' for link in links)
    (tmp_path / "page.html").write_text(body + '<link rel="canonical" href="https://example.org/x">')
    (tmp_path / "other.html").write_text('<p id="here">')
    (tmp_path / "a b.html").write_text("")
    assert html_checks.html_problems(tmp_path) == []


@pytest.mark.parametrize(
    "rule", ["url(https://example.org/a.woff)", "url( '//example.org/a.woff' )", '@import "https://example.org/a"']
)
def test_a_style_sheet_that_fetches_is_found(tmp_path: Path, rule: str) -> None:
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.css").write_text(f"/* url(https://example.org/comment) */ p {{src: url(b.woff)}} {rule}")
    (problem,) = html_checks.html_problems(tmp_path)
    assert problem.startswith("_static/a.css: loads ") and "example.org/a" in problem


def test_a_page_that_is_heavy_is_found_and_what_pages_share_is_not_counted(tmp_path: Path) -> None:
    half = html_checks.MAX_BYTES // 2
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.js").write_text("x" * 2 * half)
    (tmp_path / "page.html").write_text('<script src="_static/a.js"></script><img src="a.png">' + "x" * half)
    (tmp_path / "a.png").write_text("x" * (half - 100))
    assert html_checks.html_problems(tmp_path) == []
    (tmp_path / "a.png").write_text("x" * (half + 100))
    assert html_checks.html_problems(tmp_path) == [
        "page.html: has 1.5 MB without shared files, expected at most 1.5 MB"
    ]
