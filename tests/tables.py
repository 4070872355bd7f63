"""Tables of results, written down by hand."""

from collections.abc import Mapping, Sequence

import pandas as pd

from emomech.stats.tables import Schema


def table(schema: Schema, rows: Sequence[tuple] = ()) -> pd.DataFrame:
    """Make a table of a schema's columns from its rows."""
    return pd.DataFrame(list(rows), columns=list(schema.columns))


def varied(schema: Schema, row: Mapping[str, object], **columns: list[object]) -> pd.DataFrame:
    """Make a table from columns that vary; the other columns of the schema have the value of `row` in every row."""
    n = max((len(values) for values in columns.values()), default=1)
    return pd.DataFrame({column: columns.get(column, [row[column]] * n) for column in schema.columns})
