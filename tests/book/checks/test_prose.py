"""The checks of prose find typed numbers and quotes of numbers that no cell defines."""

from pathlib import Path

import planted_book
import pytest

from emomech.book.checks import prose


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It is 0.83 of all.", ["0.83"]),
        ("On 1200 texts", ["1200"]),
        ("a share of 7 %", ["7 %"]),
        ("with `0.83` as code, at 95 %, as C10 says", []),
        ("1. First\n12. Last", []),
        ("{glue:text}`flow.accuracy` in two of 3 layers", []),
    ],
)
def test_typed_numbers_are_told_from_quoted_ones(text: str, numbers: list[str]) -> None:
    assert prose.typed_numbers(text) == numbers


def test_keys_are_found_wherever_they_stand() -> None:
    text = (
        "It is {glue:text}`flow.a` and {glue:text}`results/depth.ipynb::depth.b:s`.\n\n"
        "```{glue:any} verdicts.matrix\n:doc: ../results/verdicts.ipynb\n```\n"
        ":::{glue:any} flow.c\n:::\n"
    )
    assert list(prose.quoted_keys(text)) == [
        ("", "flow.a"),
        ("results/depth.ipynb", "depth.b"),
        ("../results/verdicts.ipynb", "verdicts.matrix"),
        ("", "flow.c"),
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "book").mkdir()
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n- file: book/results/flow\n")
    (tmp_path / "book" / "index.md").write_text("# A book\n\n{glue:text}`results/flow.ipynb::flow.accuracy:s`\n")
    return tmp_path


def problems(root: Path, text: str = "") -> list[str]:
    results = planted_book.write(root / "book" / "results", flow=planted_book.executed(prose=text))
    return prose.problems(results, ["flow"], root)


def test_prose_that_quotes_what_there_is_is_no_problem(root: Path) -> None:
    assert problems(root) == []


def test_a_number_in_a_notebooks_prose_is_a_problem(root: Path) -> None:
    assert problems(root, "# A page\n\nIt is 0.83.") == ["flow: cell 1 types 0.83 into prose"]


def test_a_key_that_no_cell_defines_is_a_problem(root: Path) -> None:
    assert problems(root, "{glue:text}`flow.acuracy`") == [
        "flow: cell 1 quotes flow.acuracy, which flow does not define"
    ]
    (root / "book" / "index.md").write_text("{glue:text}`results/depth.ipynb::depth.n:s` {glue:text}`flow.n`")
    assert problems(root) == [
        "book/index: quotes depth.n, which depth does not define",
        "book/index: quotes flow.n, which this page does not define",
    ]
