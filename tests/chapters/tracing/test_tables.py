"""The result has a table for everything that the rule reads."""

from emomech.chapters.tracing.tables import FEW, Tracing
from emomech.stats.tables import schemas


def test_every_table_has_a_schema() -> None:
    assert {"sizes", "leads", "kept", "stability", "other_edits", "dose_steps"} <= set(schemas(Tracing))
    assert 0 < FEW < 1
