"""The page of causal features screens once, and ablates each feature that it shows."""

from emomech.chapters.causal_features import calls
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_features": 1, "n_texts": 12, "n_shown": 4, "n_resamples": 100}


def test_shown_features_are_ablated_one_by_one() -> None:
    one, two = (calls.calls(EXAMPLE, PARAMETERS | {"n_features": n}) for n in (1, 2))
    assert one.backward == two.backward and one.forward < two.forward and one.encoded < two.encoded
