"""Kept chapters are shown from their tables alone, under a banner that says what they are and whether they are stale."""

import json
import subprocess
import sys
from pathlib import Path

from tiny_edition import CHAPTER

from emomech.book.executed_notebook import ExecutedNotebook, problems
from emomech.book.kept import record, replay
from emomech.book.kept.declared import KeptEdition

_SHOW = """
import sys
from pathlib import Path
from emomech.book import runner
from emomech.book.kept import replay
(page,) = replay.pages(Path(sys.argv[1])).values()
runner.execute(page.planned, Path(sys.argv[2]), environment={**page.environment, "EMOMECH_RUNS": "/nowhere"})
"""


def change(edition: KeptEdition, **fields: object) -> None:
    file = edition.folder / CHAPTER / record.NAME
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def test_a_page_is_shown_from_kept_tables_without_the_model(trial: KeptEdition, tmp_path: Path) -> None:
    """The model and the corpus that the edition names do not even exist here."""
    for name in ("provenance.json", record.NAME):
        file = trial.folder / CHAPTER / name
        file.write_text(file.read_text().replace('"model": "organism"', '"model": "absent-model"'))
    listed = trial.root / "book" / "editions.toml"
    listed.write_text(listed.read_text().replace('model = "organism"', 'model = "absent-model"'))
    destination = tmp_path / "behaviour.ipynb"
    subprocess.run([sys.executable, "-c", _SHOW, str(trial.root), str(destination)], check=True)
    assert problems(destination) == []
    shown = ExecutedNotebook.read(destination)
    assert [verdict.claim for verdict in shown.verdicts] == ["premise"] and shown.figures and shown.tables
    assert shown.record["parameters"]["model"] == "absent-model" and shown.record["parameters"]["limit"] == 200
    text = destination.read_text()
    assert "shown from kept tables" in text and "../rules.html#rule-premise" in text


def test_a_page_has_the_kept_parameters_and_its_key_follows_the_tables(trial: KeptEdition) -> None:
    (page,) = replay.pages(trial.root).values()
    assert page.name == "trial-one/behaviour" and page.environment == {"EMOMECH_KEPT": str(trial.folder)}
    assert {"seed": 3, "limit": 200, "n_resamples": 50, "n_draws": 2}.items() <= page.planned.overrides.items()
    (same,) = replay.pages(trial.root).values()
    assert same.planned.key == page.planned.key
    table = trial.folder / CHAPTER / "accuracy.csv"
    table.write_text(table.read_text() + "\n")
    (other,) = replay.pages(trial.root).values()
    assert other.planned.key != page.planned.key


def test_kept_parameters_are_shown_even_if_others_are_asked_today(trial: KeptEdition) -> None:
    change(trial, parameters={**record.read(trial.folder / CHAPTER).parameters, "seed": 9, "of_old": 1})
    (page,) = replay.pages(trial.root).values()
    assert page.planned.parameters["seed"] == 9 and "of_old" not in page.planned.parameters
    assert page.state.kind == "stale"


def test_the_banner_names_model_texts_profile_day_and_rules(trial: KeptEdition) -> None:
    (page,) = replay.pages(trial.root).values()
    kept, (date, hash_) = record.read(trial.folder / CHAPTER), record.rules_lock()
    title, banner, *_ = page.planned.source.split("---\n", 2)[2].strip().split("\n\n")
    assert title == "# Does the model infer the emotion?"
    for told in ("A trial of the embedded model", "<code>organism</code>", "profile quick", str(kept.date), str(date)):
        assert told in banner
    assert hash_[:12] in banner and "stale" not in banner and "decided here" not in banner


def test_the_banner_says_that_rules_or_code_have_changed_since(trial: KeptEdition) -> None:
    change(trial, rules_hash="0" * 32, seconds=77.4)
    (page,) = replay.pages(trial.root).values()
    assert "decided here by the rules of" in page.planned.source
    kept = record.read(trial.folder / CHAPTER)
    change(trial, sources={**kept.sources, "models/scoring.py": ["0", "0"]})
    (page,) = replay.pages(trial.root).values()
    assert "This page is stale.</strong> Since it was computed: models/scoring.py has changed" in page.planned.source
    command = "emomech edition compute trial-one --chapter behaviour --quick"
    assert f"<code>{command}</code> computes it again, in about 77 s" in page.planned.source


def test_tables_that_the_code_cannot_show_give_a_page_that_says_so(trial: KeptEdition, tmp_path: Path) -> None:
    (page,) = replay.pages(trial.root).values()
    file = tmp_path / "pages" / "behaviour.ipynb"
    replay.write_unreadable(page, file, f"{trial.root}/book/editions/x: holds ['a'], expected ['`b`']")
    shown = ExecutedNotebook.read(file)
    assert shown.is_fresh(page.planned.key) and shown.problems == []
    assert (
        "book/editions/x: holds ['a'], expected [' b ']" in file.read_text() and str(trial.root) not in file.read_text()
    )


def test_a_damaged_record_has_no_page(trial: KeptEdition) -> None:
    (trial.folder / CHAPTER / record.NAME).write_text("{}")
    assert replay.pages(trial.root) == {}
