"""Differences between two books are found and classified; what they share is not listed."""

from pathlib import Path

import nbformat
import pandas as pd
import planted_book
import pytest

from emomech.book import diff
from emomech.book.claims import MATRIX
from emomech.book.diff import CellChange, NumberChange, ParameterChange, VerdictChange
from emomech.core.errors import UsageError
from emomech.notebook import verdicts


def compared(tmp_path: Path, before: dict, after: dict) -> diff.Differences:
    for name, notebooks in (("a", before), ("b", after)):
        planted_book.write(tmp_path / name / "results", **notebooks)
    return diff.compare(diff.read_book(tmp_path / "a"), diff.read_book(tmp_path / "b"))


def test_equal_books_show_the_same(tmp_path: Path) -> None:
    same = {"flow": planted_book.executed()}
    differences = compared(tmp_path, same, {"flow": planted_book.executed(record={"seconds": 99, "commit": "other"})})
    assert differences == diff.Differences([], [], [], [], [], [], [])
    assert diff.summary(differences) == "the two books show the same"


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("0.80 [0.70, 0.90]", "0.50 [0.40, 0.60]", "beyond"),
        ("0.80 [0.70, 0.90]", "0.50 [0.10, 0.85]", "within"),
        ("0.80 [0.40, 0.90]", "0.50 [0.45, 0.60]", "within"),
        ("0.80\u00a0[0.70,\u00a00.90]", "−0.50\u00a0[−0.60,\u00a0−0.40]", "beyond"),
        ("1,200 [1,100, 1,300]", "1,250 [1,150, 1,350]", "within"),
        ("3e−05 [1e−05, 4e−05]", "2.0 [1.0, 3.0]", "beyond"),
        ("0.80, no interval", "0.50 [0.40, 0.60]", "changed"),
        ("replicates", "partly", "changed"),
        ("", "0.5", "added"),
        ("0.5", "", "removed"),
    ],
)
def test_numbers_are_told_apart_by_their_intervals(before: str, after: str, kind: str) -> None:
    assert diff.number_kind(before, after) == kind


def test_a_number_that_moved_is_named_with_both_its_values(tmp_path: Path) -> None:
    before = {"flow": planted_book.executed(numbers={"a": "0.80 [0.70, 0.90]", "n": 1200, "old": 1})}
    after = {"flow": planted_book.executed(numbers={"a": "0.50 [0.40, 0.60]", "n": 1200, "new": 2})}
    assert compared(tmp_path, before, after).numbers == [
        NumberChange("flow", "flow.a", "0.80 [0.70, 0.90]", "0.50 [0.40, 0.60]", "beyond"),
        NumberChange("flow", "flow.old", "1", "–", "removed"),
        NumberChange("flow", "flow.new", "–", "2", "added"),
    ]


def test_a_verdict_that_turned_is_named_with_both_models_and_reasons(tmp_path: Path) -> None:
    other = planted_book.executed(
        shown_verdict=planted_book.verdict("partly", "One control holds."),
        record={"parameters": {"model": "gpt2-small", "seed": 0}},
    )
    differences = compared(tmp_path, {"flow": planted_book.executed()}, {"flow": other})
    assert differences.verdicts == [
        VerdictChange(
            "C1", "organism", "gpt2-small", "replicates", "partly", "The interval excludes zero.", "One control holds."
        )
    ]
    assert differences.parameters == [
        ParameterChange("flow", "limit", 9, None),
        ParameterChange("flow", "model", "organism", "gpt2-small"),
    ]
    assert "C1, organism → gpt2-small: replicates → partly. One control holds." in diff.summary(differences)


def summed_up(*outcomes: tuple[str, str], rule: str = "abc") -> nbformat.NotebookNode:
    """A page of verdicts of one claim on several models."""
    rows = [("C1", model, "Phases.", "flow", rule, outcome, f"{model}.", "", "", "[]") for model, outcome in outcomes]
    shown_matrix = verdicts.table(pd.DataFrame(rows, columns=list(MATRIX.columns)))
    return nbformat.v4.new_notebook(cells=[planted_book.shows(shown_matrix)])


