"""The data set holds the texts of the grammar with every tag."""

from itertools import islice
from typing import Any

import pytest
from datasets import ClassLabel, Dataset

from emomech.data.grammar.hf_dataset import ANSWER_TAGS, WORD_TAGS, dataset, features
from emomech.data.grammar.vignettes import SHIFTS, Shift, vignettes


def rows(n: int, **drawn: Any) -> list[dict[str, Any]]:
    return list(dataset(**drawn).take(n))


@pytest.mark.parametrize("shift", ["", *SHIFTS])
def test_it_is_the_stream_with_nothing_lost(shift: Shift) -> None:
    names = features()
    for row, example in zip(rows(12, seed=3, shift=shift), vignettes(3, split="study", shift=shift)):
        for column in ("text", "label", "person", "item_type", "style", "shift", "cluster"):
            kind = names[column]
            value = kind.int2str(row[column]) if isinstance(kind, ClassLabel) else row[column]
            assert value == getattr(example, column)
        assert [(word["start"], word["end"]) for word in row["words"]] == [(w.start, w.end) for w in example.words]
        for tags, word in zip(row["words"], example.words, strict=True):
            assert {tag: tags[tag] for tag in WORD_TAGS if tags[tag] is not None} == word.tags
        assert {tag: value for tag, value in row["answer_tags"].items() if value is not None} == example.answer_tags


def test_no_tag_of_the_grammar_is_missing_and_none_is_made_up() -> None:
    drawn = list(islice(vignettes(0, split="train"), 300))
    assert {tag for example in drawn for word in example.words for tag in word.tags} == set(WORD_TAGS)
    assert {tag for example in drawn for tag in example.answer_tags} == set(ANSWER_TAGS)


def test_columns_are_as_features_say() -> None:
    (row,) = rows(1)
    assert list(row) == list(features()) == dataset().column_names
    assert isinstance(row["label"], int)
    assert set(row["words"][0]) == {"start", "end", *WORD_TAGS}


def test_the_seed_decides_everything() -> None:
    assert rows(5, seed=1) == rows(5, seed=1)
    assert rows(5, seed=1) != rows(5, seed=2)


def test_texts_to_learn_from_and_to_study_are_not_the_same() -> None:
    learned, studied = ({row["text"] for row in rows(150, split=split)} for split in ("train", "study"))
    assert len(learned) > 140
    assert not learned & studied


def test_it_becomes_a_data_set_of_known_length() -> None:
    kept = Dataset.from_list(rows(6), features=features())
    assert len(kept) == 6
    assert kept.features == features()
    assert kept[0] == rows(1)[0]
