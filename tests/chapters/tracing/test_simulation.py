"""Few wrong verdicts in worlds without the effect, and enough right ones in a world with it."""

from collections import Counter

import numpy as np
import pytest

from emomech.chapters.simulation import Scenario
from emomech.chapters.tracing.simulation import SIMULATION

SIZES = {"full": {"n_report": 12, "n_resamples": 200}, "quick": {"n_report": 5, "n_resamples": 30}}
N = 15
NAMES = [scenario.name for scenario in SIMULATION.scenarios]


@pytest.mark.parametrize("profile", SIZES)
@pytest.mark.parametrize("scenario", SIMULATION.scenarios, ids=NAMES)
def test_worlds(scenario: Scenario, profile: str) -> None:
    seeds = (np.random.default_rng([7, draw]) for draw in range(N))
    drawn = (scenario.draw(rng, SIZES[profile], SIMULATION.effect) for rng in seeds)
    counts = Counter(SIMULATION.rule(result).outcome for result in drawn)
    if scenario.world == "planted":
        assert counts["replicates"] >= (0.8 if profile == "full" else 0.5) * N
        assert counts["does not replicate"] == 0
    else:
        assert counts["replicates"] <= 1
        assert scenario.world != "null" or counts["partly"] <= 1
