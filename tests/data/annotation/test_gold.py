"""Labels of words: from a treebank's columns, from spaCy, and only if the word's form does not predict them."""

import re
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
import tiny

from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.data.annotation import conllu, propbank
from emomech.data.annotation.gold import RARE_CLASS, annotated, check, gold, identity
from emomech.data.corpus import Corpus, Example, Word
from emomech.models.language_model import wrap
from emomech.models.tokens import tokenize

ACTIVE = """\
# text = {name} saw {other}'s dog{end}
1\t{name}\t_\tPROPN\t_\t_\t2\tnsubj\t_\tEntity=(1-person)\t_\tARG0
2\tsaw\tsee\tVERB\t_\tVerbForm=Fin\t0\troot\t_\t_\tsee.01\tV
3\t{other}\t_\tPROPN\t_\t_\t5\tnmod:poss\t_\tEntity=(2-animal(3-person)|SpaceAfter=No\t_\t_
4\t's\t's\tPART\t_\t_\t3\tcase\t_\t_\t_\t_
5\tdog\tdog\tNOUN\t_\t_\t2\tobj\t_\tEntity=2)|SpaceAfter=No\t_\tARG1
6\t{end}\t_\tPUNCT\t_\t_\t2\tpunct\t_\t_\t_\t_
"""
PASSIVE = """\
# text = The dog was saw {end}
1\tThe\tthe\tDET\t_\t_\t2\tdet\t_\tEntity=(1-person\t_\t_
2\tdog\tdog\tPROPN\t_\t_\t4\tnsubj:pass\t_\tEntity=1)\t_\tARG0
3\twas\tbe\tAUX\t_\t_\t4\taux:pass\t_\t_\t_\t_
4\tsaw\tsee\tVERB\t_\tVerbForm=Part\t0\troot\t_\t_\tsee.01\tV
5\t{end}\t_\tPUNCT\t_\t_\t4\tpunct\t_\t_\t_\t_
"""
DECLARED = "# newdoc\n# global.Entity = GRP-etype\n"
TREEBANK = DECLARED + "\n".join(
    [ACTIVE.format(name="Ada", other="Bo", end=f"{i}") for i in range(RARE_CLASS)]
    + [ACTIVE.format(name="Bo", other="Ada", end=f"{i}") for i in range(RARE_CLASS)]
    + [PASSIVE.format(end=f"{i}") for i in range(RARE_CLASS)]
)


@pytest.fixture
def texts() -> list[Example]:
    return annotated(conllu.parse(TREEBANK, "mine.conllu"))


def of_form(examples: list[Example], form: str) -> dict[str, set[str]]:
    """All tags of a form in any of the texts, by family."""
    result = defaultdict(set)
    for example in examples:
        for word in example.words:
            if example.text[word.start : word.end] == form:
                for family, tag in word.tags.items():
                    result[family].add(tag)
    return dict(result)


def test_words_get_the_tags_of_every_column(texts: list[Example]) -> None:
    assert of_form(texts, "dog") == {
        "role": {"object", "subject"},
        "pos": {"NOUN", "PROPN"},
        "semantic_role": {"A0", "A1"},
        "entity": {"animal", "person"},
    }
    assert of_form(texts, "Ada")["role"] == {"subject", "possessor"}


def test_voice_is_told_by_what_depends_on_the_verb_and_a_predicate_has_no_role_of_its_own(texts: list[Example]) -> None:
    assert of_form(texts, "saw") == {"voice": {"active", "passive"}}


def test_what_the_form_tells_is_no_label(texts: list[Example]) -> None:
    assert of_form(texts, "The") == {} and of_form(texts, "was") == {}


def test_what_a_treebank_lacks_is_named_with_the_column_that_would_have_it(tmp_path: Path, mine: Corpus) -> None:
    whole, bare = tmp_path / "whole.conllu", tmp_path / "bare.conllu"
    whole.write_text(TREEBANK)
    assert gold(str(whole), mine).missing == {}
    ten_columns = ("\t".join(line.split("\t")[:10]) for line in TREEBANK.split("\n"))
    bare.write_text(re.sub("Entity=[^\t|\n]*", "_", "\n".join(ten_columns)))
    missing = gold(str(bare), mine, limit=3).missing
    assert set(missing) == {"semantic_role", "entity"}
    assert missing["semantic_role"].startswith("bare.conllu has no columns of predicates and arguments after the tenth")
    assert missing["entity"].startswith("bare.conllu has no Entity in the column MISC")


