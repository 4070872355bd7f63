"""A book executes the pages of kept editions with its own, and tells their state and their problems."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import planted_book
import pytest
import yaml
from tiny_edition import CHAPTER

from emomech.book import build, pages, runner, warm_kernels
from emomech.book.edition import Edition
from emomech.book.kept import record
from emomech.book.kept.declared import KeptEdition
from emomech.core.errors import EmomechError
from emomech.study.kept import KEPT

EXECUTED: list[tuple[str, str]] = []
"""Name of each notebook that was executed, and the edition that its kernel was told of."""


@pytest.fixture
def book(trial: KeptEdition, monkeypatch: pytest.MonkeyPatch) -> Edition:
    """A book of one page of its own and one kept page, whose notebooks are not really executed."""
    EXECUTED.clear()
    monkeypatch.setenv(warm_kernels.KERNELS, "new")
    monkeypatch.setattr(runner, "execute", execute)
    monkeypatch.setattr(runner, "prepare", lambda name, _: SimpleNamespace(name=name, key=name))
    monkeypatch.setattr(pages, "_jupyter_book", lambda source, output: (output / "_build" / "html").mkdir(parents=True))
    (trial.root / "book" / "runs.toml").write_text(
        '[[run]]\nnotebook = "behaviour"\nquick = {limit = 200, n_resamples = 50}\n'
    )
    toc = {"format": "jb-book", "root": "book/index", "parts": [{"chapters": [{"file": "book/results/behaviour"}]}]}
    (trial.root / "_toc.yml").write_text(yaml.safe_dump(toc))
    for name in ("_config.yml", "book/index.md"):
        (trial.root / name).write_text("# A book\n")
    return Edition(root=trial.root)


def execute(planned: Any, file: Path, *, environment: Mapping[str, str], **_: object) -> None:
    EXECUTED.append((planned.name, Path(environment.get(KEPT, "")).name))
    notebook = planted_book.executed("behaviour")
    notebook.metadata["emomech"] = {"key": planned.key}
    file.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, file)


def test_a_kept_page_is_executed_once_and_told_of_its_edition(book: Edition) -> None:
    build.build(book, say=lambda line: None)
    assert sorted(EXECUTED) == [("behaviour", ""), ("behaviour", "trial-one")]
    assert build.status(book) == {"behaviour": "fresh", "pages of trial-one": "fresh", "html": "fresh"}
    build.build(book, say=lambda line: None)
    assert len(EXECUTED) == 2


def test_a_stale_chapter_is_a_problem_of_the_book_and_its_page_may_fail(
    book: Edition, trial: KeptEdition, monkeypatch: pytest.MonkeyPatch
) -> None:
    build.build(book, say=lambda line: None)
    file = trial.folder / CHAPTER / record.NAME
    kept = json.loads(file.read_text())
    file.write_text(json.dumps(kept | {"sources": kept["sources"] | {"models/scoring.py": ["0", "0"]}}))
    assert build.status(book)["pages of trial-one"] == "stale"
    assert any("trial-one/behaviour: is stale: models/scoring.py has changed" in line for line in build.check(book))

    def fail(*_: object, **__: object) -> None:
        raise EmomechError("holds other tables")

    monkeypatch.setattr(runner, "execute", fail)
    build.build(book, say=lambda line: None)
    assert "cannot show the kept tables: `holds other tables`" in book.executed("trial-one/behaviour").read_text()


def test_a_page_of_tables_that_are_up_to_date_may_not_fail(book: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(planned: Any, file: Path, *, environment: Mapping[str, str], **options: object) -> None:
        if KEPT in environment:
            raise EmomechError("a cell failed")
        execute(planned, file, environment=environment, **options)

    monkeypatch.setattr(runner, "execute", fail)
    with pytest.raises(EmomechError, match="a cell failed"):
        build.build(book, say=lambda line: None)
