"""The page of one notebook: made once, made again from damaged files, and never in place of other files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from emomech.book import build, pages, runner, single
from emomech.book.executed_notebook import content_hash
from emomech.book.runner import Planned
from emomech.core.errors import UsageError

PLANNED = Planned("flow", {}, "0123456789abcdef")
CELLS = [{"cell_type": "code", "source": "1", "execution_count": 1, "outputs": []}]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Replace the kernel and Sphinx by functions that write at once; what is done."""
    done: list[str] = []

    def execute(planned: Planned, file: Path, *, on_cell: Callable[[int, int], None], **_: object) -> Path:
        done.append("executed")
        on_cell(1, 1)
        file.parent.mkdir(parents=True, exist_ok=True)
        record = {"key": planned.key, "content": content_hash(CELLS)}
        file.write_text(json.dumps({"cells": CELLS, "metadata": {"emomech": record}}))
        return file

    def render(file: Path, html: Path) -> Path:
        done.append("rendered")
        html.mkdir(exist_ok=True)
        (html / pages.STAMP).write_text("key")
        (html / "flow.html").touch()
        return html / "flow.html"

    monkeypatch.setattr(runner, "execute", execute)
    monkeypatch.setattr(build, "render_single", render)
    monkeypatch.setattr(single, "FOLDER", tmp_path / "default")
    return done


def test_a_page_is_made_once(calls: list[str], tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        assert single.run(PLANNED, None, said.append) == tmp_path / "default" / "flow-01234567" / "html" / "flow.html"
    assert calls == ["executed", "rendered"]
    assert said == ["flow: 1 of 1 cells done", "flow: rendering the page", "flow: is up to date"]


def test_a_page_that_is_gone_is_rendered_again(calls: list[str], tmp_path: Path) -> None:
    single.run(PLANNED, tmp_path / "out", list).unlink()
    single.run(PLANNED, tmp_path / "out", list)
    assert calls == ["executed", "rendered", "rendered"]


DAMAGED = [
    b"",
    b'{"cells": [{"cell_type": "code"',
    b"\x89PNG\x00\xff",
    b'{"metadata": {"emomech": {"key": "0123456789abcdef"}}}',
    json.dumps({"cells": CELLS, "metadata": {"emomech": 3}}).encode(),
    json.dumps({"cells": [CELLS[0] | {"outputs": "none"}], "metadata": {"emomech": {"key": PLANNED.key}}}).encode(),
    json.dumps({"cells": [], "metadata": {"emomech": {"key": PLANNED.key, "content": "another"}}}).encode(),
]


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("out", [None, "out"])
def test_a_damaged_notebook_is_executed_again(calls: list[str], tmp_path: Path, damage: bytes, out: str | None) -> None:
    folder = out and tmp_path / out
    page = single.run(PLANNED, folder, list)
    (page.parents[1] / "flow.ipynb").write_bytes(damage)
    assert single.run(PLANNED, folder, list) == page
    assert calls == ["executed", "rendered"] * 2


def test_a_damaged_notebook_without_pages_is_executed_again_in_the_default_folder(
    calls: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "default" / "flow-01234567" / "flow.ipynb"
    file.parent.mkdir(parents=True)
    file.write_text("{")
    single.run(PLANNED, None, list)
    assert calls == ["executed", "rendered"]


@pytest.mark.parametrize("content", ["{", json.dumps({"cells": CELLS}), json.dumps({"cells": [], "metadata": {}})])
def test_a_notebook_of_the_users_is_not_replaced(calls: list[str], tmp_path: Path, content: str) -> None:
    (tmp_path / "flow.ipynb").write_text(content)
    with pytest.raises(UsageError, match="flow.ipynb: was not written by emomech.* Delete it, or name another folder"):
        single.run(PLANNED, tmp_path, list)
    assert (tmp_path / "flow.ipynb").read_text() == content and calls == []


def test_other_files_in_the_place_of_the_pages_are_named_before_a_kernel_starts(
    calls: list[str], tmp_path: Path
) -> None:
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="html: holds files that are not pages of a book"):
        single.run(PLANNED, tmp_path, list)
    assert calls == [] and [file.name for file in tmp_path.iterdir()] == ["html"]


@pytest.mark.parametrize("place", ["flow.ipynb", "html"])
def test_a_place_of_the_wrong_kind_is_named(calls: list[str], tmp_path: Path, place: str) -> None:
    (tmp_path / "flow.ipynb").mkdir() if place == "flow.ipynb" else (tmp_path / "html").touch()
    with pytest.raises(UsageError, match=f"--out .*{place}: is a (folder, expected a file|file, expected a folder)"):
        single.run(PLANNED, tmp_path, list)
    assert calls == []
