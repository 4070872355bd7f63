"""The fidelity page measures every SAE twice, and ablates more units if the texts are divided more often."""

from dataclasses import replace

from emomech.chapters.fidelity import analysis, calls, causal
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_draws": 5}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert calls.N_GATE_TEXTS == analysis.N_GATE_TEXTS and calls.MOST == causal.MOST


def test_the_quality_of_a_dictionary_takes_logits_for_each_hook_point() -> None:
    fewer = replace(EXAMPLE, depths=EXAMPLE.depths[:-2] + EXAMPLE.depths[-1:])
    every, without_one = (calls.calls(scale, PARAMETERS) for scale in (EXAMPLE, fewer))
    assert every.logits - without_one.logits == 2 * calls.N_GATE_TEXTS * 25


def test_divisions_rank_again_and_ablate_what_they_choose() -> None:
    once, again = (calls.calls(EXAMPLE, {"n_draws": n}) for n in (1, 5))
    assert again.ranked == 5 * once.ranked and again.encoded > once.encoded and again.decoded == once.decoded


def test_saes_beside_are_read_too() -> None:
    beside = replace(EXAMPLE, beside=("frozen", "second"))
    assert calls.calls(beside, PARAMETERS).encoded > calls.calls(EXAMPLE, PARAMETERS).encoded
