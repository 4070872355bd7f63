"""The estimates of a rule on other draws of the texts, for the tables of the chapters.

A sentence on a direction holds for the texts on which it was measured. The same estimates on other random splits of the
corpus say whether it holds beyond one draw.

Example:
    >>> from emomech.chapters.stability import STABILITY, draws_of, stability_rows
    >>> from emomech.stats.tables import frame
    >>> table = frame(STABILITY, stability_rows({"emotion − syntax": [0.2, 0.1, 0.3]}))
    >>> draws_of(table)
    {'emotion − syntax': [0.2, 0.1, 0.3]}
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from emomech.stats.tables import Row, Schema

if TYPE_CHECKING:
    import pandas as pd

STABILITY = Schema(
    keys={"quantity": "what is estimated", "draw": "number of the draw of the texts"},
    values={"value": "the estimate on this draw"},
)


def stability_rows(values: Mapping[str, Sequence[float]]) -> Iterator[Row]:
    """Rows of the table: each quantity on each draw."""
    for quantity, of_quantity in values.items():
        for draw, value in enumerate(of_quantity):
            yield {"quantity": quantity, "draw": draw, "value": float(value)}


def draws_of(table: "pd.DataFrame") -> dict[str, list[float]]:
    """Values by quantity, in the order of the draws."""
    return {str(name): list(map(float, rows.value)) for name, rows in table.groupby("quantity", sort=False)}
