"""The steering page moves features on the texts that choose, and on those that report, again for every draw."""

from dataclasses import replace

from emomech.causal.steering import experiment
from emomech.causal.steering.fits import N_NEUTRAL
from emomech.causal.steering.fitted_doses import SHARES, grid
from emomech.causal.steering.operations import DOSES, OPERATIONS
from emomech.causal.steering.probe import PENALTIES
from emomech.causal.steering.slopes import N_SCORES
from emomech.chapters.steering import calls, cost
from emomech.study.calls import EXAMPLE

PARAMETERS = {"n_labelled": 5, "n_features": 5, "n_tune": 4, "n_report": 10, "n_resamples": 100, "n_label_draws": 8}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert calls.SIZES == experiment.SIZES and len(experiment.COARSE) == calls.N_SHOWN
    assert (len(DOSES) - 1, len(OPERATIONS)) == (calls.N_DOSES, calls.N_OPERATIONS)
    assert len(list(grid(5))) == 2 * calls.N_SETTINGS
    assert (len(SHARES), len(experiment.TRIED_SHARES)) == (calls.N_SHARES, calls.N_TRIED)
    assert (N_NEUTRAL, N_SCORES, len(PENALTIES)) == (calls.N_NEUTRAL, calls.N_SCORES, calls.N_PENALTIES)
    assert (calls.N_LANGUAGE, calls.N_TASK) == (cost.N_LANGUAGE, cost.N_TASK)


def test_draws_of_the_labelled_texts_take_passes_but_no_screen() -> None:
    few, many = (calls.calls(EXAMPLE, PARAMETERS | {"n_label_draws": n}) for n in (1, 8))
    assert few.backward == many.backward and few.forward < many.forward


def test_slopes_take_a_backward_pass_for_every_label() -> None:
    few, many = (replace(EXAMPLE, task=replace(EXAMPLE.task, labels=labels)) for labels in (4, 8))
    of_few, of_many = (calls.calls(scale, PARAMETERS).backward for scale in (few, many))
    assert of_many > 3 * of_few  # twice the labels, each with as many texts


def test_control_tasks_are_asked_at_every_dose() -> None:
    controlled = replace(EXAMPLE, controls=(EXAMPLE.task,))
    alone, asked = (calls.calls(scale, PARAMETERS) for scale in (EXAMPLE, controlled))
    once = 28 * EXAMPLE.task.labels * 40 * EXAMPLE.layers
    assert asked.forward - alone.forward == (1 + calls.N_SHOWN) * once
