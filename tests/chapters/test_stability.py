"""Estimates on several draws of the texts, as rows of a table and back."""

from emomech.chapters.stability import STABILITY, draws_of, stability_rows
from emomech.stats.tables import frame


def test_rows_and_draws_are_inverse() -> None:
    values = {"gain": [0.1, 0.2], "loss": [0.3]}
    assert draws_of(frame(STABILITY, stability_rows(values))) == values


def test_an_empty_table_has_no_draws() -> None:
    assert draws_of(frame(STABILITY)) == {}
