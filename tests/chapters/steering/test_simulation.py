"""In a few simulated studies the rules of steering do not err where nothing is there, and see what was planted."""

import numpy as np
import pytest

from emomech.chapters.simulation import Scenario, Simulation
from emomech.chapters.steering.simulation import SIMULATIONS

SIZES = {"n_report": 40, "n_resamples": 200, "n_label_draws": 20}
CASES = [(simulation, scenario) for simulation in SIMULATIONS for scenario in simulation.scenarios]
N = 8


@pytest.mark.parametrize(("simulation", "scenario"), CASES, ids=lambda part: getattr(part, "name", ""))
def test_outcomes(simulation: Simulation, scenario: Scenario) -> None:
    outcomes = [simulation.rule(scenario.draw(np.random.default_rng(i), SIZES, 1.0)).outcome for i in range(N)]
    if scenario.world == "null":
        assert outcomes.count("replicates") + outcomes.count("partly") <= 1
    elif scenario.world == "partial null":
        assert outcomes.count("replicates") <= 1
    else:
        expected = {"planted": "replicates", "reversed": "reversed"}[scenario.world]
        assert outcomes.count(expected) >= 0.7 * N


def test_few_texts_have_no_power() -> None:
    small = SIZES | {"n_report": 10}
    planted = next(scenario for scenario in SIMULATIONS[0].scenarios if scenario.world == "planted")
    outcomes = {SIMULATIONS[0].rule(planted.draw(np.random.default_rng(i), small, 0.5)).outcome for i in range(N)}
    assert "does not replicate" not in outcomes and "no power here" in outcomes
