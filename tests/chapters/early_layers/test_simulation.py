"""Few wrong verdicts in worlds without the effect, and enough right ones in a world with it."""

import pytest
from worlds import of_kind, outcomes

from emomech.chapters.early_layers.simulation import SIMULATION
from emomech.chapters.simulation import Scenario

FULL, QUICK, N = {"most": 60, "n_language": 40}, {"most": 8, "n_language": 10}, 30
NAMES = [scenario.name for scenario in SIMULATION.scenarios]


@pytest.mark.parametrize("scenario", SIMULATION.scenarios, ids=NAMES)
def test_worlds_at_the_size_of_the_page(scenario: Scenario) -> None:
    counts = outcomes(SIMULATION, scenario, FULL, N)
    if scenario.world == "planted":
        assert counts["replicates"] >= 0.8 * N
    elif scenario.world == "reversed":
        assert counts["reversed"] >= 0.8 * N
    else:
        assert counts["replicates"] <= 1
        assert scenario.world != "null" or counts["replicates"] + counts["partly"] <= 3


def test_few_texts_have_no_power() -> None:
    assert outcomes(SIMULATION, of_kind(SIMULATION, "planted")[0], QUICK, N)["no power here"] >= 0.8 * N
