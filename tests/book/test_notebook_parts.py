"""The parts of an executed notebook are read back as `emomech.notebook` wrote them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import planted_book
import planted_rules
import pytest

from emomech.book import notebook_parts
from emomech.book.claims import MATRIX
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.book.notebook_parts import QuotedNumber, ShownVerdict
from emomech.notebook import checklist, provenance, verdicts


@pytest.fixture
def page(tmp_path: Path) -> ExecutedNotebook:
    return ExecutedNotebook.read(planted_book.write(tmp_path, flow=planted_book.executed()) / "flow.ipynb")


def test_numbers_are_read_as_prose_quotes_them(page: ExecutedNotebook) -> None:
    assert page.numbers == (QuotedNumber(2, "flow.accuracy", "0.80 [0.60, 0.90]"), QuotedNumber(2, "flow.n", "1,200"))


def test_a_figure_is_read_with_its_caption_and_its_picture(page: ExecutedNotebook) -> None:
    (figure,) = page.figures
    assert (figure.cell, figure.number, figure.caption) == (3, 1, "How well.")
    assert figure.spec["description"] == "A chart." and figure.svg.startswith("<svg")


def test_a_table_is_read_with_its_keys(page: ExecutedNotebook) -> None:
    (table,) = page.tables
    assert (table.cell, table.caption) == (4, "The scores.")
    assert table.columns == ("who", "layer", "score", "interval") and table.keys == ("who", "layer")
    assert table.rows[1] == ("model", "1", "0.70", "[0.60, 0.90]") and len(table.rows) == 4


def test_a_verdict_is_of_the_model_that_the_page_was_executed_with(page: ExecutedNotebook) -> None:
    (shown,) = page.verdicts
    assert shown.checks == planted_book.verdict().checks
    plain = replace(shown, rule="", checks=())
    assert plain == ShownVerdict(5, "C1", "organism", "replicates", "The interval excludes zero.")


def test_provenance_is_read_from_the_last_table(page: ExecutedNotebook) -> None:
    assert page.provenance["key"] == "0123456789abcdef"
    assert page.provenance["commit"] == "abcdef012345 with changes"
    assert page.provenance["study"] == {"model": "organism", "seed": "0"}
    assert page.provenance["versions"] == {"torch": "2.13.0"}


def test_the_table_of_parameters_is_no_result(tmp_path: Path) -> None:
    notebook = planted_book.executed()
    values = {
        "model": "x",
        "corpus": "",
        "text": "",
        "label": "",
        "emotions": "",
        "prompt": "",
        "seed": 1,
        "limit": 0,
        "n_resamples": 3,
        "n_draws": 1,
    }
    notebook.cells.append(planted_book.shows(provenance.parameters_table("behaviour", values)))
    assert len(ExecutedNotebook.read(planted_book.write(tmp_path, flow=notebook) / "flow.ipynb").tables) == 1


def test_the_matrix_is_read_per_claim_and_model(tmp_path: Path) -> None:
    checks = checklist.to_json(planted_rules.checks())
    rows = [
        ("C1", "one", "Three <phases>.", "flow", "abc", "replicates", "Because.", "", "", "[]"),
        ("C1", "two", "Three <phases>.", "flow", "abc", "reversed", "Not so.", "0.1", "0.2", checks),
        ("C9", "to/one", "Scarce.", "scarcity", "def", "no power here", "Some.", "", "", "[]"),
    ]
    matrix = verdicts.table(pd.DataFrame(rows, columns=list(MATRIX.columns)))
    glued = planted_book.glued("verdicts", {}, matrix=matrix)
    cells = [planted_book.shows(matrix), planted_book.shows(*glued)]
    page = ExecutedNotebook.read(
        planted_book.write(tmp_path, verdicts=nbformat.v4.new_notebook(cells=cells)) / "verdicts.ipynb"
    )
    assert [(verdict.claim, verdict.model, verdict.outcome, verdict.reason) for verdict in page.matrix] == [
        ("C1", "one", "replicates", "Because."),
        ("C1", "two", "reversed", "Not so."),
        ("C9", "to/one", "no power here", "Some."),
    ]
    assert [verdict.rule for verdict in page.matrix] == ["abc", "abc", "def"]
    assert page.matrix[1].checks == planted_rules.checks() and page.matrix[0].checks == ()
    assert [piece.name for piece in page.pieces] == ["verdicts.matrix"] and page.tables == ()


ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "of no use"}
NAMELESS = {"output_type": "display_data", "data": {notebook_parts.MIME: {"mark": "point"}}}


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ({"execution_count": 1, "outputs": []}, []),
        ({"execution_count": None, "outputs": []}, ["was not run"]),
        ({"execution_count": 1, "outputs": [ERROR]}, ["raised ValueError: of no use"]),
        ({"execution_count": 1, "outputs": [NAMELESS]}, ["shows a figure without a description"]),
        ({"execution_count": None, "source": [" \n"]}, []),
        ({"cell_type": "markdown"}, []),
    ],
)
def test_a_cell_says_what_keeps_it_from_standing_on_a_page(content: dict[str, Any], problems: list[str]) -> None:
    cell = notebook_parts.Cell.of(1, {"cell_type": "code", "source": ["x = 1\n", "x"], **content})
    assert list(cell.problems()) == problems
