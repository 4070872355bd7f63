"""A chart holds few rows of a long table: always the same, in order, and with a note."""

from typing import Any

import altair as alt
import pandas as pd
import pytest

from emomech.figures.rows import MAX_ROWS, specification
from emomech.figures.vega import largest_data


def chart(n: int) -> alt.Chart:
    return alt.Chart(pd.DataFrame({"x": range(n), "y": 1.5}, index=[0] * n)).mark_point().encode(x="x:Q", y="y:Q")


def test_a_table_that_fits_is_whole() -> None:
    spec, note = specification(chart(MAX_ROWS))
    assert [row["x"] for row in largest_data(spec)] == list(range(MAX_ROWS)) and note == ""


@pytest.mark.parametrize("n", [MAX_ROWS + 1, 20_000, 300_000])
def test_a_longer_table_is_sampled(n: int) -> None:
    spec, note = specification(chart(n))
    drawn = [row["x"] for row in largest_data(spec)]
    assert note == f"It draws a random sample of 5,000 of {n:,} rows (seed 0)."
    assert len(set(drawn)) == MAX_ROWS and drawn == sorted(drawn)
    assert abs(sum(drawn) / MAX_ROWS - n / 2) < n / 50  # from the whole table
    assert [row["x"] for row in largest_data(specification(chart(n))[0])] == drawn


def test_layers_draw_the_same_rows_and_small_tables_beside_them_stay_whole() -> None:
    long = pd.DataFrame({"x": range(20_000)})
    guide = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule().encode(x="at:Q")
    layers = alt.layer(*(alt.Chart(long.copy()).mark_point().encode(x="x:Q") for _ in range(2)), guide)
    spec, note = specification(layers)
    data: dict[str, Any] = spec["datasets"]
    assert sorted(map(len, data.values())) == [1, MAX_ROWS] and note.count("sample") == 1


def test_other_charts_are_as_before() -> None:
    with alt.data_transformers.enable("default"):
        specification(chart(MAX_ROWS + 1))
        with pytest.raises(alt.MaxRowsError):
            chart(MAX_ROWS + 1).to_dict()
