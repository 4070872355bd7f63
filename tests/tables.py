"""Tables of results, written down by hand."""

from collections.abc import Sequence

import pandas as pd

from emomech.stats.tables import Schema


def table(schema: Schema, rows: Sequence[tuple] = ()) -> pd.DataFrame:
    """Make a table of a schema's columns from its rows."""
    return pd.DataFrame(list(rows), columns=list(schema.columns))
