"""The state of an edition is told in lines: kept, stale with the reason and the time, missing with the command."""

import json
from pathlib import Path

from tiny_edition import CHAPTER, DECLARED, write_root

from emomech.book.kept import declared, record, state
from emomech.book.kept.declared import KeptEdition


def change(edition: KeptEdition, **fields: object) -> None:
    file = edition.folder / CHAPTER / record.NAME
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_a_kept_chapter_and_a_missing_one(trial: KeptEdition) -> None:
    rows = dict(state.rows(trial))
    assert rows[CHAPTER].startswith("kept: computed on 20") and rows[CHAPTER].endswith("s (quick)")
    assert rows["flow"] == "not computed yet" and rows["to compute"] == "emomech edition compute trial-one"
    assert state.summary(trial) == "1 of 2 chapters kept"
    assert list(state.problems(trial.root)) == []


def test_a_stale_chapter_says_why_and_how_long_it_takes(trial: KeptEdition) -> None:
    change(trial, parameters={**record.read(trial.folder / CHAPTER).parameters, "seed": 9}, seconds=41.6)
    assert state.of(trial, CHAPTER).kind == "stale"
    assert dict(state.rows(trial))[CHAPTER] == (
        "stale: seed is 3, and was 9; computing it again takes about 42 s (quick)"
    )
    assert state.summary(trial) == (
        "1 of 2 chapters kept; stale (about 42 s to compute again): behaviour: seed is 3, and was 9. "
        "To compute: emomech edition compute trial-one"
    )
    (problem,) = state.problems(trial.root)
    assert problem.startswith("trial-one/behaviour: is stale: seed is 3, and was 9. Compute it again: ")
    assert problem.endswith("`emomech edition compute trial-one --chapter behaviour --quick`.")


def test_other_versions_are_noted(trial: KeptEdition) -> None:
    change(trial, versions={"torch": "0.1"})
    assert "; other versions: torch 0.1, now " in dict(state.rows(trial))[CHAPTER]
    assert list(state.problems(trial.root)) == []


def test_a_damaged_record_is_a_problem(trial: KeptEdition) -> None:
    (trial.folder / CHAPTER / record.NAME).write_text("{}")
    assert state.of(trial, CHAPTER).kind == "broken"
    assert any("is broken" in problem for problem in state.problems(trial.root))


def test_folders_that_nobody_asks_for_are_problems(trial: KeptEdition) -> None:
    (trial.folder / "speed").mkdir()
    (trial.folder.parent / "old" / "flow").mkdir(parents=True)
    assert list(state.problems(trial.root)) == [
        "book/editions/old/flow: is kept, but book/editions.toml does not ask for it",
        "book/editions/trial-one/speed: is kept, but book/editions.toml does not ask for it",
    ]


def test_nothing_kept_gives_the_command_and_what_cannot_be_asked_the_reason(tmp_path: Path) -> None:
    text = DECLARED + "[trial-one.without]\nflow = 'It has no labelled words.'\n"
    edition = declared.find("trial-one", write_root(tmp_path / "a", text))
    assert state.summary(edition) == "not computed yet: emomech edition compute trial-one"
    assert dict(state.rows(edition))["flow"] == "cannot be asked: It has no labelled words."
