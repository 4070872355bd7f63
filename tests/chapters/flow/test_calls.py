"""The flow page reads two models once, and explains every family at every hook point in all draws."""

from dataclasses import replace

from emomech.chapters.flow import analysis, calls, reads
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_permutations": 30, "n_resamples": 30, "n_draws": 5}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert calls.N_GATE_TEXTS == analysis.N_GATE_TEXTS
    assert calls.TAGS | {"word", "emotion"} == {tag for tags in reads.STAGES.values() for tag in tags}


def test_permutations_take_no_pass_of_the_model() -> None:
    more = calls.calls(EXAMPLE, PARAMETERS | {"n_permutations": 130})
    once = calls.calls(EXAMPLE, PARAMETERS)
    assert more.forward == once.forward and more.weighed > 2 * once.weighed


def test_annotation_adds_families_to_explain() -> None:
    tagged = replace(EXAMPLE, task=replace(EXAMPLE.task, word_tags=calls.TAGS, answer_tags=calls.TAGS))
    assert calls.calls(tagged, PARAMETERS).weighed == 6 * calls.calls(EXAMPLE, PARAMETERS).weighed
