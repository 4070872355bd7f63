"""The conditions are the same in the type and in the constants, in the order of the tables."""

from typing import get_args

from emomech.chapters.conditions import (
    CONDITIONS,
    RANDOM_DICTIONARY,
    RANDOM_WEIGHTS,
    SHUFFLED_LABELS,
    TRAINED,
    Condition,
)


def test_every_condition_is_listed_once_in_the_order_of_the_type() -> None:
    assert get_args(Condition) == CONDITIONS == (TRAINED, SHUFFLED_LABELS, RANDOM_DICTIONARY, RANDOM_WEIGHTS)


def test_only_the_trained_condition_has_something_to_find() -> None:
    assert [name for name in CONDITIONS if name.startswith(("shuffled", "random"))] == list(CONDITIONS[1:])
