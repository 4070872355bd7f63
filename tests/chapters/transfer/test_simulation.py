"""In a few simulated studies the rule of transfer does not err where nothing carries over, and sees what does."""

import pytest
from worlds import outcomes

from emomech.chapters.simulation import Scenario
from emomech.chapters.transfer.simulation import SIMULATION

SIZES = {"n_report": 20, "n_resamples": 200}
N = 12


@pytest.mark.parametrize("scenario", SIMULATION.scenarios, ids=lambda scenario: scenario.name)
def test_outcomes(scenario: Scenario) -> None:
    counts = outcomes(SIMULATION, scenario, SIZES, N)
    if scenario.world == "null":
        assert counts["replicates"] + counts["partly"] <= 1
    else:
        expected = {"planted": "replicates", "reversed": "reversed"}[scenario.world]
        assert counts[expected] >= 0.75 * N
