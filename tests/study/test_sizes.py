"""Texts are counted where they are; others are taken to be as those of the embedded corpus."""

from itertools import islice
from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.data.grammar.tasks import TASKS
from emomech.presets import lookup
from emomech.study import sizes
from emomech.study.sizes import Texts, texts_of
from emomech.study.spec import StudySpec


def test_the_embedded_corpus_is_as_the_constants_say() -> None:
    assert lookup.corpus("organism").texts == sizes.EMBEDDED_TEXTS
    drawn = [len(example.text.split()) for example in islice(TASKS["vignettes"](0), 300)]
    assert sum(drawn) / len(drawn) == pytest.approx(sizes.EMBEDDED_WORDS, abs=1)


def test_a_file_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("text,label\n" + "".join(f"word {i} of these,{['joy', 'fear'][i % 2]}\n" for i in range(30)))
    assert texts_of(StudySpec(corpus=str(file))) == Texts(30, 4.0, f"counted in {file}")
    assert texts_of(StudySpec(corpus=str(file), limit=7)).number == 7
    file.write_text("text\nno label\n")
    with pytest.raises(UsageError, match="expected one named 'label'"):
        texts_of(StudySpec(corpus=str(file)))


def test_texts_that_are_elsewhere_are_said_to_be_assumed() -> None:
    assert texts_of(StudySpec()) == Texts()
    assert texts_of(StudySpec(corpus="organism-kinds")).number == 1200
    elsewhere = texts_of(StudySpec(corpus="goemotions", limit=100))
    assert str(elsewhere) == "100 texts of 26 words, as in the embedded corpus: goemotions is no local file"
