"""Computing an edition keeps tables and their record, skips what is up to date, and keeps nothing of what fails."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from tiny_edition import CHAPTER, DECLARED, write_root

from emomech.book import runner
from emomech.book.kept import compute, declared, guard, record
from emomech.book.kept.declared import KeptEdition
from emomech.core.errors import EmomechError, UsageError
from emomech.study.kept import KEEP
from emomech.study.run import PROVENANCE, tables


def test_tables_and_their_record_are_kept(trial: KeptEdition) -> None:
    assert trial.kept_chapters == [CHAPTER]
    folder = trial.folder / CHAPTER
    assert {"accuracy", "advantage"} <= set(tables(folder))
    kept = record.read(folder)
    assert (kept.profile, kept.parameters["limit"], kept.parameters["seed"]) == ("quick", 200, 3)
    assert kept.seconds == json.loads((folder / PROVENANCE).read_text())["seconds"] > 0
    assert "content" in kept.identity["model"] and kept.presets["corpus"]["grammar"] == "vignettes"
    assert {"chapters/behaviour/analysis.py", "models/scoring.py", "data/grammar/lexicon.toml"} <= set(kept.sources)
    assert (kept.rules_date, kept.rules_hash) == record.rules_lock()


def test_what_is_up_to_date_is_not_computed_again(trial: KeptEdition, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "execute", lambda *_, **__: pytest.fail("computes"))
    said: list[str] = []
    assert compute.compute(trial, [CHAPTER], "quick", said.append) == {}
    assert said == [f"{CHAPTER}: is kept and up to date"]


def test_full_is_asked_anew_of_a_quick_chapter_and_stale_ones_too(trial: KeptEdition) -> None:
    assert compute.missing(trial, "quick") == ["flow"]
    assert compute.missing(trial, "full") == [CHAPTER, "flow"]
    assert compute.missing(trial, "full", [CHAPTER]) == [CHAPTER]
    file = trial.folder / CHAPTER / record.NAME
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"profile": "full", "parameters": trial.values(CHAPTER, "full")}))
    assert compute.missing(trial, "full", [CHAPTER]) == compute.missing(trial, "quick", [CHAPTER]) == []
    content["sources"]["models/scoring.py"] = ["0", "0"]
    file.write_text(json.dumps(content))
    assert compute.missing(trial, "quick", [CHAPTER]) == [CHAPTER]


def test_a_chapter_that_fails_keeps_what_was_there(trial: KeptEdition, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise UsageError("the texts are too few")

    monkeypatch.setattr(runner, "execute", fail)
    said: list[str] = []
    with pytest.raises(
        EmomechError, match=r"trial-one: these chapters are not kept:\nbehaviour: the texts are too few\nflow"
    ):
        compute.compute(trial, [], "full", said.append)
    assert "flow: failed: the texts are too few" in said
    assert record.read(trial.folder / CHAPTER).profile == "quick" and trial.kept_chapters == [CHAPTER]


def test_a_table_with_a_text_that_may_not_be_shown_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: KeptEdition
) -> None:
    def copy(*_: object, environment: Mapping[str, str], **__: object) -> None:
        shutil.copytree(trial.folder, environment[KEEP], dirs_exist_ok=True)

    monkeypatch.setattr(runner, "execute", copy)
    text = DECLARED.replace("texts_may_be_shown = true", "texts_may_be_shown = false")
    edition = declared.find("trial-one", write_root(tmp_path / "a", text))
    monkeypatch.setattr(guard.Texts, "quoted", lambda self, cell: cell == "bag of words")
    with pytest.raises(EmomechError, match="the column predictor holds a text of the corpus"):
        compute.compute(edition, [CHAPTER], "quick", lambda line: None)
    assert edition.kept_chapters == [] and not (edition.folder / CHAPTER).exists()


def test_a_chapter_that_cannot_be_asked_is_refused_first(trial: KeptEdition) -> None:
    with pytest.raises(UsageError, match="unknown chapter of trial-one 'speed'"):
        compute.compute(trial, ["speed"], "quick", lambda line: None)
