"""The contract of a tidy table: which columns it has, what each means, which of them name a row."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from emomech.errors import EmomechError
from emomech.stats import Estimate

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


def frame(schema: Schema, rows: Iterable[Sequence[object]] = ()) -> "pd.DataFrame":
    """Make a table from its rows; an estimate in a row fills three columns, its value and the ends of its interval.

    A table without rows has text in its keys and numbers in its values, so that what reads it meets the types it knows.
    """
    import pandas as pd

    cells = [[part for cell in row for part in _cells(cell)] for row in rows]
    made = pd.DataFrame(cells, columns=list(schema.columns))
    return made if cells else made.astype(dict.fromkeys(schema.keys, "str") | dict.fromkeys(schema.values, "float64"))


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
