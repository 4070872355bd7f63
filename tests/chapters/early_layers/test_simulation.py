"""Few wrong verdicts in worlds without the effect, and enough right ones in a world with it."""

from collections import Counter

import numpy as np
import pytest

from emomech.chapters.early_layers.simulation import SIMULATION
from emomech.chapters.simulation import Scenario

FULL, QUICK, N = {"most": 60, "n_language": 40}, {"most": 8, "n_language": 10}, 30
NAMES = [scenario.name for scenario in SIMULATION.scenarios]


def outcomes(scenario: Scenario, parameters: dict[str, int]) -> Counter[str]:
    seeds = (np.random.default_rng([7, draw]) for draw in range(N))
    return Counter(SIMULATION.rule(scenario.draw(rng, parameters, SIMULATION.effect)).outcome for rng in seeds)


@pytest.mark.parametrize("scenario", SIMULATION.scenarios, ids=NAMES)
def test_worlds_at_the_size_of_the_page(scenario: Scenario) -> None:
    counts = outcomes(scenario, FULL)
    if scenario.world == "planted":
        assert counts["replicates"] >= 0.8 * N
    elif scenario.world == "reversed":
        assert counts["reversed"] >= 0.8 * N
    else:
        assert counts["replicates"] <= 1
        assert scenario.world != "null" or counts["replicates"] + counts["partly"] <= 3


def test_few_texts_have_no_power() -> None:
    planted = next(scenario for scenario in SIMULATION.scenarios if scenario.world == "planted")
    assert outcomes(planted, QUICK)["no power here"] >= 0.8 * N
