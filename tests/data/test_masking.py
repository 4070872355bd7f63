"""Emotion words are hidden as whole words, and nothing else is."""

import re

import pytest

from emomech.data import masking
from emomech.presets import lookup


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("I felt Anger when it broke.", "I felt ... when it broke."),
        ("SADLY, I was sad; the saddest of all.", "..., I was ...; the ... of all."),
        ("It was disgusting/frightening.", "It was .../frightening."),
        ("Joy's letter made me proud-ish", "...'s letter made me ...-ish"),
        ("ashamed", "..."),
    ],
)
def test_every_form_is_hidden_in_any_case(text: str, hidden: str) -> None:
    assert masking.masked(text) == hidden


@pytest.mark.parametrize(
    "text", ["enjoyment", "killjoy", "fearless", "The sadhu entrusted me.", "Guiltless.", "bored_out"]
)
def test_a_word_that_only_contains_one_stays(text: str) -> None:
    assert masking.masked(text) == text


def test_words_are_those_of_the_labels_and_each_belongs_to_one() -> None:
    words = masking.emotion_words()
    assert set(words) == set(lookup.emotions("crowd-envent").labels) - {"no-emotion"}
    every = [form for forms in words.values() for form in forms]
    assert len(set(every)) == len(every)
    assert all(re.fullmatch("[a-z]+", form) for form in every)
    assert all(label in forms for label, forms in words.items())


def test_a_longer_form_is_not_cut_by_a_shorter_one() -> None:
    for form in (form for forms in masking.emotion_words().values() for form in forms):
        assert masking.masked(f"({form})") == "(...)"


@pytest.mark.parametrize(("text", "named"), [("So SAD!", True), ("enjoyment of it", False), ("...", False)])
def test_a_text_names_an_emotion_if_a_word_of_it_is_hidden(text: str, named: bool) -> None:
    assert (masking.item_type(text) == masking.NAMED) == named == (masking.masked(text) != text)
