"""Tidy tables of results: the columns of each, what they mean, and which of them name a row.

Example:
    >>> from emomech.stats.estimates import Estimate
    >>> from emomech.stats.tables import INTERVAL, Schema, frame, number
    >>> schema = Schema(keys={"emotion": "label of the text"}, values={"loss": "nats", **INTERVAL, "n": "texts"})
    >>> table = frame(schema, [{"emotion": "joy", "loss": Estimate(0.5, 0.4, 0.6, 20), "n": 20}])
    >>> print(number(table, "loss", emotion="joy"))
    0.50 [0.40, 0.60]
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate

if TYPE_CHECKING:
    import pandas as pd


R = TypeVar("R")
INTERVAL = {"low": "lower end of the 95 % interval", "high": "upper end of the 95 % interval"}
"""Meaning of the two columns of an interval."""
DEPTH = "0 at the embedding, 1 after the last block"
"""Meaning of a column of depth."""
_DECIMALS = 12
"""Decimals of an estimate in a table. Further digits are rounding errors, which would look like a small effect."""
MAX_ROWS = 5000
"""Altair draws no more rows; a longer table has to be summarised."""


@dataclass(frozen=True)
class Schema:
    """Columns of a table: `keys` together name a row, `values` are measured for it.

    Both map the name of a column to its meaning, one sentence that readers see with the table.
    """

    keys: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """All columns in order, with their meaning."""
        return {**self.keys, **self.values}

    def check(self, frame: "pd.DataFrame", name: str) -> "pd.DataFrame":
        """Return the table if it fits the schema. Raises EmomechError for other columns, repeated or too many rows."""
        columns, expected = list(frame.columns), list(self.columns)
        if columns != expected:
            raise EmomechError(f"table {name!r}: has columns {columns}, expected {expected}.")
        if len(frame) > MAX_ROWS:
            raise EmomechError(f"table {name!r}: has {len(frame)} rows, expected at most {MAX_ROWS}; summarise it.")
        repeated = frame[frame.duplicated(list(self.keys))][list(self.keys)].astype(object)
        if len(repeated):
            raise EmomechError(f"table {name!r}: has row {repeated.iloc[0].to_dict()} twice, expected it once.")
        return frame


Row = Mapping[str, object]
"""A row by column name. An `Estimate` fills its own column, and the two after it with its interval."""


def frame(schema: Schema, rows: Iterable[Row] = ()) -> "pd.DataFrame":
    """Make a table of a schema from its rows, each by column name, or by position with every column.

    A missing value is NaN, or empty text in a column of text. A table without rows has keys of text and values of
    float64. Raises EmomechError for a column that the schema lacks, and for a row without one of its keys.

    Example:
        >>> from emomech.stats.estimates import Estimate
        >>> from emomech.stats.tables import INTERVAL, Schema, frame
        >>> schema = Schema(keys={"layer": "block"}, values={"loss": "nats", **INTERVAL, "n": "texts"})
        >>> frame(schema, [{"layer": 3, "loss": Estimate(0.5, 0.4, 0.6, 20), "n": 20}, {"layer": 4}]).loss.tolist()
        [0.5, nan]
    """
    import pandas as pd

    columns = list(schema.columns)
    cells = [_by_column(schema, row) for row in rows]
    if not cells:
        empty = dict.fromkeys(schema.keys, "str") | dict.fromkeys(schema.values, "float64")
        return pd.DataFrame(columns=columns).astype(empty)
    text = {name for row in cells for name, cell in row.items() if isinstance(cell, str)}
    blank = {name: "" if name in text else float("nan") for name in columns}
    return pd.DataFrame([{**blank, **row} for row in cells], columns=columns)


def _by_column(schema: Schema, row: Row) -> dict[str, object]:
    """Map columns to cells; an estimate fills three columns. Raises EmomechError for columns that do not fit."""
    columns = list(schema.columns)
    if not isinstance(row, Mapping):
        raise EmomechError(f"row {row!r}: expected a mapping from column to value.")
    if unknown := set(row) - set(columns):
        raise EmomechError(f"row {dict(row)}: has columns {sorted(unknown)}, the table has only {columns}.")
    if missing := set(schema.keys) - set(row):
        raise EmomechError(f"row {dict(row)}: lacks {sorted(missing)}, which name a row of the table.")
    cells: dict[str, object] = {}
    for name, cell in row.items():
        parts, start = _cells(cell), columns.index(name)
        cells |= dict(zip(columns[start : start + len(parts)], parts, strict=True))
    return cells


def _cells(cell: object) -> tuple[object, ...]:
    if not isinstance(cell, Estimate):
        return (cell,)
    return tuple(round(float(part), _DECIMALS) for part in (cell.value, cell.low, cell.high))


def filled(result: type[R], **tables: "pd.DataFrame") -> R:
    """Make a result from some of its tables; the others are empty."""
    return result(**{name: tables.get(name, frame(schema)) for name, schema in schemas(result).items()})


def schemas(result: type) -> dict[str, Schema]:
    """Schema of every table of a result class, by field name, from its `Annotated[DataFrame, SCHEMA]` fields.

    Raises EmomechError for a field without a schema.
    """
    import pandas as pd  # the names in the annotations

    hints = get_type_hints(result, localns={"pd": pd}, include_extras=True)
    return {f.name: _schema_of(result, f.name, hints[f.name]) for f in fields(result)}


def _schema_of(result: type, name: str, hint: Any) -> Schema:
    if get_origin(hint) is Annotated and isinstance(schema := get_args(hint)[1], Schema):
        return schema
    raise EmomechError(f"{result.__name__}.{name}: expected Annotated[pd.DataFrame, SCHEMA], found {hint}.")


def checked(result: R) -> R:
    """Return a result if each of its tables fits its schema. Raises EmomechError otherwise (see `Schema.check`)."""
    for name, schema in schemas(type(result)).items():
        schema.check(getattr(result, name), f"{type(result).__name__}.{name}")
    return result


def number(table: "pd.DataFrame", column: str, **keys: object) -> Estimate:
    """Read one estimate from a table: `column`, `low`, `high` and `n` of the row that `keys` name.

    The interval is NaN in a table without `low` and `high`, and n is 0 in a table without `n`. Raises EmomechError
    unless exactly one row has these keys.

    Example:
        >>> import pandas as pd
        >>> from emomech.stats.tables import number
        >>> table = pd.DataFrame({"emotion": ["joy", "fear"], "f1": [0.8, 0.6], "low": [0.7, 0.5], "high": [0.9, 0.7]})
        >>> print(number(table, "f1", emotion="fear"))
        0.60 [0.50, 0.70]
    """
    rows = table
    for key, value in keys.items():
        rows = rows[rows[key] == value]
    if len(rows) != 1:
        raise EmomechError(f"{column} of {keys}: {len(rows)} rows of the table have these keys, expected one.")
    row = rows.iloc[0]
    low, high = (float(row.get(end, float("nan"))) for end in ("low", "high"))
    return Estimate(float(row[column]), low, high, int(row.get("n", 0)))
