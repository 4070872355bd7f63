"""Rules are fixed with a reason, and one that changes afterwards is a problem."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import planted_book
import planted_rules
import pytest

from emomech.book import claims, frozen_rules
from emomech.book.claims import MATRIX, Claim
from emomech.book.frozen_rules import Reasons
from emomech.core.errors import UsageError
from emomech.notebook import rule_identity, verdicts

RULE = planted_rules.RULE
CHANGED = replace(RULE, criteria=RULE.criteria[:2])
REASONS = Reasons({"C1": 'It "is" C:\\so. ' + "Many words follow here. " * 9}, seen="Nothing.")


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    hold(monkeypatch, RULE)
    return tmp_path / "rules.lock"


def hold(monkeypatch: pytest.MonkeyPatch, rule: object) -> None:
    monkeypatch.setattr(claims, "CLAIMS", (Claim("C1", "flow", rule),))  # pyright: ignore[reportArgumentType]


def test_a_rule_is_fixed_once_and_reads_back(lock: Path) -> None:
    assert frozen_rules.freeze(["C1"], REASONS, file=lock) == ["C1"]
    assert frozen_rules.freeze(["C1"], REASONS, file=lock) == []
    (entry,) = rule_identity.read(lock)["C1"]
    assert entry.reason == " ".join(REASONS.by_claim["C1"].split()) and entry.seen == "Nothing."
    assert frozen_rules.problems(lock) == [] and max(map(len, lock.read_text().splitlines())) <= 120


def test_a_changed_rule_is_a_problem_with_a_way_out(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert frozen_rules.problems(lock) == [
        'rules.lock: C1: the rule was never fixed. If that is meant, fix it: `emomech rules freeze C1 --reason "..."`.'
    ]
    frozen_rules.freeze(["C1"], REASONS, file=lock)
    hold(monkeypatch, CHANGED)
    (problem,) = frozen_rules.problems(lock)
    assert "C1: the rule has changed" in problem and "emomech rules freeze C1" in problem
    monkeypatch.setattr(claims, "CLAIMS", ())
    assert frozen_rules.problems(lock) == ["rules.lock: C1: there is no such claim"]


def test_a_replaced_rule_keeps_the_outcomes_that_it_gave(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen_rules.freeze(["C1"], REASONS, file=lock)
    of_rule, other = rule_identity.rule_hash(RULE), "another rule"
    rows = [
        ("C1", model, "So.", "flow", hash_, "partly", "", "", "", "[]")
        for model, hash_ in (("organism", of_rule), ("gpt2", of_rule))
    ]
    shown = verdicts.table(pd.DataFrame(rows, columns=list(MATRIX.columns)))
    page = nbformat.v4.new_notebook(cells=[planted_book.shows(shown)])
    executed = planted_book.write(tmp_path, verdicts=page) / "verdicts.ipynb"
    hold(monkeypatch, CHANGED)
    frozen_rules.freeze(["C1"], Reasons({"C1": "A control did not count."}), executed, lock)
    old, new = rule_identity.read(lock)["C1"]
    assert old.outcomes == {"organism": "partly", "gpt2": "partly"} and new.outcomes == {} and other != new.hash
    assert frozen_rules._outcomes("C1", other, executed) == {} == frozen_rules._outcomes("C1", of_rule, None)


def test_a_rule_needs_a_reason_and_a_claim(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="C1: no reason"):
        frozen_rules.freeze(["C1"], Reasons({"C1": " "}), file=lock)
    with pytest.raises(UsageError, match="unknown claim 'C77'"):
        frozen_rules.freeze(["C77"], REASONS, file=lock)


def test_reasons_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "reasons.toml"
    file.write_text('seen = "All."\n[reasons]\nC1 = "So."\n')
    assert Reasons.read(file) == Reasons({"C1": "So."}, "All.")
    file.write_text('[reasons]\nC1 = "So."\n')
    with pytest.raises(UsageError, match="expected TOML with seen"):
        Reasons.read(file)
