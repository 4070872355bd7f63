"""Verdicts and depth profiles of all editions are gathered from kept tables."""

import pandas as pd
import pytest
from tiny_edition import CHAPTER

from emomech.book.claims import CLAIMS, Claim
from emomech.book.kept import overview, record
from emomech.book.kept.declared import KeptEdition
from emomech.chapters.verdict import Verdict
from emomech.core.errors import UsageError


@pytest.fixture
def decided(trial: KeptEdition, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    verdict = Verdict("C", "A statement.", "replicates", "It does.")
    monkeypatch.setattr(Claim, "verdict", lambda claim, *_: verdict)
    return overview.verdicts("organism", "quick", {}, trial.root)


def test_every_claim_has_a_row_for_the_book_and_for_each_edition(decided: pd.DataFrame) -> None:
    assert len(decided) == 2 * len(CLAIMS)
    assert decided[decided.edition == ""].label.unique().tolist() == [overview.BOOK]
    kept = decided[decided.edition == "trial-one"].set_index("claim")
    assert kept.outcome["premise"] in ("partly", "replicates", "does not replicate", "no power here")
    assert kept.page["premise"] == f"trial-one/{CHAPTER}" and kept.reason["C1"] == "not computed yet"
    assert kept.reason["C9"] == "It is about the embedded models alone." and kept.outcome["C9"] == ""


def test_the_verdicts_of_the_editions_are_counted(decided: pd.DataFrame) -> None:
    outcome = decided[decided.edition == "trial-one"].set_index("claim").outcome["premise"]
    assert overview.told(decided, []) == f"In 1 edition, 1 verdicts: 1 times {outcome}."
    assert overview.told(decided, [("a", "b")]).startswith("In 1 edition; 1 are not computed yet, ")
    assert overview.told(decided[decided.edition == ""], []) == "No edition is computed yet."


def test_tables_that_cannot_be_read_give_no_verdict(trial: KeptEdition, monkeypatch: pytest.MonkeyPatch) -> None:
    (trial.folder / CHAPTER / "accuracy.csv").write_text("damaged")
    monkeypatch.setattr(Claim, "verdict", lambda claim, *_: Verdict("C", "", "partly", ""))
    table = overview.verdicts("organism", "quick", {}, trial.root)
    row = table[(table.edition == "trial-one") & (table.claim == "premise")].iloc[0]
    assert row.outcome == "" and "the kept tables cannot be read" in row.reason


def test_profiles_are_those_of_the_models_that_could_be_measured(
    trial: KeptEdition, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise UsageError("too few texts")

    monkeypatch.setattr(Claim, "run", fail)
    table = overview.profiles("organism", "quick", {}, trial.root)
    assert table.empty and list(table.columns) == list(overview.PROFILES.columns)


def test_the_page_says_when_each_edition_was_computed(trial: KeptEdition) -> None:
    told = overview.provenance("organism", "quick", {"seed": "1"}, trial.root)
    assert told["computed on"] == {"trial-one": str(record.read(trial.folder / CHAPTER).date)}
    assert told["settings"] == "seed=1"


def test_editions_without_a_kept_chapter_are_listed_with_their_command(trial: KeptEdition) -> None:
    assert overview.open_editions(trial.root) == []
    (trial.folder / CHAPTER / record.NAME).unlink()
    assert overview.open_editions(trial.root) == [
        ("A trial of the embedded model", "emomech edition compute trial-one")
    ]
