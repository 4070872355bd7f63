"""Corpora of a user's own: what is read, how it is split, and what is refused by name."""

from pathlib import Path

import pandas as pd
import pytest

from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.data.corpus import CONFLICT, TOO_LONG, TWICE, Example, divisions

ROWS = pd.DataFrame({"text": ["It broke.", "It works!", "It's here"], "label": ["sad", "glad", "sad"]})


def write(folder: Path, ending: str, rows: pd.DataFrame = ROWS) -> Path:
    file = folder / f"texts.{ending}"
    if ending == "csv":
        rows.to_csv(file, index=False)
    elif ending == "jsonl":
        rows.to_json(file, orient="records", lines=True)
    else:
        rows.to_parquet(file)
    return file


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_every_format_gives_the_same_examples(ending: str, tmp_path: Path) -> None:
    found = corpus.read(write(tmp_path, ending)).examples
    assert [(example.text, example.label) for example in found] == list(ROWS.itertuples(index=False, name=None))


def test_optional_columns_are_read(tmp_path: Path) -> None:
    found = corpus.read(write(tmp_path, "csv", ROWS.assign(person="Anna", item_type="short", other=1))).examples
    assert (found[0].person, found[0].item_type) == ("Anna", "short")


def texts(n: int) -> list[Example]:
    return [Example(f"text {i}", "ab"[i % 2]) for i in range(n)]


def test_texts_alone_need_no_label(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("text\nIt rained.\n It rained. \nIt shone.\n")
    assert corpus.texts(file) == ["It rained.", "It shone."]
    file.write_text("line\nIt rained.\n")
    with pytest.raises(UsageError, match="expected one named 'text'"):
        corpus.texts(file)


def test_a_limit_draws_by_the_seed_and_not_by_the_order() -> None:
    first = {example.text for example in corpus.drawn(texts(50), 10, seed=0).examples}
    assert first == {example.text for example in corpus.drawn(texts(50)[::-1], 10, seed=0).examples}
    assert first != {example.text for example in corpus.drawn(texts(50), 10, seed=1).examples}
    assert len(first) == 10
    assert list(corpus.drawn(texts(50), 0, seed=0).examples) == texts(50)


def test_a_few_texts_of_many_have_their_shares_of_the_splits() -> None:
    few = corpus.make("few", corpus.drawn(texts(4000), 400, seed=0).examples)
    sides = [few.split(example, seed=0) for example in few.examples]
    for side, share in (("discover", 0.4), ("tune", 0.2), ("report", 0.4)):
        assert abs(sides.count(side) / 400 - share) < 0.08


def test_what_does_not_fit_is_passed_over_and_counted() -> None:
    fits = {example.text for example in texts(50)[::2]}
    found = corpus.drawn(texts(50), 10, seed=0, fits=lambda example: example.text in fits)
    assert len(found.examples) == 10
    assert {example.text for example in found.examples} <= fits
    order = [example.text for example in corpus.drawn(texts(50), 50, seed=0).examples]
    before = order[: order.index(found.examples[-1].text)]
    assert found.dropped == {TOO_LONG: sum(text not in fits for text in before)}
    assert corpus.drawn(texts(50), 0, seed=0, fits=lambda example: example.text in fits).dropped == {TOO_LONG: 25}


def test_a_text_is_kept_once_and_never_under_two_labels() -> None:
    told = [
        ("It broke!", "sad"),
        ("it  broke", "sad"),
        ("Oh", "sad"),
        ("oh.", "glad"),
        ("ﬁne", "glad"),
        ("FINE", "glad"),
    ]
    found = corpus.single([Example(text, label) for text, label in told])
    assert [example.text for example in found.examples] == ["It broke!", "ﬁne"]
    assert found.dropped == {TWICE: 2, CONFLICT: 2}
    assert (
        corpus.single([Example("It broke", "sad", person="Anna"), Example("It broke", "glad", person="Ben")]).dropped
        == {}
    )


def test_what_was_left_out_before_is_counted_too() -> None:
    found = corpus.Reading((), {TWICE: 2, CONFLICT: 0}).without({"earlier": 3, TWICE: 1, "never": 0})
    assert found.dropped == {"earlier": 3, TWICE: 3}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"text,emotion\nx,y\n", r"a.csv: has the columns \['text', 'emotion'\], expected one named 'label'"),
        ("a.csv", b"text,label\nx,glad\n ,sad\n", "a.csv: row 2 has no text"),
        ("a.csv", b"text,label\nx,\n", "a.csv: row 1 has no label"),
        ("a.csv", b"", "a.csv: is empty"),
        ("a.csv", "text,label\nblasé,x\n".encode("latin-1"), "a.csv: byte .* is not UTF-8"),
        ("a.jsonl", b"{text}", "a.jsonl: cannot be read as jsonl"),
        ("a.parquet", b"nothing", "a.parquet: cannot be read as parquet"),
        ("a.xlsx", b"", r"a.xlsx: is .xlsx, expected .csv, .jsonl, .parquet"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        corpus.read(file)


@pytest.mark.parametrize(
    ("examples", "labels", "message"),
    [
        ([], (), "holds no text"),
        ([Example("a", "sad"), Example("b", "sad")], (), "all 2 texts are 'sad'"),
        (
            [Example("a", "sad"), Example("b", "odd")],
            ("sad", "glad"),
            r"has the labels \['odd'\], expected only sad, glad",
        ),
    ],
)
def test_what_is_no_corpus_is_refused(examples: list[Example], labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        corpus.make("mine", examples, labels)


def test_labels_keep_the_order_of_the_set_and_drop_what_does_not_occur() -> None:
    found = corpus.make("mine", [Example("a", "sad"), Example("b", "glad")], ("joy", "glad", "sad"))
    assert found.labels == ("glad", "sad")


def test_words_are_found_where_a_corpus_has_none() -> None:
    example = corpus.make("mine", [Example("It's broken, Anna.", "x"), Example("b", "y")]).examples[0]
    assert [example.text[w.start : w.end] for w in example.words] == ["It's", "broken", "Anna"]


def test_splits_have_their_shares_and_keep_clusters_together() -> None:
    examples = [Example(f"text {i}", "ab"[i % 2], cluster=f"pair {i // 2}") for i in range(4000)]
    found = corpus.make("mine", examples)
    sides = [found.split(example, seed=0) for example in found.examples]
    assert sides[::2] == sides[1::2]
    for side, share in (("discover", 0.4), ("tune", 0.2), ("report", 0.4)):
        assert abs(sides.count(side) / 4000 - share) < 0.03
    assert sides != [found.split(example, seed=1) for example in found.examples]


def test_a_text_keeps_its_split_whatever_stands_beside_it() -> None:
    one, two, three = Example("a", "x"), Example("b", "y"), Example("c", "x")
    small, large = corpus.make("s", [one, two]), corpus.make("l", [three, two, one])
    assert small.split(small.examples[0], 0) == large.split(large.examples[2], 0)


def test_examples_are_divided_by_what_is_known_of_them() -> None:
    texts = [Example(str(i), "joy", item_type=t, style=s, shift=h) for i, (t, s, h) in enumerate(KNOWN)]
    assert divisions(texts) == [
        ("item type", "pair", [0, 2]),
        ("style", "diary", [0]),
        ("style", "story", [1, 2]),
        ("distribution", "as in training", [0, 1, 2]),
        ("distribution", "new verbs", [3]),
    ]
    assert divisions([Example("a", "joy")]) == []


KNOWN = [("pair", "diary", ""), ("", "story", ""), ("pair", "story", ""), ("pair", "diary", "new verbs")]