def test_labels_that_cannot_be_used_are_told_from_labels_that_are_not_there(tmp_path: Path, mine: Corpus) -> None:
    (tmp_path / "few.conllu").write_text(TREEBANK.rpartition("# text")[0])  # one passive too few
    missing = gold(str(tmp_path / "few.conllu"), mine).missing
    assert missing == {
        "voice": "few.conllu: its classes have fewer than 20 words each, or the word's form predicts them"
    }


def test_a_treebank_is_checked_before_it_is_needed_and_again_when_it_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "mine.conllu"
    file.write_text(TREEBANK)
    check(str(file))
    file.write_text("1\tSo\tso\tADV\t_\t_\t0\troot\t_\t_\n")
    with pytest.raises(UsageError, match="mine.conllu.*has no labels that can be used.*has no subjects"):
        check(str(file))
    file.write_text("1\tSo\n")
    with pytest.raises(UsageError, match="mine.conllu:1: has 2 columns"):
        check(str(file))
    check("")


def test_rare_classes_are_left_out() -> None:
    fewer = TREEBANK.rpartition("# text")[0]
    result = annotated(conllu.parse(fewer, "mine.conllu"))
    assert of_form(result, "saw") == {}
    assert of_form(result, "dog")["role"] == {"object", "subject"}


def test_no_example_has_an_emotion_and_texts_are_told_apart_by_what_they_say(texts: list[Example]) -> None:
    assert {example.label for example in texts} == {""}
    assert len({example.cluster for example in texts}) == len(texts) == 3 * RARE_CLASS


def test_what_stands_in_several_files_has_all_its_tags(tmp_path: Path) -> None:
    bare = "\n".join("\t".join(line.split("\t")[:10]) for line in TREEBANK.split("\n"))
    roles_only = TREEBANK.replace("nsubj", "dep").replace("\tobj", "\tdep")
    (tmp_path / "a.conllu").write_text(bare)
    (tmp_path / "b.conllu").write_text(roles_only)
    result = annotated(conllu.read(tmp_path))
    assert len(result) == 3 * RARE_CLASS
    assert {"role", "semantic_role"} <= set(of_form(result, "dog"))


