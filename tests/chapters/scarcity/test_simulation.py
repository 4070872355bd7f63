"""The rule errs rarely in worlds without an effect, and says so where there are too few seeds."""

import pytest
from worlds import of_kind, outcomes

from emomech.chapters.scarcity.simulation import SIMULATION

THREE = ",".join(f"{kind}{seed}" for kind in ("rare", "usual", "rival") for seed in ("", "-seed1", "-seed2"))
FULL = {"n_texts": 24, "n_draws": 2, "models": THREE}


@pytest.mark.parametrize("name", of_kind(SIMULATION, "null"))
def test_null_worlds(name: str) -> None:
    found = outcomes(SIMULATION, name, FULL, 60)
    assert found["replicates"] == 0 and found["partly"] <= 6


@pytest.mark.parametrize("name", of_kind(SIMULATION, "partial null"))
def test_where_one_part_is_false_it_holds_partly_at_most(name: str) -> None:
    assert outcomes(SIMULATION, name, FULL, 30)["replicates"] <= 1


def test_what_is_planted_is_shown() -> None:
    assert outcomes(SIMULATION, "scarcity makes diffuse", FULL, 20)["replicates"] >= 16
    assert outcomes(SIMULATION, "scarcity concentrates", FULL, 20)["reversed"] >= 16


def test_two_seeds_deny_nothing_that_is_there() -> None:
    two = ",".join(name for name in THREE.split(",") if not name.endswith("2"))
    assert outcomes(SIMULATION, "scarcity makes diffuse", FULL | {"models": two}, 20)["does not replicate"] == 0
