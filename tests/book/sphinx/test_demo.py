"""Sphinx writes the scripts of the live demo only for a book that has its page."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from emomech.book.sphinx import demo as sphinx_demo


def test_sphinx_writes_the_scripts_for_a_book_that_has_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr(sphinx_demo, "export", written.append)
    app: Any = SimpleNamespace(
        srcdir=tmp_path, doctreedir=tmp_path, config=SimpleNamespace(html_static_path=["assets"])
    )
    sphinx_demo._add(app)
    assert written == [] and app.config.html_static_path == ["assets"]
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "demo.md").write_text("# A page\n")
    sphinx_demo._add(app)
    assert app.config.html_static_path == ["assets", str(written[0])]