def test_further_models_are_compared_one_by_one_and_no_verdict_twice(tmp_path: Path) -> None:
    first = {"flow": planted_book.executed(), "verdicts": summed_up(("organism", "replicates"), ("seed1", "partly"))}
    second = {
        "flow": planted_book.executed(shown_verdict=planted_book.verdict("partly")),
        "verdicts": summed_up(("organism", "partly"), ("seed1", "does not replicate")),
    }
    changes = compared(tmp_path, first, second).verdicts
    assert [(change.model_before, change.before, change.after) for change in changes] == [
        ("organism", "replicates", "partly"),
        ("seed1", "partly", "does not replicate"),
    ]


def test_a_change_of_the_rule_is_named(tmp_path: Path) -> None:
    first, second = {"verdicts": summed_up(("a", "partly"))}, {"verdicts": summed_up(("a", "reversed"), rule="def")}
    differences = compared(tmp_path, first, second)
    assert [change.other_rule for change in differences.verdicts] == [True]
    assert "C1, a: partly → reversed. The rule has changed, too. a." in diff.summary(differences)


def test_cells_are_found_by_the_keys_of_their_row_wherever_it_stands(tmp_path: Path) -> None:
    moved = planted_book.scores(who=("bag", "model"))
    moved.loc[(moved.who == "model") & (moved.layer == 1), "score"] = 0.11
    differences = compared(tmp_path, {"flow": planted_book.executed()}, {"flow": planted_book.executed(table=moved)})
    (table,) = differences.tables
    assert table.cells == [CellChange("model, 1", "score", "0.70", "0.11")]
    assert (table.rows_added, table.rows_removed) == ([], [])


def test_rows_that_only_one_table_has_are_named(tmp_path: Path) -> None:
    more = planted_book.scores(who=("model", "bag", "chance"))
    (table,) = compared(tmp_path, {"flow": planted_book.executed()}, {"flow": planted_book.executed(table=more)}).tables
    assert table.rows_added == ["chance, 0", "chance, 1"] and not table.cells and not table.rows_removed


def test_rows_that_their_keys_do_not_tell_apart_are_counted(tmp_path: Path) -> None:
    def page(second: float) -> nbformat.NotebookNode:
        from emomech.notebook import tables

        frame = planted_book.scores().head(2)
        frame.loc[1, "score"] = second
        shown = tables.table(frame, planted_book.SCORES, caption="c", columns=["who", "score"])
        return nbformat.v4.new_notebook(cells=[planted_book.shows(shown)])

    (table,) = compared(tmp_path, {"flow": page(0.7)}, {"flow": page(0.1)}).tables
    assert table.cells == [CellChange("model (2)", "score", "0.70", "0.10")]


def test_figures_that_draw_something_else_keep_both_pictures(tmp_path: Path) -> None:
    other = planted_book.executed(table=planted_book.scores(0.5))
    (figure,) = compared(tmp_path, {"flow": planted_book.executed()}, {"flow": other}).figures
    assert figure.caption == "How well." and figure.before.startswith("<svg") and figure.before != figure.after


def test_pages_that_only_one_book_has_are_named(tmp_path: Path) -> None:
    differences = compared(tmp_path, {"flow": planted_book.executed()}, {"depth": planted_book.executed("depth")})
    assert (differences.pages_added, differences.pages_removed, differences.numbers) == (["depth"], ["flow"], [])


def test_a_book_is_found_in_every_folder_that_is_one(tmp_path: Path) -> None:
    for folder in ("edition/results", "checkout/book/results", "loose"):
        planted_book.write(tmp_path / folder, flow=planted_book.executed())
    for folder in ("edition", "checkout", "checkout/book", "loose", "edition/results"):
        assert list(diff.read_book(tmp_path / folder)) == ["flow"]
    with pytest.raises(UsageError, match="holds no executed notebook; expected a folder that `emomech book` made"):
        diff.read_book(tmp_path)
