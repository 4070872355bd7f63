"""The commands on rules print what they find, and fail where a rate breaks its bound or a rule has no reason."""

import json
from dataclasses import replace
from pathlib import Path

import planted_rules
import pytest

from emomech.book import claims, frozen_rules, operating
from emomech.book.claims import Claim
from emomech.chapters.simulation import Scenario
from emomech.cli import main as cli
from emomech.cli import rules as cli_rules
from emomech.notebook import rule_identity

Capture = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main(["rules", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(claims, "CLAIMS", (Claim("C1", "flow", planted_rules.RULE),))
    monkeypatch.setattr(claims, "parallel_jobs", lambda: 1)
    monkeypatch.setattr(operating, "QUICK", {"full": 30, "quick": 30})
    hold(monkeypatch, planted_rules.SIMULATION)


def hold(monkeypatch: pytest.MonkeyPatch, simulation: object) -> None:
    monkeypatch.setattr(operating, "simulations", lambda names=(): {"C1": simulation})


def test_rates_are_printed_and_written(capsys: Capture, tmp_path: Path) -> None:
    assert run("simulate", "--quick", "--output", str(tmp_path / "record.json")) == 0
    out = capsys.readouterr().out
    assert "the control loses as much" in out and "five points of accuracy" in out
    assert operating.problems(tmp_path / "record.json") == []
    assert run("simulate", "--quick", "--claims", "C1", "--format", "json") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"rates", "curves", "smallest", "outcomes"}


def test_a_broken_bound_fails_with_rule_world_rate_and_bound(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    always = Scenario("it is always there", "null", planted_rules.planted)
    hold(monkeypatch, replace(planted_rules.SIMULATION, scenarios=(always,)))
    assert run("simulate", "--quick") == 1
    err = capsys.readouterr().err
    assert "C1, full sizes, null world 'it is always there': replicates in" in err and "expected at most 0.05" in err


def test_wrong_usage_is_named(capsys: Capture) -> None:
    assert run("simulate", "--claims", "C1", "--output", "x.json") == 2
    assert run("simulate", "--claims", "C77") == 2
    assert run("freeze") == run("freeze", "C1") == run("freeze", "--all", "--reason", "r") == 2
    assert "give --reason" in capsys.readouterr().err


def test_criteria_are_shown(capsys: Capture) -> None:
    assert run("show", "C1") == 0
    out = capsys.readouterr().out
    assert "decides: Accuracy falls." in out and "expected: interval above 0, value 2 or more" in out
    assert "describes: It is only shown." in out and "control: beyond nothing" in out
    assert run("show", "--format", "json") == 0
    assert len(json.loads(capsys.readouterr().out)["C1"]) == 4


def test_rules_are_fixed_one_by_one_or_all_at_once(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rules.lock"
    monkeypatch.setattr(frozen_rules.freeze, "__defaults__", (None, file))
    assert run("freeze", "C1", "--reason", "It is so.", "--seen", "Nothing.") == 0
    assert capsys.readouterr().out == "fixed: C1\n"
    (tmp_path / "reasons.toml").write_text('seen = "All."\n[reasons]\nC1 = "Because."\n')
    assert run("freeze", "--all", "--reason-file", str(tmp_path / "reasons.toml")) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert [entry.reason for entry in rule_identity.read(file)["C1"]] == ["It is so."]


def test_the_commands_are_part_of_the_program(capsys: Capture) -> None:
    assert run("--help") == 0
    assert "simulate" in capsys.readouterr().out and cli_rules.rules.info.help
