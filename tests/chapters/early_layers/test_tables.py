"""Names of quantities in the tables are those of the rule."""

from emomech.chapters.early_layers.rule import early_layers
from emomech.chapters.early_layers.tables import CHANGES, EARLY_LESS, LOST, REFERENCE, RISE, EarlyLayers
from emomech.stats.tables import schemas


def test_criteria_are_named_as_the_quantities() -> None:
    assert {criterion.name for criterion in early_layers.criteria} == {LOST, RISE, *EARLY_LESS}
    assert REFERENCE in CHANGES


def test_every_table_has_a_schema() -> None:
    assert {"losses", "contrasts", "stability"} <= set(schemas(EarlyLayers))
