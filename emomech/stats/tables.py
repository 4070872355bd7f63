"""The contract of a tidy table: which columns it has, what each means, which of them name a row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate

if TYPE_CHECKING:
    import pandas as pd


R = TypeVar("R")
INTERVAL = {"low": "lower end of the 95 % interval", "high": "upper end of the 95 % interval"}
DEPTH = "0 at the embedding, 1 after the last block"
"""What columns mean that stand in many tables."""
_DECIMALS = 12
"""Of an estimate: beyond them stands what rounding left of sums that cancel, which would read as a small effect."""
MAX_ROWS = 5000
"""Altair refuses to draw more; a result that needs more is not yet summarised."""


@dataclass(frozen=True)
class Schema:
    """Columns of a table: `keys` together name a row, `values` are what is known of it.

    Both map a column's name to one sentence that a reader sees beside the table.
    """

    keys: Mapping[str, str]
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, str]:
        """All columns in order, with their meaning."""
        return {**self.keys, **self.values}

    def check(self, frame: "pd.DataFrame", name: str) -> "pd.DataFrame":
        """Return the table if it keeps the contract. Raises EmomechError that names the column or the row."""
        found, expected = list(frame.columns), list(self.columns)
        if found != expected:
            raise EmomechError(f"table {name!r}: has columns {found}, expected {expected}.")
        if len(frame) > MAX_ROWS:
            raise EmomechError(f"table {name!r}: has {len(frame)} rows, at most {MAX_ROWS} are kept; summarise it.")
        twice = frame[frame.duplicated(list(self.keys))]
        if len(twice):
            raise EmomechError(
                f"table {name!r}: row {twice[list(self.keys)].astype(object).iloc[0].to_dict()} stands twice."
            )
        return frame


Row = Mapping[str, object]
"""A row of a table by column name. An `Estimate` fills three columns: its own, and the two after it, its interval."""


def frame(schema: Schema, rows: Iterable[Row | Sequence[object]] = ()) -> "pd.DataFrame":
    """Make a table of a schema from its rows.

    A value that a row leaves out is NaN, or empty text where the column holds text. A table without rows has text in
    its keys and numbers in its values, so that what reads it meets the types it knows. Raises EmomechError for a row
    with a column that the schema does not have, or without one of its keys.

    Example:
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


def _by_column(schema: Schema, row: Row | Sequence[object]) -> dict[str, object]:
    """Spread the estimates of a row over their columns. Raises EmomechError for columns that do not fit."""
    columns = list(schema.columns)
    if not isinstance(row, Mapping):
        return dict(zip(columns, [part for cell in row for part in _cells(cell)], strict=True))
    if strange := set(row) - set(columns):
        raise EmomechError(f"row with columns {sorted(strange)}: the table has only {columns}.")
    if missing := set(schema.keys) - set(row):
        raise EmomechError(f"row {dict(row)}: lacks {sorted(missing)}, which name a row of the table.")
    cells: dict[str, object] = {}
    for name, cell in row.items():
        cells |= dict(zip(columns[columns.index(name) :], _cells(cell), strict=False))
    return cells


def _cells(cell: object) -> tuple[object, ...]:
    if not isinstance(cell, Estimate):
        return (cell,)
    return tuple(round(float(part), _DECIMALS) for part in (cell.value, cell.low, cell.high))


def filled(result: type[R], **tables: "pd.DataFrame") -> R:
    """Make a result from some of its tables; the others have no row."""
    return result(**{name: tables.get(name, frame(schema)) for name, schema in schemas(result).items()})


def schemas(result: type) -> dict[str, Schema]:
    """Read the schema of every table of a result class, from its `Annotated[DataFrame, SCHEMA]` fields.

    Raises EmomechError for a field without one.
    """
    import pandas as pd  # the names in the annotations

    hints = get_type_hints(result, localns={"pd": pd}, include_extras=True)
    return {f.name: _schema_of(result, f.name, hints[f.name]) for f in fields(result)}


def _schema_of(result: type, name: str, hint: Any) -> Schema:
    if get_origin(hint) is Annotated and isinstance(schema := get_args(hint)[1], Schema):
        return schema
    raise EmomechError(f"{result.__name__}.{name}: expected Annotated[pd.DataFrame, SCHEMA], found {hint}.")


def checked(result: R) -> R:
    """Return a result whose every table keeps its schema. Raises EmomechError otherwise."""
    for name, schema in schemas(type(result)).items():
        schema.check(getattr(result, name), f"{type(result).__name__}.{name}")
    return result


def number(table: "pd.DataFrame", column: str, **keys: object) -> Estimate:
    """Read one number with its interval from a table: the row that `keys` name, from `column`, `low`, `high`, `n`.

    A table without one of the last three leaves it undefined. Raises EmomechError unless just one row is named.
    """
    rows = table
    for key, value in keys.items():
        rows = rows[rows[key] == value]
    if len(rows) != 1:
        raise EmomechError(f"{column} of {keys}: {len(rows)} rows of the table are so named, expected one.")
    row = rows.iloc[0]
    low, high = (float(row.get(end, float("nan"))) for end in ("low", "high"))
    return Estimate(float(row[column]), low, high, int(row.get("n", 0)))
