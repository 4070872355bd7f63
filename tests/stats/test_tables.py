"""A table fits its schema, or the error names the column or row that does not."""

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
        (made(layer=[3, 3]), r"row {'layer': 3} twice, expected it once"),
        (pd.DataFrame({"layer": range(MAX_ROWS + 1), "share": 0.0}), r"has 5001 rows, expected at most 5000"),
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
    estimate = number(table, "score", who="b")
    assert (estimate.value, estimate.low, estimate.high, estimate.n) == (0.7, 0.6, 0.8, 9)


def test_number_without_interval_has_an_undefined_one() -> None:
    assert number(made(), "share", layer=1).low != number(made(), "share", layer=1).low


@pytest.mark.parametrize("who", ["nobody", "twice"])
def test_number_wants_one_row(who: str) -> None:
    table = pd.DataFrame({"who": ["twice", "twice"], "score": [1.0, 2.0]})
    with pytest.raises(EmomechError, match="rows of the table have these keys, expected one"):
        number(table, "score", who=who)


def test_an_estimate_fills_three_columns_and_tables_without_rows_are_there() -> None:
    schema = Schema(keys={"name": "who"}, values={"share": "how much", **INTERVAL, "n": "how many"})
    table = frame(schema, [{"name": "a", "share": Estimate(0.5, 0.4, 0.6, 9), "n": 9}])
    assert table.to_dict("records") == [{"name": "a", "share": 0.5, "low": 0.4, "high": 0.6, "n": 9}]
    assert list(frame(schema).columns) == list(schema.columns) and not len(frame(schema))


@dataclass(frozen=True)
class Two:
    first: Annotated[pd.DataFrame, Schema(keys={"a": "one"})]
    second: Annotated[pd.DataFrame, Schema(keys={"b": "two"})]


def test_what_rounding_leaves_of_a_sum_that_cancels_is_nothing() -> None:
    schema = Schema(keys={"who": "who"}, values={"value": "how much", "low": "least", "high": "most"})
    table = frame(schema, [{"who": "a", "value": Estimate(0.1 + 0.2 - 0.3, -1e-9, float("nan"), 9)}])
    assert table.value[0] == 0
    assert table.low[0] == -1e-9
    assert np.isnan(table.high[0])


def test_a_result_is_filled_up_with_empty_tables() -> None:
    result = checked(filled(Two, second=pd.DataFrame({"b": [1]})))
    assert not len(result.first) and len(result.second) == 1


WIDE = Schema(
    keys={"layer": "block", "emotion": "label"},
    values={"loss": "nats", **INTERVAL, "n": "texts", "writes": "word", "tested": "whether"},
)


def test_a_row_by_column_may_have_any_order() -> None:
    estimate = Estimate(0.5, 0.4, 0.6, 20)
    row = {"n": 20, "loss": estimate, "emotion": "joy", "layer": 3, "tested": True, "writes": "glad"}
    table = frame(WIDE, [row])
    assert table.iloc[0].tolist() == [3, "joy", 0.5, 0.4, 0.6, 20, "glad", True]
    assert list(table.columns) == list(WIDE.columns)
    assert table.loc[0, ["loss", "low", "high"]].tolist() == [0.5, 0.4, 0.6]


def test_an_estimate_in_any_column_fills_the_two_after_it() -> None:
    schema = Schema(
        keys={"emotion": "label"},
        values={"first": "nats", "first_low": "low", "first_high": "high", "second": "nats", **INTERVAL},
    )
    row = {"emotion": "joy", "second": Estimate(4, 3, 5, 9), "first": Estimate(1 / 3, 0.25, float("nan"), 9)}
    table = frame(schema, [row])
    assert table.iloc[0].tolist()[1:3] == [round(1 / 3, 12), 0.25]
    assert np.isnan(table.first_high[0])
    assert table.loc[0, ["second", "low", "high"]].tolist() == [4, 3, 5]


def test_a_value_that_is_left_out_is_undefined_or_empty_text() -> None:
    table = frame(WIDE, [{"layer": 0, "emotion": "joy", "writes": "glad", "loss": 0.5}, {"layer": 1, "emotion": "joy"}])
    assert table.writes.tolist() == ["glad", ""]
    assert table.loss[0] == 0.5
    assert table.loc[1, ["loss", "low", "high", "n"]].isna().all()
    assert table.low.isna().all() and table.tested.isna().all()


def test_rows_by_column_are_read_back_by_number() -> None:
    table = frame(WIDE, [{"layer": i, "emotion": "joy", "loss": Estimate(i, i - 1, i + 1, 9), "n": 9} for i in (1, 2)])
    assert number(table, "loss", layer=2, emotion="joy") == Estimate(2, 1, 3, 9)


def test_a_column_that_the_schema_lacks_is_refused() -> None:
    with pytest.raises(EmomechError, match=r"has columns \['lost'\], the table has only \['layer', 'emotion'"):
        frame(WIDE, [{"layer": 0, "emotion": "joy", "lost": 0.5}])


def test_a_row_without_a_key_is_refused() -> None:
    with pytest.raises(EmomechError, match=r"row {'layer': 0, 'loss': 0.5}: lacks \['emotion'\]"):
        frame(WIDE, [{"layer": 0, "loss": 0.5}])


def test_a_row_by_position_is_refused() -> None:
    with pytest.raises(EmomechError, match=r"row \(0, 'joy'\): expected a mapping from column to value"):
        frame(WIDE, [(0, "joy")])  # pyright: ignore[reportArgumentType]


def test_a_table_without_rows_has_types() -> None:
    table = frame(SCHEMA)
    assert table.share.dtype == "float64" and table.layer.dtype == "str"
