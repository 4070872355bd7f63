"""The rule for the instrument in simulated worlds: it seldom errs, and shows what is planted."""

from collections import Counter

import numpy as np
import pytest

from emomech.chapters.fidelity.simulation import SIMULATION
from emomech.chapters.verdict import Verdict

FULL = {"n_draws": 5, "limit": 0}
QUICK = {"n_draws": 5, "limit": 600}
BY_NAME = {scenario.name: scenario for scenario in SIMULATION.scenarios}
N = 8


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


def test_what_is_planted_is_shown_and_the_opposite_is_reversed() -> None:
    assert Counter(verdict.outcome for verdict in verdicts("detected and used"))["replicates"] >= 0.8 * N
    reversed_ = verdicts("the answer gains without the feature")
    assert Counter(verdict.outcome for verdict in reversed_)["reversed"] >= 0.8 * N


def test_few_texts_do_not_speak_against_it() -> None:
    outcomes = Counter(verdict.outcome for verdict in verdicts("detected and used", QUICK))
    assert outcomes["does not replicate"] + outcomes["reversed"] == 0
