"""The rule errs rarely in worlds without the claim, and shows it where it is true."""

from collections import Counter

import numpy as np
import pytest

from emomech.chapters.concentration.simulation import SIMULATION

FULL = {"n_texts": 40, "n_resamples": 500, "n_draws": 2}
N = 8


def outcomes(name: str, **sizes: int) -> Counter[str]:
    scenario = next(s for s in SIMULATION.scenarios if s.name == name)
    draws = (scenario.draw(np.random.default_rng(seed), FULL | sizes, SIMULATION.effect) for seed in range(N))
    return Counter(SIMULATION.rule(draw).outcome for draw in draws)


@pytest.mark.parametrize("name", [s.name for s in SIMULATION.scenarios if s.world == "null"])
def test_null_worlds_do_not_replicate(name: str) -> None:
    found = outcomes(name)
    assert found["replicates"] == 0 and found["partly"] <= 2


@pytest.mark.parametrize("name", [s.name for s in SIMULATION.scenarios if s.world == "partial null"])
def test_where_one_part_is_false_it_holds_partly_at_most(name: str) -> None:
    assert outcomes(name)["replicates"] == 0


def test_what_is_planted_is_shown() -> None:
    assert outcomes("weaker and more diffuse")["replicates"] >= N - 1
    assert outcomes("stronger and less diffuse")["reversed"] >= N - 1


def test_few_texts_never_deny_what_is_there() -> None:
    assert outcomes("weaker and more diffuse", n_texts=12, n_resamples=100)["does not replicate"] == 0
