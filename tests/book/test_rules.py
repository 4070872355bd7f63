"""Every rule of the book: its controls count, it shows what is planted, and it rarely shows what is not there."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_type_hints

import numpy as np
import pytest

from emomech.book import claims, frozen_rules, operating
from emomech.chapters.criteria import Family
from emomech.chapters.rules import Reading, Rule, controls_shown
from emomech.chapters.simulation import Scenario, Simulation
from emomech.stats.estimates import Estimate
from emomech.stats.tables import schemas

NAMES = [claim.name for claim in claims.CLAIMS]
N = 6
"""Studies of each world; `emomech rules simulate` draws more."""
CONTROL_COLUMNS = {"condition", "baseline", "versus"}
"""Columns of the tables that name controls, on every page."""
NOTHING = Estimate(math.nan, math.nan, math.nan, 0)


def simulated(claim: str) -> tuple[Simulation[Any], Mapping[str, Any]]:
    return operating.simulations([claim])[claim], operating.page_parameters(claim, "full")


def outcomes(claim: str, scenario: Scenario[Any]) -> list[str]:
    simulation, parameters = simulated(claim)
    drawn = [scenario.draw(np.random.default_rng([7, i]), parameters, simulation.effect) for i in range(N)]
    return [simulation.rule(tables).outcome for tables in drawn]


def replicating(claim: str) -> tuple[Rule[Any], Any, Reading]:
    """The rule of a claim, with tables in which it replicates and what it reads from them."""
    simulation, parameters = simulated(claim)
    for scenario in (scenario for scenario in simulation.scenarios if scenario.world == "planted"):
        for i in range(10 * N):
            tables = scenario.draw(np.random.default_rng([7, i]), parameters, simulation.effect)
            reading = simulation.rule.read(tables)
            if simulation.rule.decide(reading).outcome == "replicates":
                return simulation.rule, tables, reading
    raise AssertionError(f"{claim}: no planted study replicates")


def without(reading: Reading, name: str, value: "Estimate | Family | None") -> Reading:
    """A reading in which one estimate is another, or missing."""
    kept = {other: estimate for other, estimate in reading.estimates.items() if other != name}
    return replace(reading, estimates=kept | ({name: value} if value is not None else {}))


def undefined(read: "Estimate | Family") -> "Estimate | Family":
    return dict.fromkeys(read, NOTHING) if isinstance(read, Mapping) else NOTHING


@pytest.mark.parametrize("claim", NAMES)
def test_every_criterion_counts_by_its_role(claim: str) -> None:
    rule, _, reading = replicating(claim)
    for criterion in rule.criteria:
        assert criterion.name in reading.estimates, f"{criterion.name} is not read"
        for value in (None, undefined(reading.estimates[criterion.name])):
            outcome = rule.decide(without(reading, criterion.name, value)).outcome
            if criterion.role == "describes":
                assert outcome == "replicates"
            else:
                assert outcome != "replicates", f"{criterion.name} is undefined and passes"
            if criterion.role == "lowers":
                assert outcome == "partly"


@pytest.mark.parametrize("claim", NAMES)
def test_a_control_that_shows_as_much_stops_the_claim(claim: str) -> None:
    rule, _, reading = replicating(claim)
    compared = [c for c in rule.criteria if c.control and c.form == "beyond" and c.role != "describes"]
    for criterion in compared:
        read = reading.estimates[criterion.name]
        equal = Estimate(0.0, -1.0, 1.0, 100)
        same = dict.fromkeys(read, equal) if isinstance(read, Mapping) else equal
        assert rule.decide(without(reading, criterion.name, same)).outcome != "replicates"


@pytest.mark.parametrize("claim", NAMES)
def test_every_control_is_named_with_its_role(claim: str) -> None:
    rule, tables, _ = replicating(claim)
    assert any(criterion.role == "decides" for criterion in rule.criteria)
    assert controls_shown(rule, tables) <= set(rule.roles)
    assert all(why.strip() for why in rule.described.values())
    assert not set(rule.described) & {criterion.control for criterion in rule.criteria}


@pytest.mark.parametrize("page", list(dict.fromkeys(claim.page for claim in claims.CLAIMS)))
def test_the_columns_that_name_controls_are_known_to_a_rule_of_the_page(page: str) -> None:
    of_page = [claim for claim in claims.CLAIMS if claim.page == page]
    tables = schemas(get_type_hints(of_page[0].analysis)["return"])
    present = {column for schema in tables.values() for column in schema.columns} & CONTROL_COLUMNS
    known = {column for claim in of_page for column in claim.rule.columns}
    assert present <= known


@pytest.mark.parametrize("claim", NAMES)
def test_a_rule_shows_what_is_planted_and_not_what_is_absent(claim: str) -> None:
    simulation, _ = simulated(claim)
    assert {"null", "planted"} <= {scenario.world for scenario in simulation.scenarios}
    for scenario in simulation.scenarios:
        drawn = outcomes(claim, scenario)
        if scenario.world == "planted":
            assert drawn.count("replicates") > N / 2, scenario.name
        else:
            assert drawn.count("replicates") <= 1, scenario.name
        if scenario.world == "reversed":
            assert drawn.count("reversed") > N / 2 and not {"replicates", "partly"} & set(drawn), scenario.name
        if scenario.world == "null":
            assert drawn.count("partly") <= 1, scenario.name


def test_the_simulation_of_a_page_is_of_its_own_rule() -> None:
    by_claim = frozen_rules.rules()
    assert all(simulation.rule is by_claim[claim] for claim, simulation in operating.simulations().items())


def test_every_rule_is_as_it_was_fixed() -> None:
    assert frozen_rules.problems() == []
