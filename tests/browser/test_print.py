"""The book as a PDF, printed by a real browser."""

import shutil
from pathlib import Path
from typing import Any

import planted_book

from emomech.book import pdf
from emomech.book.edition import Edition
from emomech.core.paths import CHECKOUT


def test_a_book_becomes_one_pdf(browser: Any, tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "book" / "assets", tmp_path / "book" / "assets")
    shutil.copy(CHECKOUT / "book" / "references.bib", tmp_path / "book")
    shutil.copy(CHECKOUT / "_config.yml", tmp_path)
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n- file: book/results/stub\n")
    (tmp_path / "book" / "index.md").write_text("# A book\n\nText.\n")
    planted_book.write(tmp_path / "book" / "results", stub=planted_book.executed("stub"))
    printed = pdf.print_book(Edition(root=tmp_path), tmp_path / "book.pdf").read_bytes()
    assert printed.startswith(b"%PDF-") and printed.count(b"/Type /Page\n") >= 2
