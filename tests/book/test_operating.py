"""Studies are drawn with fixed seeds, counted once, and kept by what decides them."""

from dataclasses import replace
from pathlib import Path

import planted_rules
import pytest

from emomech.book import operating
from emomech.book.operating import Count
from emomech.chapters.simulation import Simulation
from emomech.core.errors import EmomechError, UsageError

DRAWS = {"full": 30, "quick": 40}


def hold(monkeypatch: pytest.MonkeyPatch, simulation: Simulation) -> None:
    monkeypatch.setattr(operating, "simulations", lambda names=(): {"C1": simulation})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[operating.Measured]:
    hold(monkeypatch, planted_rules.SIMULATION)
    return operating.measure(DRAWS, folder=tmp_path)  # pyright: ignore[reportArgumentType]


def count(measured: list[operating.Measured], scenario: str, profile: str = "full", effect: float = 1.0) -> Count:
    (found,) = [c for c in measured[0].counts if (c.scenario, c.profile, c.effect) == (scenario, profile, effect)]
    return found


def test_every_world_is_drawn_at_both_sizes_and_planted_ones_at_every_effect(
    measured: list[operating.Measured],
) -> None:
    (rule,) = measured
    assert len(rule.counts) == 2 * (3 + len(planted_rules.SIMULATION.effects))
    assert {(c.profile, c.n) for c in rule.counts if c.effect == 1} == set(DRAWS.items())
    assert count(measured, "no effect").outcomes["replicates"] == 0
    assert count(measured, "the features matter").outcomes["replicates"] >= 28
    assert count(measured, "they do harm").outcomes["reversed"] == 30
    assert count(measured, "the features matter", effect=0.25).outcomes["replicates"] < 15


def test_a_world_is_left_once_its_bounds_are_decided(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hold(monkeypatch, planted_rules.SIMULATION)
    monkeypatch.setattr(operating, "LOOK", 25 / 30)
    found = operating.measure({"full": 30, "quick": 30}, folder=tmp_path)
    assert count(found, "they do harm").n == 30  # the bound at 0.05 needs more draws
    assert count(found, "the features matter").n == 25


def test_a_second_call_draws_nothing(
    measured: list[operating.Measured], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    scenarios = tuple(replace(s, draw=fail) for s in planted_rules.SIMULATION.scenarios)
    monkeypatch.setattr(operating, "key", lambda *_: measured[0].key)
    hold(monkeypatch, replace(planted_rules.SIMULATION, scenarios=scenarios))  # pyright: ignore[reportArgumentType]
    assert operating.measure(DRAWS, folder=tmp_path) == [replace(measured[0])]  # pyright: ignore[reportArgumentType]


def test_counts_follow_from_nothing_but_claim_world_and_sizes(
    measured: list[operating.Measured], tmp_path: Path
) -> None:
    assert operating.measure(DRAWS, folder=tmp_path / "again") == measured  # pyright: ignore[reportArgumentType]


def test_the_key_follows_rule_effects_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = planted_rules.SIMULATION
    rule = replace(planted_rules.RULE, criteria=planted_rules.RULE.criteria[:2])
    changed = [simulation, replace(simulation, rule=rule), replace(simulation, effects=(1.0,))]
    keys = [operating.key("C1", each) for each in changed]
    monkeypatch.setattr(operating, "page_parameters", lambda claim, profile: {"limit": 1})
    assert len({*keys, operating.key("C1", simulation)}) == 4


def test_a_record_reads_back_and_a_stale_one_is_a_problem(
    measured: list[operating.Measured], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "operating.json"
    operating.write(measured, file)
    assert operating.read(file) == measured and operating.problems(file) == []
    hold(monkeypatch, replace(planted_rules.SIMULATION, effects=(1.0,)))
    (problem,) = operating.problems(file)
    assert problem.startswith("operating.json: C1: is out of date; run `emomech rules simulate")
    operating.write([], file)
    assert "C1: is missing" in operating.problems(file)[0]
    file.write_text("{")
    assert "is no record" in operating.problems(file)[0]
    with pytest.raises(UsageError, match="is no record"):
        operating.read(tmp_path / "nosuch.json")


def test_the_parameters_are_those_of_the_page_at_its_sizes() -> None:
    assert operating.page_parameters("C1", "full")["limit"] == 0
    assert operating.page_parameters("C1", "quick")["limit"] > 0
    with pytest.raises(UsageError, match="unknown parameter of the page 'nosuch'"):
        _ = operating.page_parameters("C1", "full")["nosuch"]


def test_a_claim_without_simulation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operating, "find_spec", lambda name: None)
    with pytest.raises(EmomechError, match="C1: no SIMULATION"):
        operating.simulations(["C1"])
