"""The depth page differentiates every component of the final stream, and asks every task."""

from dataclasses import replace

from emomech.chapters.depth import calls, lenses, measures, setting
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_texts": 70, "n_edited": 21, "n_features": 16, "n_resamples": 800, "n_draws": 5}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert calls.LENS_TEXTS == setting.LENS_TEXTS and calls.FIT_TEXTS == measures._FIT_TEXTS
    assert len(measures.CONDITIONS) == calls.CONDITIONS and len(lenses.MOVES) == calls.MOVES
    assert calls.MOST_MOVED == lenses._MOST_MOVED


def test_the_lens_takes_a_backward_pass_for_every_component() -> None:
    wide = replace(EXAMPLE, width=2 * EXAMPLE.width)
    narrow, wider = (calls.calls(scale, PARAMETERS).backward_calls for scale in (EXAMPLE, wide))
    assert 1.9 < wider / narrow < 2


def test_control_tasks_take_as_much_again() -> None:
    controlled = replace(EXAMPLE, controls=(EXAMPLE.task, EXAMPLE.task))
    alone, with_two = (calls.calls(scale, PARAMETERS) for scale in (EXAMPLE, controlled))
    assert 1.5 < with_two.forward / alone.forward < 3
