"""What a notebook shows is read back as it was written."""

from pathlib import Path

import nbformat
import pandas as pd
import planted_book
import pytest

from emomech.book import executed_notebook
from emomech.book.claims import MATRIX
from emomech.book.executed_notebook import Number, Outcome
from emomech.core.errors import EmomechError
from emomech.notebook import provenance, verdicts


@pytest.fixture
def page(tmp_path: Path) -> executed_notebook.Shown:
    return executed_notebook.read(planted_book.write(tmp_path, flow=planted_book.executed()) / "flow.ipynb")


def test_numbers_are_read_as_prose_quotes_them(page: executed_notebook.Shown) -> None:
    assert page.numbers == (Number(2, "flow.accuracy", "0.80 [0.60, 0.90]"), Number(2, "flow.n", "1,200"))


def test_a_figure_is_read_with_its_caption_and_its_picture(page: executed_notebook.Shown) -> None:
    (figure,) = page.figures
    assert (figure.cell, figure.number, figure.caption) == (3, 1, "How well.")
    assert figure.spec["description"] == "A chart." and figure.svg.startswith("<svg")


def test_a_table_is_read_with_its_keys(page: executed_notebook.Shown) -> None:
    (table,) = page.tables
    assert (table.cell, table.caption) == (4, "The scores.")
    assert table.columns == ("who", "layer", "score", "interval") and table.keys == ("who", "layer")
    assert table.rows[1] == ("model", "1", "0.70", "[0.60, 0.90]") and len(table.rows) == 4


def test_a_verdict_is_of_the_model_that_the_page_was_executed_with(page: executed_notebook.Shown) -> None:
    assert page.outcomes == (Outcome(5, "C1", "organism", "replicates", "The interval excludes zero."),)


def test_provenance_is_read_from_the_last_table(page: executed_notebook.Shown) -> None:
    assert page.provenance["key"] == "0123456789abcdef"
    assert page.provenance["commit"] == "abcdef012345 with changes"
    assert page.provenance["study"] == {"model": "organism", "seed": "0"}
    assert page.provenance["versions"] == {"torch": "2.13.0"}


def test_the_table_of_parameters_is_no_result(tmp_path: Path) -> None:
    made = planted_book.executed()
    values = {"model": "x", "corpus": "", "emotions": "", "prompt": "", "seed": 1, "limit": 0, "n_resamples": 3}
    made.cells.append(planted_book.shows(provenance.parameters_table("behaviour", values)))
    assert len(executed_notebook.read(planted_book.write(tmp_path, flow=made) / "flow.ipynb").tables) == 1


def test_the_matrix_is_read_per_claim_and_model(tmp_path: Path) -> None:
    rows = [
        ("C1", "one", "Three <phases>.", "flow", "replicates", "Because.", "", ""),
        ("C1", "two", "Three <phases>.", "flow", "does not replicate", "Not so.", "0.1", "0.2"),
        ("C9", "to/one", "Scarce.", "scarcity", "partly", "Some.", "", ""),
    ]
    shown_matrix = verdicts.table(pd.DataFrame(rows, columns=list(MATRIX.columns)))
    glued = planted_book.glued("verdicts", {}, matrix=shown_matrix)
    cells = [planted_book.shows(shown_matrix), planted_book.shows(*glued)]
    page = executed_notebook.read(
        planted_book.write(tmp_path, verdicts=nbformat.v4.new_notebook(cells=cells)) / "verdicts.ipynb"
    )
    assert [(one.claim, one.model, one.outcome, one.reason) for one in page.matrix] == [
        ("C1", "one", "replicates", "Because."),
        ("C1", "two", "does not replicate", "Not so."),
        ("C9", "to/one", "partly", "Some."),
    ]
    assert [piece.name for piece in page.pieces] == ["verdicts.matrix"] and page.tables == ()


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_what_is_no_notebook_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "flow.ipynb").write_text(content)
    with pytest.raises(EmomechError, match="flow.ipynb: is no notebook"):
        executed_notebook.read(tmp_path / "flow.ipynb")


def test_a_folder_is_read_by_name(tmp_path: Path) -> None:
    planted_book.write(tmp_path, flow=planted_book.executed(), depth=planted_book.executed("depth"))
    assert list(executed_notebook.read_all(tmp_path)) == ["depth", "flow"]
