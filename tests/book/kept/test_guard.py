"""What is kept is small, and holds no text of a corpus whose texts may not be shown."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from emomech.book.kept import guard
from emomech.core.errors import EmomechError, UsageError
from emomech.data.grammar.tasks import TASKS
from emomech.study.run import PROVENANCE
from emomech.study.spec import StudySpec

TEXT = "When my neighbour's dog came back after three weeks, I sat on the stairs and could not speak."


def chapter(folder: Path, cells: list[str]) -> Path:
    """The folder of a run with one table of one column."""
    folder.mkdir()
    content = (
        "\n".join(
            ["note", *(json.dumps(cell, ensure_ascii=False) if '"' not in cell else f'"{cell}"' for cell in cells)]
        )
        + "\n"
    )
    (folder / "table.csv").write_text(content)
    digest = sha256(content.encode()).hexdigest()
    tables = {"table": {"sha256": digest, "columns": {"note": "str"}}}
    (folder / PROVENANCE).write_text(json.dumps({"tables": tables}))
    return folder


@pytest.mark.parametrize(
    "cells",
    [
        [TEXT],
        ["…came back after three weeks, I sat on…"],
        ["▁came|▁back|▁after|▁three|▁week|s|,|▁I|▁sat|▁on|▁the"],
        ["came", "back", "after", "three", "weeks", "I", "sat", "on", "the"],
        ["Ġcame Ġback Ġafter Ġthree Ġweeks , ĠI Ġsat Ġon"],
        [r"\u2581came \u2581back \u2581after \u2581three \u2581weeks \u2581I \u2581sat \u2581on"],
    ],
)
def test_a_text_is_found_whole_in_part_and_in_pieces(tmp_path: Path, cells: list[str]) -> None:
    with pytest.raises(EmomechError, match="table: the column note holds a text"):
        guard.check(chapter(tmp_path / "a", cells), guard.Texts([TEXT]))


def test_what_is_no_text_is_kept(tmp_path: Path) -> None:
    cells = ["joy", "the share of variance", "came back", "a dog and three weeks on the stairs"]
    guard.check(chapter(tmp_path / "a", cells), guard.Texts([TEXT, "Joy."]))
    guard.check(chapter(tmp_path / "b", [TEXT]), None)


def test_a_short_text_counts_as_a_whole() -> None:
    texts = guard.Texts(["My mother's death.", "Joy"])
    assert texts.quoted("my mother's death") and not texts.quoted("joy") and not texts.quoted("death")


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    folder = chapter(tmp_path / "a", ["x"])
    (folder / "large.csv").write_bytes(b"0" * (guard.MAX_BYTES + 1))
    with pytest.raises(UsageError, match=r"large\.csv: has 2\.0 MB, expected at most 2 MB"):
        guard.check(folder, None)


def test_texts_are_read_without_a_model(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text(
        f'text,label\n"{TEXT}",joy\n"Something else happened in the unusually long winter of that year.",fear\n'
    )
    texts = guard.texts_of([StudySpec(corpus=str(file), sae=None)])
    assert (
        texts.quoted(TEXT)
        and texts.quoted("in the unusually long winter of that year")
        and not texts.quoted("anything")
    )


def test_texts_of_the_grammar_are_read_too() -> None:
    texts = guard.texts_of([StudySpec()])
    assert texts.quoted(next(TASKS["vignettes"](0)).text)
