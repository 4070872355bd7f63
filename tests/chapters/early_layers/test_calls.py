"""The page of early layers asks every edited copy of the model each task."""

from dataclasses import replace
from typing import get_args

from emomech.chapters.early_layers import calls, tables
from emomech.chapters.early_layers.weight_edits import THIRDS, EditMethod
from emomech.study.calls import EXAMPLE

PARAMETERS = {"most": 8, "n_language": 10, "n_draws": 5}


def test_the_sizes_are_those_of_the_analysis() -> None:
    assert (len(get_args(EditMethod)), len(tables.CHANGES), len(THIRDS)) == (calls.METHODS, calls.CHANGES, calls.THIRDS)
    assert calls.MOST_CONTROL == tables.MOST_CONTROL


def test_every_edit_makes_a_copy_that_answers() -> None:
    declared = calls.calls(EXAMPLE, PARAMETERS)
    assert declared.models == 1 + 3 * (4 * 3 + 4)
    controlled = calls.calls(replace(EXAMPLE, controls=(EXAMPLE.task,)), PARAMETERS)
    asked = 8 * EXAMPLE.task.labels * 40 * EXAMPLE.layers
    assert controlled.forward - declared.forward == (3 * 4 * 3 + 1) * asked


def test_wider_matrices_take_longer_to_decompose() -> None:
    wide = replace(EXAMPLE, width=256, block=4 * EXAMPLE.block)
    assert calls.calls(wide, PARAMETERS).decomposed == 8 * calls.calls(EXAMPLE, PARAMETERS).decomposed
