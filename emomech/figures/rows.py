"""Limit the rows of data that a chart holds: of a longer table it draws a random sample, and a note says so.

A page holds the data of its charts, and a browser draws each row. Points and lines of a sample show what those of the
whole table show. The sample has a fixed seed, so that layers of the same table draw the same rows, and equal tables
give equal charts.

Example:
    >>> import altair as alt
    >>> import pandas as pd
    >>> from emomech.figures.rows import specification
    >>> chart = alt.Chart(pd.DataFrame({"x": range(20_000)})).mark_tick().encode(x="x:Q")
    >>> spec, note = specification(chart)
    >>> [len(rows) for rows in spec["datasets"].values()], note
    ([5000], 'It draws a random sample of 5,000 of 20,000 rows (seed 0).')
"""

from collections.abc import Callable
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

MAX_ROWS = 5_000
"""Rows of a table that a chart holds."""
SEED = 0
"""Seed of the sample of a longer table."""
_NAME = "emomech figure"


def transformer(say: Callable[[str], object]) -> Callable[..., Any]:
    """Give a data transformer of Altair that samples long tables and says so in a sentence, such as for a caption."""

    def to_values(data: Any) -> Any:
        if isinstance(data, pd.DataFrame) and len(data) > MAX_ROWS:
            say(f"It draws a random sample of {MAX_ROWS:,} of {len(data):,} rows (seed {SEED}).")
            kept = np.random.default_rng(SEED).choice(len(data), MAX_ROWS, replace=False)
            data = data.iloc[np.sort(kept)]
        return alt.to_values(data)

    return to_values


def specification(chart: alt.TopLevelMixin) -> tuple[dict[str, Any], str]:
    """Give a chart as Vega-Lite, with at most `MAX_ROWS` rows of each table, and a note; empty without a sample."""
    notes: list[str] = []
    alt.data_transformers.register(_NAME, transformer(notes.append))
    with alt.data_transformers.enable(_NAME):
        spec = chart.to_dict()
    return spec, " ".join(dict.fromkeys(notes))
