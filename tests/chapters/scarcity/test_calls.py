"""The scarcity page does the same for each of its models."""

from emomech.chapters.scarcity import calls, embedded_models
from emomech.study.calls import EXAMPLE

PARAMETERS = {"models": "a,b", "emotion": "disgust", "n_texts": 12, "n_resamples": 100, "n_draws": 5}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert calls.N_CHOOSE == embedded_models.N_CHOOSE


def test_calls_are_proportional_to_the_models() -> None:
    two, four = (calls.calls(EXAMPLE, PARAMETERS | {"models": names}) for names in ("a,b", "a,b,c,d"))
    assert four == 2 * two and two.models == 2
