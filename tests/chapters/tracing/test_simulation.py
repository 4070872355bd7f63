"""Few wrong verdicts in worlds without the effect, and enough right ones in a world with it."""

import pytest
from worlds import outcomes

from emomech.chapters.simulation import Scenario
from emomech.chapters.tracing.simulation import SIMULATION

SIZES = {"full": {"n_report": 12, "n_resamples": 200}, "quick": {"n_report": 5, "n_resamples": 30}}
N = 15
NAMES = [scenario.name for scenario in SIMULATION.scenarios]


@pytest.mark.parametrize("profile", SIZES)
@pytest.mark.parametrize("scenario", SIMULATION.scenarios, ids=NAMES)
def test_worlds(scenario: Scenario, profile: str) -> None:
    counts = outcomes(SIMULATION, scenario, SIZES[profile], N)
    if scenario.world == "planted":
        assert counts["replicates"] >= (0.8 if profile == "full" else 0.5) * N
        assert counts["does not replicate"] == 0
    else:
        assert counts["replicates"] <= 1
        assert scenario.world != "null" or counts["partly"] <= 1
