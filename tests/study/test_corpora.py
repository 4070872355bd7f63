"""Published texts become examples of the book's emotions, each once, and what is left out is counted."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import published_files as made
import pytest

from emomech.chapters.behaviour.analysis import behaviour
from emomech.core import hub
from emomech.core.errors import EmomechError, UsageError
from emomech.data.corpus import DUPLICATE, LABEL_CONFLICT, TOO_LONG, Example
from emomech.data.masking import NAMED, UNNAMED, masked
from emomech.presets import lookup
from emomech.study import corpora
from emomech.study.corpora import ELSEWHERE, NO_ANSWER, OUTSIDE, SEVERAL
from emomech.study.resolved import ResolvedCorpus
from emomech.study.run import PROVENANCE, Run
from emomech.study.spec import StudySpec
from emomech.study.study import Study

SIX = tuple(lookup.emotions("six-and-neutral").labels)
PUBLISHED = [name for name in lookup.table("corpora") if lookup.corpus(name).card]


def read(path: Path, labels: tuple[str, ...] = SIX):
    return corpora.read(ResolvedCorpus.of(str(path)), labels)


def texts(result) -> list[tuple[str, str]]:
    return [(example.text, example.label) for example in result.examples]


def test_labels_are_mapped_and_a_text_of_several_emotions_is_left_out(tmp_path: Path) -> None:
    names = list(lookup.emotions("goemotions").labels)
    lines = {"a b": "amusement,joy", "c": "anger,fear", "d": "neutral", "e": "remorse", "f": "neutral,joy"}
    numbered = [f"{text}\t{','.join(str(names.index(n)) for n in on.split(','))}\tx" for text, on in lines.items()]
    result = read(made.goemotions(tmp_path, numbered, names))
    assert texts(result) == [("a b", "joy"), ("d", "neutral"), ("e", "sadness")]
    assert result.dropped == {SEVERAL: 2}


def test_a_set_is_studied_in_its_own_words_if_they_are_asked_for(tmp_path: Path) -> None:
    file = made.isear(
        tmp_path, [("1", 1, "I won."), ("1", 6, "I lied."), ("1", 7, "I left."), ("1", 2, "NO RESPONSE.")]
    )
    assert texts(read(file)) == [("I won.", "joy")]
    assert read(file).dropped == {OUTSIDE: 2, NO_ANSWER: 1}
    result = read(file, tuple(lookup.emotions("isear").labels))
    assert texts(result) == [("I won.", "joy"), ("I lied.", "shame"), ("I left.", "guilt")]
    assert texts(read(file, ("joy", "fear"))) == [("I won.", "joy")]


def test_a_text_that_stands_twice_is_kept_once_and_one_of_two_labels_never(tmp_path: Path) -> None:
    lines = ["Oh, no!\t2\ta", "oh  NO\t2\tb", "What?\t3\tc", "what\t6\td", "Well.\t4\te", "😀\t3\tf", "😢\t5\tg"]
    result = read(made.goemotions(tmp_path, lines))
    assert texts(result) == [("Oh, no!", "fear"), ("Well.", "neutral"), ("😀", "joy"), ("😢", "sadness")]
    assert result.dropped == {DUPLICATE: 1, LABEL_CONFLICT: 2}


def test_a_word_that_is_no_label_of_the_set_is_named_with_its_line(tmp_path: Path) -> None:
    file = made.meld(tmp_path, [("It rained.", "joy", 0), ("It shone.", "glee", 0)])
    with pytest.raises(UsageError, match=r"train_sent_emo.csv, line 3: has the label 'glee', expected one of joy, sad"):
        read(file)


def test_texts_that_name_an_emotion_and_texts_that_name_none_are_item_types(tmp_path: Path) -> None:
    lines = ["I was sad then\t5\ta", "They left\t5\tb", "What a joy!\t3\tc"]
    kinds = {example.text: example.item_type for example in read(made.goemotions(tmp_path, lines)).examples}
    assert kinds == {"I was sad then": NAMED, "They left": UNNAMED, "What a joy!": NAMED}
    result = read(made.goemotions(tmp_path, ["They left\t5\tb", "We won\t3\tc"]))
    assert {example.item_type for example in result.examples} == {""}
    file = tmp_path / "own.csv"
    file.write_text("text,label,item_type\nI was sad,sadness,easy\nWe won,joy,\n")
    assert [example.item_type for example in read(file).examples] == ["easy", ""]


def test_the_masked_sample_has_the_texts_of_the_sample_and_names_no_emotion() -> None:
    plain, hidden = (
        corpora.read(ResolvedCorpus.of(f"goemotions-sample{end}"), SIX).examples for end in ("", "-masked")
    )
    assert Counter(example.item_type for example in plain)[NAMED] > 100
    assert {example.item_type for example in hidden} == {""}
    by_text = {masked(example.text): example.label for example in plain}
    assert len(hidden) >= 2700
    assert all(by_text[example.text] == example.label for example in hidden)


def test_the_sample_is_asked_for_six_emotions_and_for_neutral_on_demand() -> None:
    sample = ResolvedCorpus.of("goemotions-sample")
    assert sample.preset.emotions == "six"
    six = corpora.read(sample, lookup.emotions("six").labels)
    assert Counter(example.label for example in six.examples) == dict.fromkeys(lookup.emotions("six").labels, 400)
    assert six.dropped == {OUTSIDE: 400}
    assert len(corpora.read(sample, SIX).examples) == 2800


def test_emotion_words_are_hidden_where_the_set_says_so(tmp_path: Path) -> None:
    lines = [("joy", "w", "I felt joy, no fear"), ("no-emotion", "w", "I walked"), ("trust", "v", "He lent it")]
    result = read(made.crowd_envent(tmp_path, lines))
    assert texts(result) == [("I felt ..., no ...", "joy"), ("I walked", "neutral")]
    assert {example.cluster for example in result.examples} == {"writer w"}
    plain = made.meld(tmp_path, [("I felt joy", "joy", 0)])
    assert texts(read(plain)) == [("I felt joy", "joy")]


def test_a_folder_is_read_as_a_whole_and_its_splits_share_no_text(tmp_path: Path) -> None:
    made.goemotions(tmp_path, ["It rained.\t3\ta", "It shone.\t5\tb"])
    (tmp_path / "train.tsv").write_text("It rained\t3\tc\nIt froze.\t0\td\n")
    result = read(tmp_path)
    assert texts(result) == [("It rained.", "joy"), ("It shone.", "sadness"), ("It froze.", "anger")]
    assert result.dropped == {DUPLICATE: 1}


def test_of_joined_sets_the_first_keeps_a_text_of_two(tmp_path: Path) -> None:
    goemotions_file = made.goemotions(tmp_path / "one", ["It rained.\t3\ta", "It shone.\t5\tb"])
    two = made.tweeteval(tmp_path, ["it SHONE", "It froze."], [1, 3])
    mine = tmp_path / "mine.csv"
    mine.write_text("text,label\nIt froze,joy\nIt thawed,joy\n")
    result = read(f"{goemotions_file.parent}, {two}, {mine}")  # pyright: ignore[reportArgumentType]
    assert texts(result) == [
        ("It rained.", "joy"),
        ("It shone.", "sadness"),
        ("It froze.", "sadness"),
        ("It thawed", "joy"),
    ]
    assert [example.style for example in result.examples] == ["one", "one", "val_text", "mine"]
    assert result.dropped == {ELSEWHERE: 2}
    with pytest.raises(UsageError, match="'organism': comes from the grammar and cannot be joined"):
        corpora.read(ResolvedCorpus.of(f"{goemotions_file},organism"), SIX)


def test_pairs_keep_together_and_the_split_is_the_item_type(tmp_path: Path) -> None:
    result = read(made.aipsy(tmp_path / "clinical.parquet"))
    assert Counter(example.label for example in result.examples) == {"neutral": 2, "anger": 1, "fear": 1}
    assert {example.item_type for example in result.examples} == {"clinical"}
    assert len({example.cluster for example in result.examples}) == 2


def test_every_mapping_speaks_of_labels_that_there_are() -> None:
    assert len(PUBLISHED) == 11
    for name in PUBLISHED:
        preset = lookup.corpus(name)
        known = lookup.emotions(preset.vocabulary).labels if preset.vocabulary else preset.mapping
        assert set(preset.mapping) <= set(known)
        assert set(preset.mapping.values()) <= set(lookup.emotions("six-and-neutral").labels)


def test_ekmans_mapping_is_that_of_the_authors() -> None:
    mapping = lookup.corpus("goemotions").mapping
    assert Counter(mapping.values()) == {
        "joy": 12, "sadness": 5, "surprise": 4, "anger": 3, "fear": 2, "disgust": 1, "neutral": 1
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PUBLISHED if not lookup.corpus(name).path])
def test_without_files_the_way_out_is_told(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(EmomechError, match=f"corpus '{name}': .*-p corpus=PATH"):
        corpora.read(ResolvedCorpus.of(name), SIX)


def test_a_set_of_the_hub_is_read_in_the_order_of_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset = lookup.corpus("tweeteval")
    names = ["anger", "joy", "optimism", "sadness"]
    rows = [pd.DataFrame({"text": [f"It rained {n}."], "label": [n % 4]}) for n in range(len(preset.files))]

    def fetch(repository: str, revision: str, kind: str, files: list[str]) -> Path:
        assert (repository, revision, kind) == (preset.repository, preset.revision, "dataset")
        for file, frame in zip(files, rows, strict=True):
            made.of_datasets(tmp_path / file, frame, names)
        return tmp_path

    monkeypatch.setattr(hub, "fetch", fetch)
    result = corpora.read(ResolvedCorpus.of("tweeteval"), SIX)
    assert texts(result) == [("It rained 0.", "anger"), ("It rained 1.", "joy")]
    assert result.dropped == {OUTSIDE: 1}


def test_a_file_that_the_repository_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "fetch", lambda *_, **__: tmp_path)
    with pytest.raises(UsageError, match=r"corpus 'meld': the dataset .* has no file .*-p corpus=PATH"):
        corpora.read(ResolvedCorpus.of("meld"), SIX)


def test_a_folder_of_data_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "express").mkdir()
    frame = pd.DataFrame({"text": ["It left me <mask>.", "So <mask>!"], "label": ["sad", "wistful"]})
    frame.to_parquet(tmp_path / "express" / "x.parquet")
    (tmp_path / "isear").mkdir()
    monkeypatch.setenv(lookup.DATA, str(tmp_path))
    result = corpora.read(ResolvedCorpus.of("express"), SIX)
    assert texts(result) == [("It left me ....", "sadness")]
    assert result.dropped == {OUTSIDE: 1}
    with pytest.raises(UsageError, match="'isear': .* holds no file in the format of isear"):
        corpora.read(ResolvedCorpus.of("isear"), SIX)
    assert lookup.corpus("meld").repository


def test_labels_of_joined_tables_have_one_spelling(tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("text,label\nIt shone.,joy\nIt rained.,sad\n")
    second.write_text("text,label\nIt broke.,sad\nIt works.,Joy\n")
    with pytest.raises(UsageError, match=r"a.csv and b.csv: the labels 'joy' \(a\) and 'Joy' \(b\) look alike"):
        corpora.read(ResolvedCorpus.of(f"{first},{second}"), {})


def test_a_missing_text_of_a_published_table_is_counted(tmp_path: Path) -> None:
    names = ["sadness", "joy", "love", "anger", "fear", "surprise"]
    file = made.of_datasets(tmp_path / "x.parquet", pd.DataFrame({"text": ["a", None, "c"], "label": [0, 1, 3]}), names)
    result = corpora.read(ResolvedCorpus.of(str(file)), SIX)
    assert texts(result) == [("a", "sadness"), ("c", "anger")]
    assert result.dropped == {NO_ANSWER: 1}


@pytest.mark.realdata
def test_goemotions_is_studied_by_the_embedded_model(
    shared_data: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path))
    file = shared_data("goemotions_ekman") / "dev.tsv"
    spec = StudySpec(corpus=str(file), sae=None, limit=200)
    run = Run(behaviour, spec.validate(), {"n_resamples": 20})
    result = run.result()
    overall = result.accuracy[(result.accuracy.predictor == "model") & (result.accuracy.breakdown == "all")].iloc[0]
    assert 0 < overall.n <= 200
    assert 0 <= overall.balanced_accuracy <= 1
    left_out = run.provenance["texts"]["left out"]
    corpus = Study(spec).corpus
    assert left_out == corpus.dropped
    assert len(corpus.examples) == 200
    assert {SEVERAL, DUPLICATE, LABEL_CONFLICT, TOO_LONG} >= set(left_out) >= {SEVERAL}
    result = corpora.read(ResolvedCorpus.of(str(file)), SIX)
    assert len(result.examples) + sum(result.dropped.values()) == len(file.read_text().splitlines())
    assert all(isinstance(example, Example) for example in corpus.examples)
    assert (run.folder / PROVENANCE).exists()
