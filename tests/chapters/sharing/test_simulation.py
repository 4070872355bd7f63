"""The rule for C2 in simulated worlds: it seldom errs, and finds a pool and sets where they are."""

from collections import Counter

import pytest
from worlds import of_kind, outcomes, verdicts

from emomech.chapters.sharing.simulation import SIMULATION

FULL = {"most": 100, "n_permutations": 200, "n_resamples": 200, "n_draws": 5, "limit": 0}
QUICK = FULL | {"most": 24, "n_resamples": 100, "limit": 800}
N = 12


@pytest.mark.parametrize("name", of_kind(SIMULATION, "null"))
def test_nothing_replicates_where_there_is_nothing(name: str) -> None:
    counts = outcomes(SIMULATION, name, FULL, N)
    assert counts["replicates"] == 0
    assert counts["partly"] <= 1


@pytest.mark.parametrize("name", of_kind(SIMULATION, "partial null"))
def test_half_a_claim_does_not_replicate(name: str) -> None:
    assert outcomes(SIMULATION, name, FULL, N)["replicates"] == 0


@pytest.mark.parametrize("name", ["independent choice", "independent choice among half of the features"])
def test_independent_choice_is_no_pool(name: str) -> None:
    assert Counter(verdict.checks[0].status for verdict in verdicts(SIMULATION, name, FULL, N))["met"] <= 1


def test_a_pool_and_sets_are_found_and_the_opposite_is_reversed() -> None:
    assert outcomes(SIMULATION, "a pool and sets", FULL, N)["replicates"] >= 0.8 * N
    assert outcomes(SIMULATION, "one emotion or many", FULL, N)["reversed"] >= 0.8 * N


def test_few_texts_do_not_speak_against_a_pool() -> None:
    counts = outcomes(SIMULATION, "a pool and sets", QUICK, N)
    assert counts["does not replicate"] + counts["reversed"] == 0
