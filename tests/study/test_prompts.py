"""A text and a person become a question, or the error says what is missing."""

import pytest

from emomech.core.errors import UsageError
from emomech.data.corpus import Example
from emomech.presets.kinds import PromptPreset
from emomech.study.prompts import answer, ask


def preset(template: str) -> PromptPreset:
    return PromptPreset(summary="", template=template)


def test_the_template_is_filled() -> None:
    example = Example("Anna fell.", "sad", person="Anna")
    assert ask(preset("{text} {person} felt"), example) == "Anna fell. Anna felt"
    assert answer(preset("{text}"), "joy") == " joy"


def test_braces_in_a_text_are_left_alone() -> None:
    assert ask(preset("{text} So"), Example("a {person} b", "x")) == "a {person} b So"


def test_a_missing_person_is_named() -> None:
    with pytest.raises(UsageError, match="asks for a person, but a text of the corpus names none"):
        ask(preset("{text} {person} felt"), Example("Anna fell.", "sad"))


def test_an_unknown_field_is_named() -> None:
    with pytest.raises(UsageError, match=r"has \['name'\], expected only {text} and {person}"):
        ask(preset("{text} {name}"), Example("Anna fell.", "sad"))
