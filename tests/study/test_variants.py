"""Sets are styles, or item types, or all texts; other prompts and answer words apply to all texts."""

from collections.abc import Callable
from dataclasses import replace

import planted
import pytest

from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.data.corpus import Example
from emomech.study.study import Study
from emomech.study.variants import ALL_TEXTS, text_sets


def divided(change: Callable[[int, Example], Example]) -> Study:
    study = planted.study(160)
    texts = [change(i, e) for i, e in enumerate(study.corpus.examples)]
    study = study.replaced(corpus=corpus.make("mine", texts, study.corpus.labels))
    return study


def styled(i: int, e: Example) -> Example:
    return replace(e, style="story" if i % 3 else "diary", item_type="one")


def test_styles_divide_the_texts() -> None:
    study = divided(styled)
    sets = text_sets(study, [], [], 5)
    assert [(text_set.name, text_set.kind) for text_set in sets] == [("diary", "style"), ("story", "style")]
    assert sum(len(text_set.study.corpus.examples) for text_set in sets) == 160
    story = sets[1].study
    assert {example.style for example in story.corpus.examples} == {"story"}
    assert all(p == planted.question(e) for p, e in zip(story.prompts, story.corpus.examples, strict=True))
    assert story.lm is study.lm and story.answers == study.answers and story.corpus.labels == study.corpus.labels


def test_a_style_with_too_few_texts_is_none() -> None:
    assert [text_set.name for text_set in text_sets(divided(styled), [], [], 30)] == [ALL_TEXTS]


def test_item_types_where_there_is_one_style() -> None:
    study = divided(lambda i, e: replace(e, style="story", item_type="even" if i % 2 else "odd"))
    assert {(text_set.name, text_set.kind) for text_set in text_sets(study, [], [], 5)} == {
        ("even", "item type"),
        ("odd", "item type"),
    }


def test_another_question_and_other_words_are_of_all_texts() -> None:
    every, by_prompt, by_words = text_sets(planted.study(40), ["plain"], ["six"], 5)
    assert every.name == ALL_TEXTS
    assert by_prompt.name == "prompt plain" and by_prompt.study.prompts[0].endswith("The feeling was")
    assert len(by_prompt.study.corpus.examples) == 40
    assert "has no word for pride" in by_words.untested


def test_words_replace_the_answers_alone() -> None:
    study = planted.study(40)
    labels = ("joy", "sadness", "fear", "anger")
    named = dict(zip(planted.CLASSES["emotion"], labels, strict=True))
    texts = [replace(e, label=named[e.label]) for e in study.corpus.examples]
    study = study.replaced(corpus=corpus.make("mine", texts, labels), emotions={name: name for name in labels})
    _, by_words = text_sets(study, [], ["reactions"], 5)
    assert by_words.untested == ""
    assert by_words.study.answers == [" smiled", " sobbed", " trembled", " shouted"]
    assert by_words.study.prompts == study.prompts


def test_a_question_that_needs_a_person_says_so() -> None:
    study = divided(lambda _, e: replace(e, person=""))
    study = study.replaced(prompts=[e.text for e in study.corpus.examples])
    assert "asks for a person" in text_sets(study, ["felt"], [], 5)[-1].untested


def test_a_preset_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="nonsense"):
        text_sets(planted.study(40), ["nonsense"], [], 5)
