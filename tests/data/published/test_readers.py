"""Published data sets are read as their authors write them; errors name file and line."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import published_files as made
import pytest

from emomech.core.errors import UsageError
from emomech.data.published.formats import NUMBERED, PublishedFormat
from emomech.data.published.readers import rows
from emomech.presets import lookup


def texts_and_labels(file: Path, kind: PublishedFormat) -> list[tuple[str, tuple[str, ...]]]:
    return [(row.text, row.labels) for row in rows(file, kind)]


def test_goemotions_gives_every_label_of_a_text_by_name(tmp_path: Path) -> None:
    file = made.goemotions(tmp_path, ["It rained.\t3\ta", "He left, “again”.\t0,5\tb"])
    assert texts_and_labels(file, "goemotions") == [
        ("It rained.", ("joy",)),
        ("He left, “again”.", ("anger", "sadness")),
    ]
    assert [row.where for row in rows(file, "goemotions")] == ["dev.tsv, line 1", "dev.tsv, line 2"]


def test_tables_of_datasets_name_their_classes_themselves(tmp_path: Path) -> None:
    several = pd.DataFrame({"text": ["It rained.", "It shone."], "labels": [[1, 0], [1]]})
    file = made.of_datasets(tmp_path / "a.parquet", several, ["no", "yes"])
    assert texts_and_labels(file, "goemotions") == [("It rained.", ("yes", "no")), ("It shone.", ("yes",))]
    one = made.of_datasets(tmp_path / "b.parquet", pd.DataFrame({"text": ["It rained."], "label": [1]}), ["no", "yes"])
    assert texts_and_labels(one, "emotion") == texts_and_labels(one, "tweeteval") == [("It rained.", ("yes",))]


def test_isear_joins_lines_and_drops_what_is_no_answer(tmp_path: Path) -> None:
    answers = ["I won á the race. á", "[ No response.]", "A | stood in it.", '"Quoted."', "No response was heard."]
    answers += ["[ Same as in joy.]", "[ Same as above - the dog.]"]
    result = list(rows(made.isear(tmp_path, [("11", i + 1, text) for i, text in enumerate(answers)]), "isear"))
    texts = ["I won the race.", "", "A | stood in it.", "Quoted.", "No response was heard."]
    assert [row.text for row in result] == [*texts, "", "[ Same as above - the dog.]"]
    assert [row.labels[0] for row in result] == ["joy", "fear", "anger", "sadness", "disgust", "shame", "guilt"]
    assert {row.cluster for row in result} == {"subject 11"}


def test_isear_is_read_as_windows_writes_it_and_as_the_hub_has_it(tmp_path: Path) -> None:
    file = made.isear(tmp_path, [("11", 7, "It was “mine” á and I lied.")], "cp1252")
    assert texts_and_labels(file, "isear") == [("It was “mine” and I lied.", ("guilt",))]
    copy = tmp_path / "copy.csv"
    copy.write_text('emotion,content,\njoy,"I won,\nat last.",\nShame,[ No description.],\n')
    assert texts_and_labels(copy, "isear") == [("I won, at last.", ("joy",)), ("", ("shame",))]


@pytest.mark.parametrize(("ending", "encoding"), [("tsv", "utf-8"), ("csv", "cp1252"), ("tsv", "utf-8-sig")])
def test_crowd_envent_is_read_in_either_encoding(ending: str, encoding: str, tmp_path: Path) -> None:
    lines = [("joy", "w1", 'A friend’s "gift", early'), ("no emotion", "w1", "I ate.\nThen I slept.")]
    file = made.crowd_envent(tmp_path, lines, ending, encoding)
    assert texts_and_labels(file, "crowd-envent") == [(lines[0][2], ("joy",)), (lines[1][2], ("no-emotion",))]
    assert {row.cluster for row in rows(file, "crowd-envent")} == {"writer w1"}


def test_meld_has_its_punctuation_back(tmp_path: Path) -> None:
    lines = [("It\x92s gone\x85", "Sadness", 0), ("No, it’s here", "joy", 1)]
    result = list(rows(made.meld(tmp_path, lines), "meld"))
    assert [(row.text, row.labels) for row in result] == [("It’s gone…", ("sadness",)), ("No, it’s here", ("joy",))]
    assert [row.cluster for row in result] == ["train_sent_emo 0", "train_sent_emo 1"]
    assert texts_and_labels(made.meld(tmp_path, [("It’s gone", "sadness", 0)], "cp1252"), "meld") == [
        ("It’s gone", ("sadness",))
    ]


def test_tweeteval_reads_its_pair_of_files(tmp_path: Path) -> None:
    file = made.tweeteval(tmp_path, ["@user it rained", "it shone #sun"], [3, 1])
    assert texts_and_labels(file, "tweeteval") == [("@user it rained", ("sadness",)), ("it shone #sun", ("joy",))]


@pytest.mark.parametrize(("text", "label"), [("text", "label"), ("masked_text", "emotion")])
def test_express_finds_its_columns_by_the_mask(text: str, label: str, tmp_path: Path) -> None:
    frame = pd.DataFrame({text: ["It left me <mask> for days.", "So <mask>."], label: ["Sad", "happy"]})
    frame.to_parquet(tmp_path / "x.parquet")
    frame.to_json(tmp_path / "x.jsonl", orient="records", lines=True)
    for name in ("x.parquet", "x.jsonl"):
        result = texts_and_labels(tmp_path / name, "express")
        assert result == [("It left me ... for days.", ("sad",)), ("So ....", ("happy",))]


def test_a_vignette_and_its_control_belong_together(tmp_path: Path) -> None:
    result = list(rows(made.aipsy(tmp_path / "clinical.parquet"), "aipsy"))
    labels = [("rage",), ("neutral",), ("terror",), ("neutral",), ("vigilance",)]
    assert [row.labels for row in result] == labels
    assert len({row.cluster for row in result[:2]}) == len({row.cluster for row in result[2:4]}) == 1
    assert len({row.cluster for row in result}) == 3
    assert {row.item_type for row in result} == {"clinical"}


WRONG: list[tuple[PublishedFormat, Callable[[Path], Path], str]] = [
    ("goemotions", lambda f: made.goemotions(f, ["a\t1\tx", "b\t1"]), "dev.tsv, line 2: has 2 columns, expected text"),
    ("goemotions", lambda f: made.goemotions(f, ["a\t7\tx"]), "dev.tsv, line 1: has the label '7', expected .* 0 to 6"),
    ("goemotions", lambda f: made.goemotions(f, ["a\tjoy\tx"]), "dev.tsv, line 1: has the label 'joy'"),
    (
        "isear",
        lambda f: made.isear(f, [("1", 1, "a"), ("1", 9, "b")]),
        "isear.csv, line 3: EMOT is '9', expected 1 to 7",
    ),
    (
        "isear",
        lambda f: replaced(made.isear(f, [("1", 1, "a")]), b"|a|1|", b"|a"),
        "line 2: has 41 columns, expected 42",
    ),
    (
        "crowd-envent",
        lambda f: appended(made.crowd_envent(f, [("joy", "w", "a")]), b"one\n"),
        "line 3 has 1 fields, expected 5",
    ),
    ("crowd-envent", lambda f: appended(made.crowd_envent(f, []), b"\x81\n"), "line 2: has bytes .* utf-8 or cp1252"),
    (
        "meld",
        lambda f: replaced(made.meld(f, [("a", "joy", 0)]), b"Utterance", b"Text"),
        "expected Utterance",
    ),
    ("tweeteval", lambda f: made.tweeteval(f, ["a", "b"], [1]), "val_text.txt: has 2 lines, but val_labels.txt has 1"),
    ("tweeteval", lambda f: made.tweeteval(f, ["a", "b"], [1, 4]), "val_labels.txt, line 2: has the label '4'"),
    ("emotion", lambda f: written(f / "x.parquet", b"nothing"), "x.parquet: cannot be read as parquet"),
    (
        "express",
        lambda f: written(f / "x.csv", b"text,label\na,b\n"),
        "x.csv: has the columns .*expected a text with <mask>",
    ),
    ("express", lambda f: written(f / "x.txt", b"a"), "x.txt: cannot be read as txt"),
]


@pytest.mark.parametrize(("kind", "make", "message"), WRONG)
def test_what_is_wrong_is_named_with_file_and_line(
    kind: PublishedFormat, make: Callable, message: str, tmp_path: Path
) -> None:
    file = make(tmp_path)
    with pytest.raises(UsageError, match=message):
        list(rows(file, kind))


def test_names_of_labels_have_to_be_there(tmp_path: Path) -> None:
    file = made.goemotions(tmp_path, ["a\t1\tx"])
    (tmp_path / "labels.txt").unlink()
    with pytest.raises(
        UsageError, match=r"dev.tsv: its label ids have no names; put labels.txt or emotions.txt beside"
    ):
        list(rows(file, "goemotions"))
    pair = made.tweeteval(tmp_path, ["a"], [1])
    (tmp_path / "mapping.txt").unlink()
    with pytest.raises(UsageError, match=r"val_text.txt: .* put mapping.txt beside it"):
        list(rows(pair, "tweeteval"))


def test_numbers_without_names_mean_what_the_authors_document(tmp_path: Path) -> None:
    pd.DataFrame({"text": ["a"], "label": [1]}).to_parquet(tmp_path / "plain.parquet")
    assert texts_and_labels(tmp_path / "plain.parquet", "emotion") == [("a", ("joy",))]
    with pytest.raises(UsageError, match=r"plain.parquet: has the columns \['text', 'label'\], expected labels"):
        list(rows(tmp_path / "plain.parquet", "goemotions"))
    for kind, name in {"goemotions": "goemotions", "emotion": "dair-emotion", "tweeteval": "tweeteval"}.items():
        assert list(lookup.emotions(name).labels) == list(NUMBERED[kind])


def written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file


def appended(file: Path, content: bytes) -> Path:
    return written(file, file.read_bytes() + content)


def replaced(file: Path, old: bytes, new: bytes) -> Path:
    assert old in file.read_bytes()
    return written(file, file.read_bytes().replace(old, new))
