"""The transfer page chooses on every set, and uses what it chose on the others."""

from dataclasses import replace

from emomech.chapters.transfer import analysis, calls
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_labelled": 5, "prompts": "then", "words": "reactions", "n_report": 6, "n_resamples": 100}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert (calls.N_TUNE, calls.LEAST_TEXTS) == (analysis.N_TUNE, analysis.LEAST_TEXTS)


def test_more_sets_take_more_choices() -> None:
    styles = replace(EXAMPLE, task=replace(EXAMPLE.task, styles=(50, 60, 41, 7)))
    three, five = (calls.calls(scale, PARAMETERS) for scale in (EXAMPLE, styles))
    assert five.backward == 1.5 * three.backward  # two usable sets of three, three of five


def test_item_types_divide_texts_without_styles() -> None:
    types = replace(EXAMPLE, task=replace(EXAMPLE.task, types=(50, 60)))
    assert calls.calls(types, PARAMETERS).forward > calls.calls(EXAMPLE, PARAMETERS).forward
