"""An executed notebook is read back from its file: its record, its freshness, and its problems."""

import json
from pathlib import Path

import planted_book
import pytest

from emomech.book import executed_notebook
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.core.errors import EmomechError
from emomech.figures.vega import MIME


def written(folder: Path, content: object) -> Path:
    """A file `a.ipynb` with this content, as JSON unless it is text."""
    file = folder / "a.ipynb"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_a_notebook_of_the_book_knows_its_name_and_its_record(tmp_path: Path) -> None:
    notebook = ExecutedNotebook.read(planted_book.write(tmp_path, flow=planted_book.executed()) / "flow.ipynb")
    assert (notebook.name, notebook.record["commit"], notebook.problems) == ("flow", "0123456789ab", [])
    assert notebook.prose == [(1, "# A page\n\nIt is {glue:text}`flow.accuracy`.")]


def cells(**changes: object) -> str:
    """A notebook of one code cell, with changes to it."""
    cell = {"cell_type": "code", "source": "1", "execution_count": 1, "outputs": []}
    return json.dumps({"cells": [{**cell, **changes}]})


@pytest.mark.parametrize(
    "content",
    [
        *(
            "",
            "{",
            "[]",
            "{}",
            '{"cells": [{}]}',
            '{"cells": 3}',
            '{"cells": {"a": {}}}',
            '{"cells": [], "metadata": 3}',
        ),
        *(cells(outputs=outputs) for outputs in (None, "none", 3, {}, ["none"], [{}], [{"output_type": 3}])),
        *(cells(outputs=[{"output_type": "display_data", "data": data}]) for data in (None, "none", {MIME: "none"})),
        *(cells(source=source) for source in (None, 3, [3])),
        *(json.dumps({"cells": [], "metadata": {"emomech": record}}) for record in (3, None, {"parameters": "none"})),
    ],
)
def test_a_file_that_is_not_a_notebook_is_named(tmp_path: Path, content: str) -> None:
    file = written(tmp_path, content)
    with pytest.raises(EmomechError, match="a.ipynb: is not a notebook"):
        ExecutedNotebook.read(file)
    assert ExecutedNotebook.read_if_valid(file) is None
    (problem,) = executed_notebook.problems(file)
    assert "a.ipynb: is not a notebook" in problem


def test_a_missing_file_is_not_a_notebook(tmp_path: Path) -> None:
    assert ExecutedNotebook.read_if_valid(tmp_path / "a.ipynb") is None


def test_bytes_that_are_not_text_are_not_a_notebook(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(b"\x89PNG\x00\xff")
    with pytest.raises(EmomechError, match="a.ipynb: is not a notebook, or is damaged"):
        ExecutedNotebook.read(tmp_path / "a.ipynb")


@pytest.mark.parametrize("change", ["a cell less", "another number"])
def test_cells_that_are_not_those_that_were_executed_are_a_problem(tmp_path: Path, change: str) -> None:
    content = json.loads(cells()) | {"metadata": {"emomech": {"key": "key"}}}
    record = content["metadata"]["emomech"]
    record["content"] = executed_notebook.content_hash(content["cells"])
    assert ExecutedNotebook.read(written(tmp_path, content)).problems == []
    if change == "a cell less":
        content["cells"].pop()
    else:
        content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "0.9"}]
    assert ExecutedNotebook.read(written(tmp_path, content)).problems == [
        "its cells have changed since they were executed"
    ]


@pytest.mark.parametrize("metadata", [{}, {"emomech": {}}, {"emomech": {"key": "another"}}])
def test_a_notebook_with_another_key_or_without_record_is_not_fresh(tmp_path: Path, metadata: dict) -> None:
    assert not ExecutedNotebook.read(written(tmp_path, {"cells": [], "metadata": metadata})).is_fresh("key")


def test_a_notebook_with_the_key_of_now_is_fresh(tmp_path: Path) -> None:
    content = {"cells": [], "metadata": {"emomech": {"key": "key"}}}
    assert ExecutedNotebook.read(written(tmp_path, content)).is_fresh("key")


def test_a_notebook_without_metadata_has_an_empty_record(tmp_path: Path) -> None:
    assert ExecutedNotebook.read(written(tmp_path, {"cells": []})).record == {}


def test_a_folder_is_read_by_name(tmp_path: Path) -> None:
    planted_book.write(tmp_path, flow=planted_book.executed(), depth=planted_book.executed("depth"))
    assert list(executed_notebook.read_all(tmp_path)) == ["depth", "flow"]
