"""The cells of a row match the columns."""

from emomech.chapters.sae_quality import COLUMNS, cells
from emomech.core.hook_points import HookPoint
from emomech.saes.quality import Quality


def test_every_column_has_its_cell_in_order() -> None:
    row = cells(Quality(HookPoint(2), l0=4.0, fvu=0.1, dead=0.2, loss_recovered=0.9), n_layers=4)
    assert list(row) == list(COLUMNS)
    assert row == {"depth": HookPoint(2).depth(4), "l0": 4.0, "fvu": 0.1, "dead": 0.2, "loss_recovered": 0.9}
