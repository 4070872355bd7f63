"""A book is printed completely or not at all, and a missing browser gives an error with instructions."""

import os
from pathlib import Path

import pytest

from emomech.book import pages, pdf
from emomech.book.edition import Edition
from emomech.core.errors import EmomechError


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edition:
    """A book of one page of text, and a folder of browsers in place of the system's."""
    (tmp_path / "book").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "_config.yml").write_text("title: A book\n")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    (tmp_path / "book" / "index.md").write_text("# A book\n")

    def one_page(source: Path, output: Path, builder: str) -> None:
        page = output / "_build" / builder / "book" / "index.html"
        page.parent.mkdir(parents=True)
        page.write_text('<script src="https://cdn.example.org/a.js"></script><script src="_static/b.js"></script>text')

    monkeypatch.setattr(pages, "_jupyter_book", one_page)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(pdf, "BROWSERS", ("some-browser",))
    return Edition(root=tmp_path)


def browser(folder: Path, script: str) -> None:
    """A browser that runs this script; `$page` is the page to print, `$file` the PDF to write."""
    program = folder / "bin" / "some-browser"
    find = (
        'for a in "$@"; do case "$a" in --print-to-pdf=*) file="${a#*=}";; file://*) page="${a#file://}";; esac; done\n'
    )
    program.write_text("#!/bin/sh\n" + find + script)
    program.chmod(0o755)


def test_the_page_of_all_is_printed_and_loads_nothing_from_another_host(small: Edition, tmp_path: Path) -> None:
    browser(tmp_path, 'cp "$page" "$file"\n')
    assert pdf.print_book(small, tmp_path / "out" / "book.pdf") == tmp_path / "out" / "book.pdf"
    assert (tmp_path / "out" / "book.pdf").read_text() == '<script src="_static/b.js"></script>text'
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["book.pdf"]


def test_a_browser_that_fails_leaves_the_earlier_print(small: Edition, tmp_path: Path) -> None:
    (tmp_path / "book.pdf").write_text("earlier")
    browser(tmp_path, "echo no display >&2\nexit 1\n")
    with pytest.raises(EmomechError, match="some-browser: could not print the book.*no display"):
        pdf.print_book(small, tmp_path / "book.pdf")
    assert (tmp_path / "book.pdf").read_text() == "earlier"


def test_without_a_browser_the_way_out_is_named(small: Edition, tmp_path: Path) -> None:
    with pytest.raises(EmomechError, match="not installed; looked for some-browser. Install it"):
        pdf.print_book(small, tmp_path / "book.pdf")
    assert not (tmp_path / "book.pdf").exists()
