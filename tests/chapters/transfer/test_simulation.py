"""In a few simulated studies the rule of transfer does not err where nothing carries over, and sees what does."""

import numpy as np
import pytest

from emomech.chapters.simulation import Scenario
from emomech.chapters.transfer.simulation import SIMULATION

SIZES = {"n_report": 20, "n_resamples": 200}
N = 12


@pytest.mark.parametrize("scenario", SIMULATION.scenarios, ids=lambda scenario: scenario.name)
def test_outcomes(scenario: Scenario) -> None:
    outcomes = [SIMULATION.rule(scenario.draw(np.random.default_rng(i), SIZES, 1.0)).outcome for i in range(N)]
    if scenario.world == "null":
        assert outcomes.count("replicates") + outcomes.count("partly") <= 1
    else:
        expected = {"planted": "replicates", "reversed": "reversed"}[scenario.world]
        assert outcomes.count(expected) >= 0.75 * N
