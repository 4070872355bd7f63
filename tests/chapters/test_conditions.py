"""The conditions are the same in the type and in the constants, in the order of the tables."""

from typing import get_args

from emomech.chapters.conditions import BARELY_TRAINED, CONDITIONS, SECOND_SAES, TRAINED, Condition


def test_every_condition_is_listed_once() -> None:
    listed = (*CONDITIONS, *BARELY_TRAINED, SECOND_SAES)
    assert set(get_args(Condition)) == set(listed)
    assert len(set(listed)) == len(listed)


def test_only_the_trained_condition_has_something_to_find() -> None:
    assert CONDITIONS[0] == TRAINED
    assert [name for name in CONDITIONS if name.startswith(("shuffled", "random"))] == list(CONDITIONS[1:])
