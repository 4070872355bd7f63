"""The rule for C2 in simulated worlds: it seldom errs, and finds a pool and sets where they are."""

from collections import Counter

import numpy as np
import pytest

from emomech.chapters.sharing.simulation import SIMULATION
from emomech.chapters.verdict import Verdict

FULL = {"most": 100, "n_permutations": 200, "n_resamples": 200, "n_draws": 5, "limit": 0}
QUICK = FULL | {"most": 24, "n_resamples": 100, "limit": 800}
BY_NAME = {scenario.name: scenario for scenario in SIMULATION.scenarios}
N = 12


def verdicts(name: str, parameters: dict[str, int] = FULL) -> list[Verdict]:
    scenario = BY_NAME[name]
    return [
        SIMULATION.rule(scenario.draw(np.random.default_rng(seed), parameters, SIMULATION.effect)) for seed in range(N)
    ]


@pytest.mark.parametrize("name", [name for name, scenario in BY_NAME.items() if scenario.world == "null"])
def test_nothing_replicates_where_there_is_nothing(name: str) -> None:
    outcomes = Counter(verdict.outcome for verdict in verdicts(name))
    assert outcomes["replicates"] == 0
    assert outcomes["partly"] <= 1


@pytest.mark.parametrize("name", [name for name, scenario in BY_NAME.items() if scenario.world == "partial null"])
def test_half_a_claim_does_not_replicate(name: str) -> None:
    assert Counter(verdict.outcome for verdict in verdicts(name))["replicates"] == 0


@pytest.mark.parametrize("name", ["independent choice", "independent choice among half of the features"])
def test_independent_choice_is_no_pool(name: str) -> None:
    assert Counter(verdict.checks[0].status for verdict in verdicts(name))["met"] <= 1


def test_a_pool_and_sets_are_found_and_the_opposite_is_reversed() -> None:
    assert Counter(verdict.outcome for verdict in verdicts("a pool and sets"))["replicates"] >= 0.8 * N
    assert Counter(verdict.outcome for verdict in verdicts("one emotion or many"))["reversed"] >= 0.8 * N


def test_few_texts_do_not_speak_against_a_pool() -> None:
    outcomes = Counter(verdict.outcome for verdict in verdicts("a pool and sets", QUICK))
    assert outcomes["does not replicate"] + outcomes["reversed"] == 0
