"""In a few simulated studies the rules of steering do not err where nothing is there, and see what was planted."""

from dataclasses import replace

import pytest
from worlds import outcomes

from emomech.chapters.simulation import Scenario, Simulation
from emomech.chapters.steering.simulation import SIMULATIONS

SIZES = {"n_report": 40, "n_resamples": 200, "n_label_draws": 20}
CASES = [(simulation, scenario) for simulation in SIMULATIONS for scenario in simulation.scenarios]
N = 8


@pytest.mark.parametrize(("simulation", "scenario"), CASES, ids=lambda part: getattr(part, "name", ""))
def test_outcomes(simulation: Simulation, scenario: Scenario) -> None:
    counts = outcomes(simulation, scenario, SIZES, N)
    if scenario.world == "null":
        assert counts["replicates"] + counts["partly"] <= 1
    elif scenario.world == "partial null":
        assert counts["replicates"] <= 1
    else:
        expected = {"planted": "replicates", "reversed": "reversed"}[scenario.world]
        assert counts[expected] >= 0.7 * N


def test_few_texts_have_no_power() -> None:
    small = SIZES | {"n_report": 10}
    planted = next(scenario for scenario in SIMULATIONS[0].scenarios if scenario.world == "planted")
    counts = outcomes(replace(SIMULATIONS[0], effect=0.5), planted, small, N)
    assert not counts["does not replicate"] and counts["no power here"]
