"""What is wrong with a page or an executed notebook is found: files from other hosts, dead links, what is no notebook."""

from pathlib import Path

import pytest

from emomech import pages
from emomech.errors import EmomechError


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            '<script src="https://cdn.example.org/a.js"></script>',
            "loads https://cdn.example.org/a.js from another host",
        ),
        ('<link rel="stylesheet" href="//example.org/a.css">', "loads //example.org/a.css from another host"),
        ('<img src="http://example.org/a.png">', "loads http://example.org/a.png from another host"),
        ('<img src="gone.png">', "leads to gone.png, which does not exist"),
        ('<a href="gone.html">', "leads to gone.html, which does not exist"),
        ('<a href="other.html#nowhere">', "leads to other.html#nowhere, a page without such a place"),
        ('<a href="#nowhere">', "leads to #nowhere, a page without such a place"),
    ],
)
def test_what_a_page_lacks_or_fetches_is_found(tmp_path: Path, body: str, problem: str) -> None:
    (tmp_path / "page.html").write_text(body)
    (tmp_path / "other.html").write_text('<p id="here">')
    assert pages.html_problems(tmp_path) == [f"page.html: {problem}"]


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
    assert pages.html_problems(tmp_path) == []


def test_a_file_that_is_no_notebook_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text("{")
    assert "is no notebook" in pages.notebook_problems(tmp_path / "a.ipynb")[0]


def test_why_jupyter_book_broke_off_is_said_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; sys.exit('Traceback\\n  File x\\nOSError: [Errno 28] No space left on device\\nRuntimeError: \\n====')"
    monkeypatch.setattr(pages, "_JUPYTER_BOOK", program)
    with pytest.raises(EmomechError) as caught:
        pages._jupyter_book(tmp_path, tmp_path)
    assert str(caught.value).splitlines()[1:] == ["OSError: [Errno 28] No space left on device"]
