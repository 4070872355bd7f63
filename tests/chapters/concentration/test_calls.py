"""The concentration page screens the features once, and once more for each control."""

from dataclasses import replace

from emomech.chapters.concentration import analysis, calls, controls
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_texts": 12, "n_resamples": 200, "n_draws": 5}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert (calls.N_CHOOSE, calls.N_TEXTS, calls.N_SHUFFLES) == (
        analysis.N_CHOOSE,
        controls.N_TEXTS,
        controls.N_SHUFFLES,
    )


def test_every_control_screens_on_both_splits() -> None:
    alone = calls.calls(EXAMPLE, PARAMETERS)
    beside = calls.calls(replace(EXAMPLE, beside=("frozen", "second")), PARAMETERS)
    screen = 2 * 12 * EXAMPLE.task.labels * 40 * EXAMPLE.layers
    assert alone.backward == 7 * screen and beside.backward == 9 * screen


def test_more_texts_show_features_at_more_hook_points() -> None:
    few, many = (calls.calls(EXAMPLE, PARAMETERS | {"n_texts": n}) for n in (12, 24))
    assert few.keys < many.keys and 1.5 < many.backward / few.backward < 2
