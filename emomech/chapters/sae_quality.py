"""Columns that describe the quality of an SAE, for the tables of the chapters that show it."""

from emomech.saes.quality import Quality
from emomech.stats.tables import DEPTH

COLUMNS = {
    "depth": DEPTH,
    "l0": "mean number of active features per token",
    "fvu": "fraction of variance unexplained",
    "dead": "share of features that never fire on these texts",
    "loss_recovered": "1: the reconstruction costs no cross-entropy; 0: it is as bad as the mean activation",
}
"""Column names and their meaning, for a `Schema`."""


def cells(quality: Quality, n_layers: int) -> dict[str, object]:
    """Cells of a table row for one SAE, by the names in `COLUMNS`; the model has `n_layers` blocks."""
    return {
        "depth": quality.point.depth(n_layers),
        "l0": quality.l0,
        "fvu": quality.fvu,
        "dead": quality.dead,
        "loss_recovered": quality.loss_recovered,
    }
