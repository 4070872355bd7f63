"""The tracing page ablates features at many sizes: their number grows with the logarithm of the features."""

from dataclasses import replace

from emomech.causal.dictionary import NODES
from emomech.causal.sample import doubling
from emomech.chapters.tracing import calls, curves, kept
from emomech.chapters.tracing.tables import FEW
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_discover": 6, "n_report": 5, "n_single": 1, "n_resamples": 30, "n_draws": 5}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert (curves.N_DRAWS, curves.N_PERMUTED, len(curves.DOSES)) == (calls.N_DRAWS, calls.N_PERMUTED, calls.N_DOSES)
    assert (calls.FEW, calls.FINE, calls.MOST) == (FEW, curves._FINE, kept._MOST) and len(NODES) == calls.N_NODES


def test_sizes_double() -> None:
    assert (calls.doubling(8), calls.doubling(10), calls.doubling(1)) == (len(doubling(8)), len(doubling(10)), 2)
    wide = replace(EXAMPLE, features=4 * EXAMPLE.features)
    assert calls.sizes(wide)[1] == calls.sizes(EXAMPLE)[1] + 2


def test_draws_of_the_texts_ablate_again() -> None:
    once, again = (calls.calls(EXAMPLE, PARAMETERS | {"n_draws": n}) for n in (1, 5))
    assert once.forward < again.forward < 2 * once.forward
