"""A user's own corpora: reading, splitting, and the errors for files that cannot be read."""

from pathlib import Path

import pandas as pd
import pytest

from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.data.corpus import DUPLICATE, LABEL_CONFLICT, TOO_LONG, Example, breakdowns

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
    result = corpus.read(write(tmp_path, ending)).examples
    assert [(example.text, example.label) for example in result] == list(ROWS.itertuples(index=False, name=None))


def test_optional_columns_are_read(tmp_path: Path) -> None:
    result = corpus.read(write(tmp_path, "csv", ROWS.assign(person="Anna", item_type="short", other=1))).examples
    assert (result[0].person, result[0].item_type) == ("Anna", "short")


def test_optional_columns_are_read_in_any_case(tmp_path: Path) -> None:
    rows = ROWS.assign(text="Ann gave Bob a toy.", Person=["Ann", "Bob", "Cy"])
    assert [e.person for e in corpus.read(write(tmp_path, "csv", rows)).examples] == ["Ann", "Bob", "Cy"]
    with pytest.raises(UsageError, match="has the columns 'Person' and 'person'. Rename one"):
        corpus.read(write(tmp_path, "csv", rows.assign(person="Ann")))


def test_texts_that_differ_in_a_sign_are_two_texts() -> None:
    pairs = [("I failed 😀", "glad"), ("I failed 😢", "sad"), ("10 + 5", "glad"), ("10 = 5", "sad")]
    result = corpus.deduplicate([Example(text, label) for text, label in pairs])
    assert len(result.examples) == 4 and result.dropped == {}


def texts(n: int) -> list[Example]:
    return [Example(f"text {i}", "ab"[i % 2]) for i in range(n)]


def test_texts_alone_need_no_label(tmp_path: Path) -> None:
    file = tmp_path / "texts.csv"
    file.write_text("text\nIt rained.\n It rained. \nIt shone.\n")
    assert corpus.read_texts(file) == ["It rained.", "It shone."]
    file.write_text("line\nIt rained.\n")
    with pytest.raises(UsageError, match="expected one named 'text'"):
        corpus.read_texts(file)


def test_a_limit_draws_by_the_seed_and_not_by_the_order() -> None:
    first = {example.text for example in corpus.draw(texts(50), 10, seed=0).examples}
    assert first == {example.text for example in corpus.draw(texts(50)[::-1], 10, seed=0).examples}
    assert first != {example.text for example in corpus.draw(texts(50), 10, seed=1).examples}
    assert len(first) == 10
    assert list(corpus.draw(texts(50), 0, seed=0).examples) == texts(50)


def test_a_few_texts_of_many_have_their_shares_of_the_splits() -> None:
    few = corpus.make("few", corpus.draw(texts(4000), 400, seed=0).examples)
    sides = [few.split(example, seed=0) for example in few.examples]
    for side, share in (("discover", 0.4), ("tune", 0.2), ("report", 0.4)):
        assert abs(sides.count(side) / 400 - share) < 0.08


def test_what_does_not_fit_is_passed_over_and_counted() -> None:
    fits = {example.text for example in texts(50)[::2]}
    result = corpus.draw(texts(50), 10, seed=0, fits=lambda example: example.text in fits)
    assert len(result.examples) == 10
    assert {example.text for example in result.examples} <= fits
    order = [example.text for example in corpus.draw(texts(50), 50, seed=0).examples]
    before = order[: order.index(result.examples[-1].text)]
    assert result.dropped == {TOO_LONG: sum(text not in fits for text in before)}
    assert corpus.draw(texts(50), 0, seed=0, fits=lambda example: example.text in fits).dropped == {TOO_LONG: 25}


def test_a_text_is_kept_once_and_never_under_two_labels() -> None:
    labelled = [
        ("It broke!", "sad"),
        ("it  broke", "sad"),
        ("Oh", "sad"),
        ("oh.", "glad"),
        ("ﬁne", "glad"),
        ("FINE", "glad"),
    ]
    result = corpus.deduplicate([Example(text, label) for text, label in labelled])
    assert [example.text for example in result.examples] == ["It broke!", "ﬁne"]
    assert result.dropped == {DUPLICATE: 2, LABEL_CONFLICT: 2}
    assert (
        corpus.deduplicate(
            [Example("It broke", "sad", person="Anna"), Example("It broke", "glad", person="Ben")]
        ).dropped
        == {}
    )


