"""Tables show every cell, escape their text, and explain their columns."""

import re

import pandas as pd
import pytest

from emomech.core.errors import UsageError
from emomech.notebook import tables
from emomech.stats.tables import Schema

SCHEMA = Schema(
    keys={"group": "which texts", "layer": "0-based block"},
    values={"share": "share of <all>", "low": "lower end", "high": "upper end", "right": "whether it is"},
)


@pytest.fixture
def frame() -> pd.DataFrame:
    rows = [("a <b> & c", 0, 0.25, 0.2, 0.3, True), ("long " * 9, 1200, -0.004, float("nan"), 0.1, False)]
    return pd.DataFrame(rows, columns=list(SCHEMA.columns))


def test_a_table_shows_every_cell_and_what_columns_mean(frame: pd.DataFrame) -> None:
    html = tables.table(frame, SCHEMA, caption="A <caption>").data
    assert "a &lt;b&gt; &amp; c" in html and "<b>" not in html and "A &lt;caption&gt;" in html
    assert "[0.20, 0.30]" in html and '<td class="emo-number">–</td>' in html and "−0.004" in html
    assert "1,200" in html and ">yes<" in html and 'title="share of &lt;all&gt;"' in html
    assert html.count("<th ") == 5 and "<dt>interval</dt><dd>lower end; upper end</dd>" in html


def test_a_table_shows_the_columns_that_were_asked_for(frame: pd.DataFrame) -> None:
    html = tables.table(frame, SCHEMA, caption="c", columns=["low", "group"], digits=3).data
    assert html.count("<th ") == 2 and "0.200" in html and html.index(">low<") < html.index(">group<")


def test_long_text_may_break_and_short_text_does_not(frame: pd.DataFrame) -> None:
    assert 'class="emo-long"' in tables.table(frame, SCHEMA, caption="c").data
    assert 'class="emo-long"' not in tables.table(frame.head(1), SCHEMA, caption="c").data


def test_an_empty_table_is_still_a_table(frame: pd.DataFrame) -> None:
    html = tables.table(frame.head(0), SCHEMA, caption="c").data
    assert html.count("<th ") == 5 and "Nothing to show" in html


def test_a_column_of_empty_text_is_left_out_unless_asked_for(frame: pd.DataFrame) -> None:
    bare = frame.assign(group="")
    assert ">group<" not in tables.table(bare, SCHEMA, caption="c").data
    assert ">group<" in tables.table(bare, SCHEMA, caption="c", columns=["group"]).data


def test_a_misspelt_column_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="unknown column 'shares'. Did you mean 'share'"):
        tables.table(frame, SCHEMA, caption="c", columns=["shares"])


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.0, 16.0], ["1", "16"]),  # counts that a missing one made floats
        ([0.0, 1.0], ["0.00", "1.00"]),  # shares
        ([2.5, 4096.0], ["2.50", "4,096"]),
        ([-0.0, 0.5], ["0.00", "0.50"]),
    ],
)
def test_decimals_stand_where_they_mean_something(values: list[float], shown: list[str]) -> None:
    schema = Schema(keys={}, values={"value": "a number"})
    html = str(tables.table(pd.DataFrame({"value": values}), schema, caption="c").data)
    assert re.findall(r'<td class="emo-number">([^<]*)</td>', html) == shown
