"""The rule errs rarely in worlds without the claim, and shows it where it is true."""

import pytest
from worlds import of_kind, outcomes

from emomech.chapters.concentration.simulation import SIMULATION

FULL = {"n_texts": 40, "n_resamples": 500, "n_draws": 2}
N = 8


@pytest.mark.parametrize("name", of_kind(SIMULATION, "null"))
def test_null_worlds_do_not_replicate(name: str) -> None:
    found = outcomes(SIMULATION, name, FULL, N)
    assert found["replicates"] == 0 and found["partly"] <= 2


@pytest.mark.parametrize("name", of_kind(SIMULATION, "partial null"))
def test_where_one_part_is_false_it_holds_partly_at_most(name: str) -> None:
    assert outcomes(SIMULATION, name, FULL, N)["replicates"] == 0


def test_what_is_planted_is_shown() -> None:
    assert outcomes(SIMULATION, "weaker and more diffuse", FULL, N)["replicates"] >= N - 1
    assert outcomes(SIMULATION, "stronger and less diffuse", FULL, N)["reversed"] >= N - 1


def test_few_texts_never_deny_what_is_there() -> None:
    few = FULL | {"n_texts": 12, "n_resamples": 100}
    assert outcomes(SIMULATION, "weaker and more diffuse", few, N)["does not replicate"] == 0
