"""A parse is written once and read back as the labels of the same texts, whatever their spaces."""

import re
from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.data.annotation import conllu, parsing
from emomech.data.annotation.conllu import Sentence, Token
from emomech.data.annotation.gold import RARE_CLASS, gold
from emomech.data.corpus import Corpus, Example


def parse_of(text: str) -> Sentence:
    """Subject, verb, object and an end that follows at once."""
    forms = re.findall(r"[A-Za-z]+|[^A-Za-z\s]+", text)
    rows = [("PROPN", 1, "nsubj"), ("VERB", -1, "ROOT"), ("PROPN", 1, "dobj"), ("PUNCT", 1, "punct")]
    words, position = [], 0
    for form, (pos, head, relation) in zip(forms, rows, strict=True):
        start = text.index(form, position)
        position = start + len(form)
        misc = {parsing.ENTITY: "PERSON"} if pos == "PROPN" else {}
        words.append(Token(form, "", pos, "", {}, head, relation, misc, start, position))
    return Sentence(text, tuple(words), "by hand")


TEXTS = [f"{'Ada' if i % 2 else 'Bo'} saw\n{'Bo' if i % 2 else 'Ada'}.{i} " for i in range(2 * RARE_CLASS)]


@pytest.fixture
def mine() -> Corpus:
    return corpus.make("mine", [Example(text, ["joy", "fear"][i // 2 % 2]) for i, text in enumerate(TEXTS)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.conllu"
    path.write_text(parsing.write(map(parse_of, TEXTS), {"parser": "by hand"}))
    return path


def test_a_file_says_who_made_it_and_is_read_as_any_treebank(file: Path) -> None:
    assert file.read_text().startswith("# generator = emomech data parse\n# parser = by hand\n# text = Bo saw Ada.0\n")
    sentences = conllu.read(file)
    assert len(sentences) == len(TEXTS)
    assert [word.form for word in sentences[0].words] == ["Bo", "saw", "Ada", ".0"]
    assert [word.head for word in sentences[0].words] == [1, -1, 1, 1]
    assert parsing.is_parse(file) and not parsing.is_parse(file.parent)


def test_the_labels_are_those_of_the_corpus_itself(file: Path, mine: Corpus) -> None:
    result = gold(str(file), mine)
    assert (result.name, result.from_corpus) == ("mine.conllu", True)
    assert [(example.text, example.label) for example in result.examples] == [(e.text, e.label) for e in mine.examples]
    for example in result.examples:
        tags = {example.text[word.start : word.end]: dict(word.tags) for word in example.words}
        first, last = ("Ada", "Bo") if example.text.startswith("Ada") else ("Bo", "Ada")
        assert tags[first] == {"role": "subject"}
        assert tags[last] == {"role": "object"}
        assert tags["saw"] == {}


def test_a_file_of_other_texts_is_refused(file: Path, mine: Corpus) -> None:
    other = corpus.make("other", [*mine.examples, Example("It rained.", "joy")])
    with pytest.raises(UsageError, match=r"mine.conllu: has no parse of 1 of the 41 texts.*emomech data parse"):
        gold(str(file), other)


def test_a_file_without_the_mark_is_a_treebank_of_other_texts(file: Path, mine: Corpus) -> None:
    file.write_text(file.read_text().split("\n", 1)[1])
    assert not parsing.is_parse(file)
    assert not gold(str(file), mine).from_corpus


def test_a_text_without_words_takes_no_block() -> None:
    written = parsing.write([Sentence("  ", (), ""), parse_of("Bo saw Ada.")], {})
    assert [sentence.text for sentence in conllu.parse(written, "mine.conllu")] == ["Bo saw Ada."]
