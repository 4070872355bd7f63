"""Error rates and power of the rule for the premise, with fewer draws than the book's."""

import pytest
from worlds import of_kind, outcomes

from emomech.chapters.behaviour.simulation import SIMULATION
from emomech.chapters.simulation import Scenario

N_DRAWS = 12
FULL, QUICK = {"limit": 0, "n_resamples": 1000, "n_draws": 5}, {"limit": 400, "n_resamples": 100, "n_draws": 5}


@pytest.mark.parametrize("scenario", SIMULATION.scenarios, ids=lambda scenario: scenario.name)
def test_the_rule_errs_rarely_and_shows_what_is_there(scenario: Scenario) -> None:
    found = outcomes(SIMULATION, scenario, FULL, N_DRAWS)
    if scenario.world == "planted":
        assert found["replicates"] >= 0.8 * N_DRAWS
    else:
        assert found["replicates"] <= 1
    if scenario.world == "null":
        assert found["partly"] <= 1
    if scenario.world == "reversed":
        assert found["reversed"] >= 0.8 * N_DRAWS


def test_few_texts_do_not_make_the_premise_fail() -> None:
    planted = of_kind(SIMULATION, "planted")[0]
    assert outcomes(SIMULATION, planted, QUICK, N_DRAWS)["does not replicate"] == 0
