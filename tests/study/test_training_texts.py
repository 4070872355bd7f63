"""Texts to train on: several corpora in turn, each text once, long ones split, some held out."""

import json
from itertools import islice
from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.study import training_texts
from emomech.study.training_texts import HELD_OUT, TrainingTexts


def table(path: Path, texts: list[str], column: str = "text") -> str:
    path.write_text("".join(json.dumps({column: text}) + "\n" for text in texts), encoding="utf-8")
    return str(path)


def test_corpora_are_read_in_turn_and_each_text_once(tmp_path: Path) -> None:
    first = table(tmp_path / "a.jsonl", ["a1", "a2", "shared", "a3"])
    (tmp_path / "b.txt").write_text("b1\n\n shared \nb1\n")
    texts = TrainingTexts.of("organism", [first, str(tmp_path / "b.txt")])
    assert list(texts.every()) == ["a1", "b1", "a2", "shared", "a3"]
    assert list(TrainingTexts.of("organism", [f"{first},{tmp_path / 'b.txt'}"]).every()) == list(texts.every())


def test_every_tenth_text_is_held_out_up_to_a_limit(tmp_path: Path) -> None:
    texts = TrainingTexts.of("organism", [table(tmp_path / "a.jsonl", [f"text {n}" for n in range(3000)])])
    trained = list(texts)
    assert len(texts.held_out) == HELD_OUT
    assert texts.held_out[:2] == ["text 9", "text 19"]
    assert not set(trained) & set(texts.held_out)
    assert len(trained) + HELD_OUT == 3000
    assert list(texts) == trained


def test_texts_are_held_out_only_as_far_as_the_texts_are_read(tmp_path: Path) -> None:
    texts = TrainingTexts.of("organism", [table(tmp_path / "a.jsonl", [f"text {n}" for n in range(3000)])])
    assert len(list(islice(texts, 45))) == 45
    assert len(texts.held_out) == 4


def test_long_texts_are_split_and_short_ones_are_left_alone(tmp_path: Path) -> None:
    long = " ".join(f"word{n}" for n in range(2000))
    texts = TrainingTexts.of("organism", [table(tmp_path / "a.jsonl", ["short", long])])
    pieces = list(texts.pieces())
    assert pieces[0] == "short"
    assert len(pieces) > 2
    assert "".join(pieces[1:]) == long


def test_a_preset_gives_its_texts(tmp_path: Path) -> None:
    texts = list(TrainingTexts.of("organism", ["organism"]).every())
    assert len(texts) == len(set(texts)) > 2000


def test_a_column_is_that_of_the_tables(tmp_path: Path) -> None:
    mine = table(tmp_path / "a.jsonl", ["a1"], column="body")
    assert list(islice(TrainingTexts.of("organism", [mine, "organism"], "body").every(), 1)) == ["a1"]
    with pytest.raises(UsageError, match="has the columns 'body', expected one named 'text'"):
        TrainingTexts.of("organism", [mine])


def test_a_file_on_the_hub_is_fetched_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def fetch(repository: str, *, kind: str, files: list[str]) -> Path:
        asked.append((repository, kind, files))
        return tmp_path

    (tmp_path / "data").mkdir()
    table(tmp_path / "data" / "texts.jsonl", ["a1", "a2"])
    monkeypatch.setattr(training_texts.hub, "fetch", fetch)
    texts = TrainingTexts.of("organism", ["hub:owner/set/data/texts.jsonl"])
    assert not asked, "nothing is fetched before the texts are read"
    assert list(texts.every()) == ["a1", "a2"]
    assert asked == [("owner/set", "dataset", ["data/texts.jsonl"])]
    with pytest.raises(UsageError, match="the dataset owner/set has no file data/other.txt"):
        list(TrainingTexts.of("organism", ["hub:owner/set/data/other.txt"]).every())


@pytest.mark.parametrize("name", ["hub:owner", "hub:owner/set", "hub:owner/set/readme", "hub:owner/set/a.csv.gz"])
def test_a_name_on_the_hub_that_is_no_file_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"expected a file such as hub:owner/dataset/texts\.jsonl"):
        TrainingTexts.of("organism", [name])


def test_no_corpus_is_refused() -> None:
    with pytest.raises(UsageError, match="corpus: none is named"):
        TrainingTexts.of("organism", [""])
