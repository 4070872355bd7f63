"""Declared calls are sums, and padding is that of batches of texts of similar length."""

from dataclasses import fields, replace

import pytest

from emomech.models.tokens import runs
from emomech.study.calls import EXAMPLE, Calls, padded, total


def test_records_add_up_field_by_field() -> None:
    one = Calls(**{f.name: i + 1 for i, f in enumerate(fields(Calls))})
    assert total([one, one, one]) == 3 * one
    assert total([]) == Calls() and one + Calls() == one


@pytest.mark.parametrize("lengths", [(30, 20, 20, 11, 8, 3), (5,), tuple(range(90, 10, -1))])
def test_padding_is_that_of_the_batches_of_the_model(lengths: tuple[int, ...]) -> None:
    batched = sum(len(run) * lengths[run.start] for run in runs(lengths, 64))
    assert padded(lengths, len(lengths), 64) == pytest.approx(batched / len(lengths))


def test_many_texts_of_the_same_lengths_have_less_padding() -> None:
    lengths = tuple(range(90, 10, -1))
    few, many = padded(lengths, 30), padded(lengths, 3000)
    assert sum(lengths) / len(lengths) < many < few < lengths[0]


def test_a_balanced_draw_has_equally_many_texts_of_every_label() -> None:
    task = replace(EXAMPLE.task, rarest={"discover": 30, "tune": 9, "report": 20})
    assert (task.balanced("report", 12), task.balanced("tune", 12), task.balanced("discover")) == (84, 63, 210)
