"""The rule for the instrument in simulated worlds: it seldom errs, and shows what is planted."""

import pytest
from worlds import of_kind, outcomes

from emomech.chapters.fidelity.simulation import SIMULATION

FULL = {"n_draws": 5, "limit": 0}
QUICK = {"n_draws": 5, "limit": 600}
N = 8


@pytest.mark.parametrize("name", of_kind(SIMULATION, "null"))
def test_nothing_replicates_where_there_is_nothing(name: str) -> None:
    counts = outcomes(SIMULATION, name, FULL, N)
    assert counts["replicates"] == 0
    assert counts["partly"] <= 1


@pytest.mark.parametrize("name", of_kind(SIMULATION, "partial null"))
def test_half_a_claim_does_not_replicate(name: str) -> None:
    assert outcomes(SIMULATION, name, FULL, N)["replicates"] == 0


def test_what_is_planted_is_shown_and_the_opposite_is_reversed() -> None:
    assert outcomes(SIMULATION, "detected and used", FULL, N)["replicates"] >= 0.8 * N
    assert outcomes(SIMULATION, "the answer gains without the feature", FULL, N)["reversed"] >= 0.8 * N


def test_few_texts_do_not_speak_against_it() -> None:
    counts = outcomes(SIMULATION, "detected and used", QUICK, N)
    assert counts["does not replicate"] + counts["reversed"] == 0
