"""The behaviour page asks two models once, and once more for every label with several tokens."""

from dataclasses import replace

from emomech.chapters.behaviour import calls, lengths
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_resamples": 100}


def test_constants_are_those_of_the_analysis() -> None:
    assert calls.MEASURED == lengths.MOST


def test_two_models_answer_and_long_labels_take_a_pass_each() -> None:
    once = calls.calls(EXAMPLE, PARAMETERS)
    longer = calls.calls(replace(EXAMPLE, task=replace(EXAMPLE.task, long_answers=2)), PARAMETERS)
    assert once.models == 2 and once.encoded == once.backward == 0
    read = EXAMPLE.task.split["report"] * 40 * EXAMPLE.layers
    assert longer.forward - once.forward == 4 * read


def test_resamples_take_statistics_only() -> None:
    more = calls.calls(EXAMPLE, {"n_resamples": 200})
    once = calls.calls(EXAMPLE, PARAMETERS)
    assert more.weighed == 2 * once.weighed and more.forward == once.forward
