"""A sample is balanced, leaves out what its rule names, and does not depend on the order of the rows."""

from collections import Counter

import pytest

from emomech.core.errors import UsageError
from emomech.core.paths import PACKAGE
from emomech.data import corpus
from emomech.data.published.readers import PublishedRow
from emomech.data.published.sampling import LABELS, LENGTH, SLUR, balanced, has_slur

MAPPING = {"love": "joy", "optimism": "joy", "anger": "anger"}


def row(text: str, *labels: str, id_: str) -> PublishedRow:
    return PublishedRow(text, labels, f"dev.tsv, text {id_}", identifier=id_)


ROWS = [row(f"We liked walk {i}", "love", id_=f"a{i}") for i in range(20)]
ROWS += [row(f"They broke chair {i}", "anger", id_=f"b{i}") for i in range(20)]


def test_each_emotion_has_the_same_number_whatever_the_order_of_the_rows() -> None:
    sample = balanced(ROWS, MAPPING, 7)
    assert Counter(example.label for example in sample.texts) == {"joy": 7, "anger": 7}
    assert balanced(ROWS[::-1], MAPPING, 7) == sample
    assert [example.cluster for example in sample.texts] != sorted(example.cluster for example in sample.texts)


def test_a_larger_sample_contains_the_smaller_one() -> None:
    small, large = ({example.cluster for example in balanced(ROWS, MAPPING, n).texts} for n in (5, 12))
    assert small < large


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("It is nice here", "love", "anger", id_="x"), LABELS),
        (row("It is nice here", "boredom", id_="x"), LABELS),
        (row("[NAME] is https://a.example/long/way nice", "love", id_="x"), LENGTH),
        (row("so " * 61, "love", id_="x"), LENGTH),
        (row("What a retarded idea", "anger", id_="x"), SLUR),
        (row("we LIKED walk 3!", "love", id_="x"), corpus.DUPLICATE),
    ],
)
def test_a_text_that_a_rule_excludes_is_left_out_and_counted(bad: PublishedRow, reason: str) -> None:
    sample = balanced([*ROWS, bad], MAPPING, 20)
    assert sample.left_out == {reason: 1}
    assert len(sample.texts) == 40


def test_labels_that_map_to_one_emotion_are_one() -> None:
    rows = [row("It went well today", "love", "optimism", id_="x"), row("They broke my chair", "anger", id_="y")]
    assert {example.label for example in balanced(rows, MAPPING, 1).texts} == {"joy", "anger"}


def test_too_few_texts_are_an_error_that_says_of_what() -> None:
    with pytest.raises(UsageError, match="expected 21 texts of each emotion, found fewer of anger 20"):
        balanced([*ROWS, row("It went well today", "love", id_="x")], MAPPING, 21)


def test_a_row_without_identifier_is_an_error_that_says_where() -> None:
    with pytest.raises(UsageError, match=r"dev.tsv, text : has no identifier"):
        balanced([row("It went well today", "love", id_="")], MAPPING, 1)


def test_slurs_are_found_in_any_form_and_other_words_are_not() -> None:
    assert not any(map(has_slur, ("Pakistan won", "spicy food", "a respectful dispute", "raccoon")))
    assert all(map(has_slur, ("RETARDS", "two trannies", "(fags)")))


def test_the_shipped_sample_is_what_its_rule_says() -> None:
    read = corpus.read(PACKAGE / "data" / "samples" / "goemotions_sample.csv")
    counts = Counter(example.label for example in read.examples)
    assert len(counts) == 7
    assert set(counts.values()) == {400}
    assert not read.dropped
    assert not any(has_slur(example.text) for example in read.examples)