def test_a_word_of_several_tokens_is_read_at_its_last(texts: list[Example]) -> None:
    for tokenizer, adds in ((tiny.byte_level(), False), (tiny.sentencepiece(), True)):
        lm = wrap("tiny", tiny.language_model("llama").module, tokenizer, adds)
        chosen = texts[:: RARE_CLASS // 2]
        for example, text in zip(chosen, tokenize(lm, [e.text for e in chosen]), strict=True):
            for word in example.words:
                covering = [
                    i
                    for i, (a, b) in enumerate(text.spans)
                    if not text.special[i] and set(range(a, b)) & set(range(word.start, word.end))
                ]
                assert text.token_at(word.start, word.end) == max(covering)
            assert any(b - a < len("dog") for a, b in text.spans)


@pytest.fixture
def mine() -> Corpus:
    return corpus.make("mine", [Example(f"Ada met Bo {i}.", ["joy", "fear"][i % 2]) for i in range(4)])


def test_without_a_source_the_corpus_has_its_own_labels(mine: Corpus) -> None:
    result = gold("", mine)
    assert (result.name, result.examples, result.from_corpus) == ("corpus", mine.examples, True)
    assert identity("") == ""


def test_a_treebank_is_known_by_its_content_and_its_limit_is_a_choice(tmp_path: Path, mine: Corpus) -> None:
    for name in ("a.conllu", "b.conllu"):
        (tmp_path / name).write_text(TREEBANK)
    assert identity(str(tmp_path / "a.conllu")) == identity(str(tmp_path / "b.conllu")) != identity(str(tmp_path))
    result = gold(str(tmp_path), mine, limit=10, seed=1)
    assert (result.name, len(result.examples), result.from_corpus) == (tmp_path.name, 10, False)
    assert result == gold(str(tmp_path), mine, limit=10, seed=1) != gold(str(tmp_path), mine, limit=10, seed=2)
    with pytest.raises(UsageError, match="nothing at"):
        identity("no/such/folder")


def test_spacy_that_is_not_installed_is_asked_for(monkeypatch: pytest.MonkeyPatch, mine: Corpus) -> None:
    monkeypatch.setattr(metadata, "version", _none_installed)
    for ask in (lambda: identity("spacy"), lambda: gold("spacy", mine)):
        with pytest.raises(
            UsageError, match=r"spaCy is not installed. Install it: pip install spacy; or name a CoNLL-U"
        ):
            ask()


def test_a_model_of_spacy_that_is_not_installed_is_asked_for(stub: ModuleType) -> None:
    with pytest.raises(UsageError, match=r"model en_core_web_lg is not installed.*spacy download en_core_web_lg"):
        identity("spacy:en_core_web_lg")


def test_spacy_labels_the_texts_of_the_corpus(stub: ModuleType) -> None:
    texts = [("Ada saw Bo" if i % 2 else "Bo saw Ada", ["joy", "fear"][i // 2 % 2]) for i in range(2 * RARE_CLASS)]
    result = gold("spacy", corpus.make("mine", [Example(text, label) for text, label in texts]))
    assert (result.name, result.from_corpus) == ("spaCy's en_core_web_sm", True)
    assert identity("spacy") == ["spacy 3.8", "en_core_web_sm 3.7"]
    assert [e.label for e in result.examples] == [label for _, label in texts]
    assert result.examples[1].words == (
        Word(0, 3, {"role": "subject"}),
        Word(4, 7, {}),
        Word(8, 10, {"role": "object"}),
    )
    assert of_form(list(result.examples), "Ada")["role"] == {"subject", "object"}


def test_a_model_that_cannot_be_loaded_is_named(
    stub: ModuleType, monkeypatch: pytest.MonkeyPatch, mine: Corpus
) -> None:
    monkeypatch.setattr(stub, "load", _broken)
    with pytest.raises(UsageError, match=r"spaCy cannot load its model en_core_web_sm: no config.cfg"):
        gold("spacy", mine)


def _none_installed(name: str) -> str:
    raise metadata.PackageNotFoundError(name)


def _broken(name: str) -> None:
    raise OSError("no config.cfg")


class _Morph(dict):
    def to_dict(self) -> dict:
        return dict(self)


@dataclass
class _Token:
    """Stand-in for a word of spaCy."""

    text: str
    idx: int
    i: int
    dep_: str
    head: "_Token" = field(init=False, repr=False)
    lemma_: str = ""
    tag_: str = ""
    morph: _Morph = field(default_factory=_Morph)

    @property
    def pos_(self) -> str:
        return "VERB" if self.dep_ == "ROOT" else "PROPN"


class _Doc(list):
    """Stand-in for spaCy's parse of a text of three words: subject, verb and object."""

    def __init__(self, text: str) -> None:
        starts = [0, text.index(" ") + 1, text.rindex(" ") + 1]
        result = zip(text.split(), starts, ("nsubj", "ROOT", "dobj"), strict=True)
        super().__init__(_Token(form, start, i, dep) for i, (form, start, dep) in enumerate(result))
        for token in self:
            token.head = self[1]

    @property
    def ents(self) -> list[object]:
        ent = type("Ent", (), {"root": self[0], "label_": "PERSON"})
        return [ent]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stand-in for the module spaCy."""
    versions = {"spacy": "3.8", "en_core_web_sm": "3.7"}
    module = ModuleType("spacy")
    pipeline = type("Language", (), {"pipe": staticmethod(lambda texts: map(_Doc, texts))})
    vars(module).update(load=lambda name: pipeline)
    monkeypatch.setitem(sys.modules, "spacy", module)
    monkeypatch.setattr(metadata, "version", lambda name: versions.get(name) or _none_installed(name))
    return module


@pytest.mark.realdata
def test_a_public_treebank_speaks_about_syntax_and_semantics(shared_data: Callable[[str], Path]) -> None:
    sentences = conllu.read(shared_data("up_english_ewt"))
    result = annotated(sentences)
    assert len(result) == len({s.text for s in sentences})
    texts_of = defaultdict(set)
    for example in result:
        for word in example.words:
            for family in word.tags:
                texts_of[family].add(example.text)
    assert {family for family, texts in texts_of.items() if len(texts) > 100} == {
        "pos",
        "role",
        "voice",
        "semantic_role",
    }
    forms = defaultdict(set)
    for example in result:
        for word in example.words:
            for family, tag in word.tags.items():
                forms[family, example.text[word.start : word.end].lower()].add(tag)
    assert min(map(len, forms.values())) > 1
    assert propbank.PREDICATE not in set().union(*(tags for (f, _), tags in forms.items() if f == "semantic_role"))
