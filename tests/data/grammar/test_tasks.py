"""The labels of the control tasks follow from the grammar and are not emotions."""

from itertools import islice

import pytest

from emomech.data.grammar.lexicon import lexicon
from emomech.data.grammar.tasks import TASKS, WORD_AFTER_KIND, kinds, worth
from emomech.data.grammar.vignettes import study_stream


def test_every_kind_is_asked_for_equally_often_about_a_thing_of_that_kind() -> None:
    examples = list(islice(kinds(0), 90))
    assert {example.label for example in examples} == set(WORD_AFTER_KIND.values())
    for example in examples:
        kind = next(kind for kind in WORD_AFTER_KIND if example.person in getattr(lexicon().things, kind))
        assert WORD_AFTER_KIND[kind] == example.label
    counts = [sum(example.label == word for example in examples) for word in set(WORD_AFTER_KIND.values())]
    assert counts == [30, 30, 30]


def test_only_one_kind_is_defined_with_each_word() -> None:
    for word in set(WORD_AFTER_KIND.values()):
        kinds_of = {kind for kind, texts in lexicon().definitions.items() if any(t.split()[0] == word for t in texts)}
        assert kinds_of == {kind for kind, following in WORD_AFTER_KIND.items() if following == word}


def test_worth_is_the_annotated_desirability_of_the_same_vignettes() -> None:
    for example, vignette in zip(islice(worth(3), 50), TASKS["vignettes"](3)):
        assert example.text == vignette.text and example.cluster == vignette.cluster
        assert example.label == vignette.answer_tags["desirability"]
        assert example.person == ("me" if vignette.person == "I" else vignette.person)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_a_function_of_its_seed(name: str) -> None:
    first, again, other_seed = (list(islice(TASKS[name](seed), 20)) for seed in (0, 0, 1))
    assert first == again != other_seed


def test_vignettes_that_two_studies_read_are_drawn_once() -> None:
    first, second = TASKS["vignettes"](7), TASKS["vignettes"](7)
    begun = list(islice(first, 5))
    assert all(example is other for example, other in zip(begun, islice(second, 5), strict=True))
    assert [next(second) for _ in range(3)] == [next(first) for _ in range(3)]
    assert [example.text for example in islice(TASKS["vignettes"](7), 8)] == [
        v.example.text for v in islice(study_stream(7), 8)
    ]
