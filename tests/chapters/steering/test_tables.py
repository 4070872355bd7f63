"""Every table of the page says what its columns hold, and no two tables have the same columns."""

from emomech.chapters.steering import tables
from emomech.chapters.steering.analysis import Steering
from emomech.stats.tables import Schema, schemas

SCHEMAS = {name: value for name, value in vars(tables).items() if isinstance(value, Schema)}


def test_every_table_is_in_the_result() -> None:
    assert {id(schema) for schema in SCHEMAS.values()} <= {id(schema) for schema in schemas(Steering).values()}


def test_columns_are_described() -> None:
    for schema in SCHEMAS.values():
        assert all(len(text) > 3 for text in (*schema.keys.values(), *schema.values.values()))
