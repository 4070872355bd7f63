"""The rule errs rarely in worlds without an effect, and says so where there are too few seeds."""

from collections import Counter

import numpy as np
import pytest

from emomech.chapters.scarcity.simulation import SIMULATION

THREE = ",".join(f"{kind}{seed}" for kind in ("rare", "usual", "rival") for seed in ("", "-seed1", "-seed2"))
FULL = {"n_texts": 24, "n_draws": 2, "models": THREE}


def outcomes(name: str, n: int, **changed: object) -> Counter[str]:
    scenario = next(s for s in SIMULATION.scenarios if s.name == name)
    draws = (scenario.draw(np.random.default_rng(seed), FULL | changed, SIMULATION.effect) for seed in range(n))
    return Counter(SIMULATION.rule(draw).outcome for draw in draws)


@pytest.mark.parametrize("name", [s.name for s in SIMULATION.scenarios if s.world == "null"])
def test_null_worlds(name: str) -> None:
    found = outcomes(name, 60)
    assert found["replicates"] == 0 and found["partly"] <= 6


@pytest.mark.parametrize("name", [s.name for s in SIMULATION.scenarios if s.world == "partial null"])
def test_where_one_part_is_false_it_holds_partly_at_most(name: str) -> None:
    assert outcomes(name, 30)["replicates"] <= 1


def test_what_is_planted_is_shown() -> None:
    assert outcomes("scarcity makes diffuse", 20)["replicates"] >= 16
    assert outcomes("scarcity concentrates", 20)["reversed"] >= 16


def test_two_seeds_deny_nothing_that_is_there() -> None:
    two = ",".join(name for name in THREE.split(",") if not name.endswith("2"))
    assert outcomes("scarcity makes diffuse", 20, models=two)["does not replicate"] == 0