def test_what_was_left_out_before_is_counted_too() -> None:
    result = corpus.CorpusRead((), {DUPLICATE: 2, LABEL_CONFLICT: 0}).after_dropping(
        {"earlier": 3, DUPLICATE: 1, "never": 0}
    )
    assert result.dropped == {"earlier": 3, DUPLICATE: 3}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.csv",
            b"text,emotion\nx,y\n",
            r"a.csv: has the columns 'text', 'emotion', expected one named 'label'. Name it: -p label=COLUMN",
        ),
        ("a.csv", b"text,label\nx,glad\n ,sad\n", "a.csv: line 3 has no text"),
        ("a.csv", b"text,label\nx,\n", "a.csv: line 2 has no label"),
        ("a.csv", "text,label\nx,glad\n\u200b \ufeff,sad\n".encode(), "a.csv: line 3 has no text"),
        ("a.csv", b"", "a.csv: is empty"),
        ("a.csv", "text,label\nblasé,x\n".encode("latin-1"), "a.csv: line 2, byte 15 is not UTF-8"),
        ("a.jsonl", b"{text}", "a.jsonl: line 1 is not JSON"),
        ("a.parquet", b"nothing", "a.parquet: cannot be read as parquet"),
        ("a.xlsx", b"", r"a.xlsx: is .xlsx, expected .csv, .tsv, .jsonl, .parquet"),
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


def test_a_corpus_reports_what_was_dropped_on_the_way() -> None:
    result = corpus.deduplicate([Example("a", "sad"), Example("A!", "sad"), Example("b", "glad")])
    assert corpus.make("mine", result.examples, dropped=result.dropped).dropped == {DUPLICATE: 1}
    assert corpus.make("mine", result.examples).dropped == {}


def test_labels_keep_the_order_of_the_set_and_drop_what_does_not_occur() -> None:
    result = corpus.make("mine", [Example("a", "sad"), Example("b", "glad")], ("joy", "glad", "sad"))
    assert result.labels == ("glad", "sad")


def test_words_are_found_where_a_corpus_has_none() -> None:
    example = corpus.make("mine", [Example("It's broken, Anna.", "x"), Example("b", "y")]).examples[0]
    assert [example.text[w.start : w.end] for w in example.words] == ["It's", "broken", "Anna"]


def test_splits_have_their_shares_and_keep_clusters_together() -> None:
    examples = [Example(f"text {i}", "ab"[i % 2], cluster=f"pair {i // 2}") for i in range(4000)]
    result = corpus.make("mine", examples)
    sides = [result.split(example, seed=0) for example in result.examples]
    assert sides[::2] == sides[1::2]
    for side, share in (("discover", 0.4), ("tune", 0.2), ("report", 0.4)):
        assert abs(sides.count(side) / 4000 - share) < 0.03
    assert sides != [result.split(example, seed=1) for example in result.examples]


def test_a_text_keeps_its_split_whatever_stands_beside_it() -> None:
    first, second, third = Example("a", "x"), Example("b", "y"), Example("c", "x")
    small, large = corpus.make("s", [first, second]), corpus.make("l", [third, second, first])
    assert small.split(small.examples[0], 0) == large.split(large.examples[2], 0)


def test_examples_are_divided_by_what_is_known_of_them() -> None:
    texts = [Example(str(i), "joy", item_type=t, style=s, shift=h) for i, (t, s, h) in enumerate(KNOWN)]
    assert breakdowns(texts) == [
        ("item type", "pair", [0, 2]),
        ("style", "diary", [0]),
        ("style", "story", [1, 2]),
        ("distribution", "as in training", [0, 1, 2]),
        ("distribution", "new verbs", [3]),
    ]
    assert breakdowns([Example("a", "joy")]) == []


KNOWN = [("pair", "diary", ""), ("", "story", ""), ("pair", "story", ""), ("pair", "diary", "new verbs")]
