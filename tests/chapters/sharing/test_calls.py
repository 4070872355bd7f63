"""The page of sharing reads two models at the answer; tests take time, but no model."""

from emomech.chapters.sharing import calls, membership
from emomech.study.calls import EXAMPLE

PARAMETERS = {"most": 24, "n_permutations": 100, "n_resamples": 100, "n_draws": 5}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert calls.CHUNK == membership._CHUNK


def test_permutations_and_resamples_take_statistics_only() -> None:
    once = calls.calls(EXAMPLE, PARAMETERS)
    for name in ("n_permutations", "n_resamples"):
        more = calls.calls(EXAMPLE, PARAMETERS | {name: 400})
        assert more.forward == once.forward and more.weighed > 1.2 * once.weighed


def test_gradients_pass_the_last_token_only() -> None:
    once = calls.calls(EXAMPLE, PARAMETERS)
    assert once.backward < once.forward / 40
