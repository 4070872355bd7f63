"""Published data sets are recognised by their content; other files are not."""

from pathlib import Path

import pandas as pd
import published_files as made
import pytest

from emomech.data.published import formats

LABELLED = pd.DataFrame({"text": ["It rained.", "It shone."], "label": [0, 1]})


def test_every_published_format_is_recognised_from_file_and_folder(tmp_path: Path) -> None:
    emotion = ("sadness", "joy", "love", "anger", "fear", "surprise")
    several = pd.DataFrame({"text": ["It rained."], "labels": [[2, 3]]})
    for kind, file in {
        "goemotions": made.goemotions(tmp_path / "a", ["It rained.\t3\tid1"]),
        "isear": made.isear(folder(tmp_path, "b"), [("11", 1, "It rained.")]),
        "crowd-envent": made.crowd_envent(folder(tmp_path, "c"), [("joy", "w", "It rained.")]),
        "meld": made.meld(folder(tmp_path, "d"), [("It rained.", "joy", 1)]),
        "tweeteval": made.tweeteval(folder(tmp_path, "e"), ["It rained."], [1]),
        "emotion": made.of_datasets(tmp_path / "f" / "train.parquet", LABELLED, emotion),
        "aipsy": made.aipsy(folder(tmp_path, "g") / "clinical.parquet"),
    }.items():
        assert formats.recognise(file) == formats.recognise(file.parent) == kind
        assert formats.files(file.parent, kind) == [file]  # pyright: ignore[reportArgumentType]
    assert formats.recognise(made.of_datasets(tmp_path / "h" / "x.parquet", several, ["a"] * 4)) == "goemotions"
    names = ["anger", "joy", "optimism", "sadness"]
    assert formats.recognise(made.of_datasets(tmp_path / "i" / "x.parquet", LABELLED, names)) == "tweeteval"


def test_the_archive_of_crowd_envent_has_its_table_a_folder_down(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    file = made.crowd_envent(tmp_path / "corpus", [("joy", "w", "It rained.")])
    assert formats.recognise(tmp_path) == "crowd-envent"
    assert formats.files(tmp_path, "crowd-envent") == [file]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"text,label\nx,y\n"),
        ("a.tsv", b"x\ty\n"),
        ("a.tsv", b"x\tjoy\tid\n"),
        ("a_text.txt", b"x\n"),
        ("a.parquet", b"nothing"),
        ("a.jsonl", b"{}"),
        ("a.csv", b""),
    ],
)
def test_other_files_are_left_alone(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert formats.recognise(tmp_path / name) is None
    assert formats.recognise(tmp_path) is None


def test_a_table_of_unknown_classes_is_left_alone(tmp_path: Path) -> None:
    file = made.of_datasets(tmp_path / "x.parquet", LABELLED, ["no", "yes"])
    assert formats.recognise(file) is None
    assert formats.class_names(file) == {"label": ["no", "yes"]}
    pd.DataFrame({"text": ["a"], "labels": [[1]]}).to_parquet(tmp_path / "plain.parquet")
    assert formats.recognise(tmp_path / "plain.parquet") is None


def folder(root: Path, name: str) -> Path:
    (root / name).mkdir()
    return root / name
