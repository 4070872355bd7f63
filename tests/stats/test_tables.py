"""A table keeps its contract or the error says which column or row does not."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate
from emomech.stats.tables import INTERVAL, MAX_ROWS, Schema, checked, filled, frame, number, schemas

SCHEMA = Schema(keys={"layer": "which"}, values={"share": "how much"})


@dataclass(frozen=True)
class Result:
    table: Annotated[pd.DataFrame, SCHEMA]


def made(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"layer": [0, 1], "share": [0.5, 0.25]} | columns)


def test_a_table_that_keeps_its_schema_is_returned() -> None:
    table = made()
    assert checked(Result(table)).table is table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (made(extra=[1, 2]), r"'Result.table': has columns \['layer', 'share', 'extra'\], expected"),
        (made(layer=[3, 3]), r"row {'layer': 3} stands twice"),
        (pd.DataFrame({"layer": range(MAX_ROWS + 1), "share": 0.0}), r"has 5001 rows, at most 5000"),
    ],
)
def test_what_breaks_the_schema_is_named(table: pd.DataFrame, message: str) -> None:
    with pytest.raises(EmomechError, match=message):
        checked(Result(table))


def test_schemas_come_from_the_annotations() -> None:
    assert schemas(Result) == {"table": SCHEMA}
    assert SCHEMA.columns == {"layer": "which", "share": "how much"}


def test_a_field_without_schema_is_named() -> None:
    @dataclass
    class Bare:
        table: pd.DataFrame

    with pytest.raises(EmomechError, match="Bare.table: expected Annotated"):
        schemas(Bare)


def test_number_reads_value_and_interval_of_one_row() -> None:
    table = pd.DataFrame({"who": ["a", "b"], "score": [0.5, 0.7], "low": [0.4, 0.6], "high": [0.6, 0.8], "n": [9, 9]})
    found = number(table, "score", who="b")
    assert (found.value, found.low, found.high, found.n) == (0.7, 0.6, 0.8, 9)


def test_number_without_interval_has_an_undefined_one() -> None:
    assert number(made(), "share", layer=1).low != number(made(), "share", layer=1).low


@pytest.mark.parametrize("who", ["nobody", "twice"])
def test_number_wants_one_row(who: str) -> None:
    table = pd.DataFrame({"who": ["twice", "twice"], "score": [1.0, 2.0]})
    with pytest.raises(EmomechError, match="rows of the table are so named, expected one"):
        number(table, "score", who=who)


def test_an_estimate_fills_three_columns_and_tables_without_rows_are_there() -> None:
    schema = Schema(keys={"name": "who"}, values={"share": "how much", **INTERVAL, "n": "how many"})
    found = frame(schema, [("a", Estimate(0.5, 0.4, 0.6, 9), 9)])
    assert found.to_dict("records") == [{"name": "a", "share": 0.5, "low": 0.4, "high": 0.6, "n": 9}]
    assert list(frame(schema).columns) == list(schema.columns) and not len(frame(schema))


@dataclass(frozen=True)
class Two:
    first: Annotated[pd.DataFrame, Schema(keys={"a": "one"})]
    second: Annotated[pd.DataFrame, Schema(keys={"b": "two"})]


def test_what_rounding_leaves_of_a_sum_that_cancels_is_nothing() -> None:
    schema = Schema(keys={"who": "who"}, values={"value": "how much", "low": "least", "high": "most"})
    found = frame(schema, [("a", Estimate(0.1 + 0.2 - 0.3, -1e-9, float("nan"), 9))])
    assert found.value[0] == 0
    assert found.low[0] == -1e-9
    assert np.isnan(found.high[0])


def test_a_result_is_filled_up_with_empty_tables() -> None:
    result = checked(filled(Two, second=pd.DataFrame({"b": [1]})))
    assert not len(result.first) and len(result.second) == 1


def test_a_table_without_rows_has_types() -> None:
    found = frame(SCHEMA)
    assert found.share.dtype == "float64" and found.layer.dtype == "str"
