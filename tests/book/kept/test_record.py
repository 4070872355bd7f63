"""A kept chapter is stale if the code, a parameter or a preset behind it changed, and for no other reason."""

import json
from pathlib import Path

import pytest
from tiny_edition import CHAPTER

from emomech.book.kept import declared, record
from emomech.book.kept.declared import KeptEdition
from emomech.book.kept.record import Record
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import PACKAGE
from emomech.presets import lookup


def changes(edition: KeptEdition, **fields: object) -> list[str]:
    """The changes since a record with some other fields was made."""
    kept = record.read(edition.folder / CHAPTER)
    return record.changes(edition, CHAPTER, kept.model_copy(update=fields))


def test_nothing_has_changed_at_first(trial: KeptEdition) -> None:
    assert changes(trial) == []


def test_changed_code_is_named_and_a_comment_is_no_change(trial: KeptEdition) -> None:
    kept = record.read(trial.folder / CHAPTER)
    code = kept.sources["models/scoring.py"][1]
    assert changes(trial, sources={**kept.sources, "models/scoring.py": ("0", code)}) == []
    changed = {**kept.sources, "models/scoring.py": ("0", "0"), "models/gone.py": ("0", "0")}
    del changed["stats/auroc.py" if "stats/auroc.py" in changed else "core/errors.py"]
    removed = set(kept.sources) - set(changed)
    assert set(changes(trial, sources=changed)) == {
        *("models/gone.py is no longer imported", "models/scoring.py has changed"),
        *(f"{name} is imported now" for name in removed),
    }


def test_changed_parameters_are_named(trial: KeptEdition) -> None:
    kept = record.read(trial.folder / CHAPTER)
    others = {name: value for name, value in kept.parameters.items() if name != "n_draws"}
    assert changes(trial, parameters=others | {"seed": 9}) == ["seed is 3, and was 9", "the parameter n_draws is new"]


def test_a_changed_preset_is_named_unless_it_is_not_here(trial: KeptEdition, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = record.read(trial.folder / CHAPTER)
    presets = {**kept.presets, "prompt": {**kept.presets["prompt"], "template": "Another. {text}"}}
    assert changes(trial, presets=presets) == ["template in the preset of the prompt has changed"]
    monkeypatch.setattr(lookup, "prompt", lambda name: (_ for _ in ()).throw(UsageError(f"unknown prompt {name}")))
    assert changes(trial, presets=presets) == []


def test_other_versions_are_noted_and_make_nothing_stale(trial: KeptEdition) -> None:
    kept = record.read(trial.folder / CHAPTER)
    assert record.other_versions(kept) == []
    other = kept.model_copy(update={"versions": {**kept.versions, "torch": "0.1"}})
    assert record.changes(trial, CHAPTER, other) == []
    (note,) = record.other_versions(other)
    assert note.startswith("torch 0.1, now ")


def test_sources_are_hashed_with_and_without_comments() -> None:
    found = record.sources(["emomech.chapters.behaviour.analysis"])
    assert "chapters/behaviour/analysis.py" in found and "chapters/behaviour/rule.py" not in found
    assert all(len(hashes) == 2 and (PACKAGE / name).is_file() for name, hashes in found.items())


def test_a_record_is_read_as_it_was_written_and_a_damaged_one_is_refused(trial: KeptEdition, tmp_path: Path) -> None:
    kept = record.read(trial.folder / CHAPTER)
    assert Record.model_validate_json(kept.text()) == kept
    (tmp_path / record.NAME).write_text(json.dumps({"profile": "slow"}))
    with pytest.raises(EmomechError, match="is no record of a kept chapter"):
        record.read(tmp_path)


def test_the_analyses_of_a_chapter_are_those_whose_tables_it_holds(trial: KeptEdition) -> None:
    folder = trial.folder / CHAPTER
    (folder / "parts").mkdir()
    (folder / "parts" / record.PROVENANCE).write_text('{"seconds": 2.5}')
    assert record.analyses(folder) == ["emomech.chapters.behaviour.analysis", "emomech.chapters.behaviour.parts"]
    assert record.seconds(folder) == round(2.5 + record.read(folder).seconds, 1)


def test_editions_of_the_book_that_are_kept_have_a_record() -> None:
    for edition in declared.editions():
        for chapter in edition.kept_chapters:
            assert record.read(edition.folder / chapter).parameters["model"] == edition.model
