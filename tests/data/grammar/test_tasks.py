"""The control tasks of the embedded model: labels are what the grammar says, and no emotion."""

from itertools import islice

import pytest

from emomech.data.grammar.lexicon import lexicon
from emomech.data.grammar.tasks import KINDS, TASKS, kinds, worth
from emomech.data.grammar.vignettes import mixed


def test_every_kind_is_asked_for_equally_often_about_a_thing_of_that_kind() -> None:
    found = list(islice(kinds(0), 90))
    assert {one.label for one in found} == set(KINDS.values())
    for one in found:
        kind = next(kind for kind in KINDS if one.person in getattr(lexicon().things, kind))
        assert KINDS[kind] == one.label
    counts = [sum(one.label == word for one in found) for word in set(KINDS.values())]
    assert counts == [30, 30, 30]


def test_only_one_kind_is_defined_with_each_word() -> None:
    for word in set(KINDS.values()):
        kinds_of = {kind for kind, texts in lexicon().definitions.items() if any(t.split()[0] == word for t in texts)}
        assert kinds_of == {kind for kind, following in KINDS.items() if following == word}


def test_worth_is_the_annotated_desirability_of_the_same_vignettes() -> None:
    for one, vignette in zip(islice(worth(3), 50), TASKS["vignettes"](3)):
        assert one.text == vignette.text and one.cluster == vignette.cluster
        assert one.label == vignette.answer_tags["desirability"]
        assert one.person == ("me" if vignette.person == "I" else vignette.person)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_a_function_of_its_seed(name: str) -> None:
    first, again, other = (list(islice(TASKS[name](seed), 20)) for seed in (0, 0, 1))
    assert first == again != other


def test_vignettes_that_two_studies_read_are_drawn_once() -> None:
    first, second = TASKS["vignettes"](7), TASKS["vignettes"](7)
    begun = list(islice(first, 5))
    assert all(one is other for one, other in zip(begun, islice(second, 5), strict=True))
    assert [next(second) for _ in range(3)] == [next(first) for _ in range(3)]
    assert [one.text for one in islice(TASKS["vignettes"](7), 8)] == [v.example.text for v in islice(mixed(7), 8)]
