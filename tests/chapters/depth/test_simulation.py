"""The rule in worlds whose truth is known, on few draws; `emomech rules simulate` draws many more."""

import numpy as np
import pytest
from worlds import of_kind, outcomes

from emomech.chapters.depth.simulation import SIMULATION
from emomech.chapters.simulation import Scenario

N = 6
FULL = {"n_texts": 280, "n_edited": 70, "n_resamples": 100, "n_draws": 3}
QUICK = {**FULL, "n_texts": 70, "n_edited": 21}


@pytest.mark.parametrize("scenario", SIMULATION.scenarios, ids=lambda scenario: scenario.name)
def test_the_rule_decides_what_is_true(scenario: Scenario) -> None:
    counted = outcomes(SIMULATION, scenario, FULL, N)
    if scenario.world == "planted":
        assert counted["replicates"] >= N - 1
    else:
        assert not counted["replicates"]
    if scenario.world == "null":
        assert not counted["partly"]


def test_a_small_study_says_that_it_is_small() -> None:
    """At the sizes of the quick profile, an effect is shown, or the sample is too small to tell."""
    counted = outcomes(SIMULATION, of_kind(SIMULATION, "planted")[0], QUICK, N)
    assert counted["does not replicate"] + counted["reversed"] <= 1


def test_the_seed_decides_everything() -> None:
    scenario = SIMULATION.scenarios[0]
    first, second = (scenario.draw(np.random.default_rng(3), QUICK, 1.0).spreads for _ in range(2))
    assert first.equals(second)
