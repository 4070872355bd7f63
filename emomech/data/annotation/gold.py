"""Where the words of a study have their labels from: the corpus itself, a treebank of other texts, or spaCy.

An emotion corpus of real texts knows nothing of their syntax, and a treebank nothing of emotions. So a treebank brings
its own sentences, on which the families of its labels are read. spaCy labels the corpus's own texts instead, with the
errors of a parser. Tags have the names that `readings` knows, whatever they were called before.

Left out is what could not be a finding: a class of few words, and words of a form that nearly always has one class, for
there the form alone tells the class.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any

from emomech.core.errors import UsageError
from emomech.data.annotation import conllu, coreference, propbank
from emomech.data.annotation.conllu import Sentence, Token
from emomech.data.corpus import Corpus, Example, Word, drawn

SPACY, SPACY_MODEL = "spacy", "en_core_web_sm"
RARE = 20
"""A class that fewer words have is left out."""
TELLING = 0.9
"""Where more than this share of a form's words have one class, the form tells it."""
_ROLES = {
    "subject": ("nsubj", "nsubj:pass", "nsubj:outer", "nsubjpass"),
    "object": ("obj", "dobj"),
    "indirect object": ("iobj", "dative"),
    "oblique": ("obl", "obl:agent", "obl:arg", "pobj"),
    "possessor": ("nmod:poss", "poss"),
}
"""Grammatical role to relations: those of Universal Dependencies, and those of spaCy's English models."""
_ROLE_OF = {relation: role for role, relations in _ROLES.items() for relation in relations}
_OF_PASSIVE = {"aux:pass", "nsubj:pass", "csubj:pass", "auxpass", "nsubjpass", "csubjpass"}
_OF_ACTIVE = {"nsubj", "csubj", "nsubj:outer"}
Span = tuple[int, int]
Tags = dict[Span, dict[str, str]]


@dataclass(frozen=True)
class Gold:
    """Texts whose words have labels."""

    name: str
    """Who labelled them."""
    examples: tuple[Example, ...]
    of_corpus: bool
    """Whether these are the corpus's own texts, and so have an emotion each."""


def identity(source: str) -> object:
    """What decides the labels: the content of a treebank's files, or the versions of spaCy and its model.

    Raises UsageError for a treebank that is not there, and for spaCy or a model that is not installed; reads no label.
    """
    if not source:
        return ""
    if model := _spacy_model(source):
        return [f"{name} {_version(name, source)}" for name in (SPACY, model)]
    return [blake2b(file.read_bytes(), digest_size=16).hexdigest() for file in conllu.files(_path(source))]


def gold(source: str, corpus: Corpus, limit: int = 0, seed: int = 0) -> Gold:
    """Label the corpus, or read a treebank: `source` is "", `spacy`, `spacy:MODEL`, or a CoNLL-U file or a folder.

    With a `limit` that many sentences of the treebank are drawn by the seed. Raises UsageError as `identity` and
    `treebanks.read` do.
    """
    if not source:
        return Gold("corpus", corpus.examples, True)
    if model := _spacy_model(source):
        return Gold(f"spaCy's {model}", _parsed(source, model, corpus.examples), True)
    examples = annotated(conllu.read(_path(source)))
    return Gold(_path(source).name, drawn(examples, limit, seed).examples, False)


def annotated(sentences: Sequence[Sentence]) -> list[Example]:
    """Make a text of each sentence, with the tags of its words; one text of all sentences that read alike.

    What stands in several files, its syntax in one and its roles in another, so has all its tags.
    """
    kinds: list[dict[int, str]] = [{} for _ in sentences]
    for (number, word), mention in coreference.heads(sentences, coreference.mentions(sentences)).items():
        kinds[number][word] = mention.kind
    found: dict[str, Tags] = {}
    for sentence, of_sentence in zip(sentences, kinds, strict=True):
        tags = found.setdefault(sentence.text, {})
        for span, more in _tags(sentence, propbank.roles(sentence), of_sentence).items():
            tags[span] = more | tags.get(span, {})
    return _examples([Example(text, "", cluster=text) for text in found], list(found.values()))


def _path(source: str) -> Path:
    path = Path(source).expanduser()
    if not path.exists():
        wanted = f"a CoNLL-U file, a folder of them, {SPACY} or {SPACY}:MODEL"
        raise UsageError(f"gold {source!r}: there is nothing at {path.absolute()}; expected {wanted}.")
    return path


def _tags(sentence: Sentence, roles: Mapping[int, str], kinds: Mapping[int, str]) -> Tags:
    """Give the tags of every word that is more than a mark, by its span; none to words that share one."""
    spans = Counter((word.start, word.end) for word in sentence.words)
    below: list[list[Token]] = [[] for _ in sentence.words]
    for word in sentence.words:
        if word.head >= 0:
            below[word.head].append(word)
    found: Tags = {}
    for i, word in enumerate(sentence.words):
        if not any(map(str.isalnum, word.form)):
            continue
        role = roles.get(i, "")
        tags = {
            "pos": word.upos,
            "role": _ROLE_OF.get(word.relation, ""),
            "voice": _voice(word, below[i]),
            "semantic_role": role if role != propbank.PREDICATE else "",  # which says no more than that it is a verb
            "entity": kinds.get(i, ""),
        }
        alone = spans[word.start, word.end] == 1
        found[word.start, word.end] = {family: tag for family, tag in tags.items() if tag and alone}
    return found


def _voice(word: Token, below: Sequence[Token]) -> str:
    """Tell a verb's voice from its morphology and from what depends on it; nothing of one that shows neither."""
    relations = {one.relation for one in below}
    if word.upos != "VERB":
        return ""
    if word.features.get("Voice") == "Pass" or relations & _OF_PASSIVE:
        return "passive"
    perfect = any(one.relation == "aux" and one.lemma == "have" for one in below)
    return "active" if perfect or relations & _OF_ACTIVE or word.features.get("VerbForm") == "Fin" else ""


def _examples(texts: Sequence[Example], tags: Sequence[Tags]) -> list[Example]:
    """Put the tags into the texts, less those of rare classes and those that a word's form tells."""
    words = [
        (family, tag, text.text[start:end].lower())
        for text, of_text in zip(texts, tags, strict=True)
        for (start, end), found in of_text.items()
        for family, tag in found.items()
    ]
    size = Counter((family, tag) for family, tag, _ in words)
    common = [word for word in words if size[word[:2]] >= RARE]
    of_form = Counter((family, form) for family, _, form in common)
    of_class = Counter(common)
    told = {(word[0], word[2]) for word, n in of_class.items() if n > TELLING * of_form[word[0], word[2]]}
    kept = {word for word in of_class if (word[0], word[2]) not in told}

    def tagged(text: Example, of_text: Tags) -> Example:
        left = [
            Word(a, b, {k: v for k, v in found.items() if (k, v, text.text[a:b].lower()) in kept})
            for (a, b), found in sorted(of_text.items())
        ]
        return replace(text, words=tuple(left))

    return [tagged(text, of_text) for text, of_text in zip(texts, tags, strict=True)]


def _spacy_model(source: str) -> str:
    """Name spaCy's model, or nothing where something else is asked for."""
    name, _, model = source.partition(":")
    return (model or SPACY_MODEL) if name == SPACY else ""


def _version(name: str, source: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        how = "pip install spacy" if name == SPACY else f"python -m spacy download {name}"
        what = "spaCy" if name == SPACY else f"spaCy's model {name}"
        raise UsageError(
            f"gold {source!r}: {what} is not installed. Install it: {how}; or name a CoNLL-U file or a folder of them."
        ) from error


def _parsed(source: str, model: str, examples: Sequence[Example]) -> tuple[Example, ...]:
    """Label texts by spaCy."""
    identity(source)
    import spacy  # pyright: ignore[reportMissingImports]

    try:
        nlp = spacy.load(model)
    except OSError as error:
        raise UsageError(f"gold {source!r}: spaCy cannot load its model {model}: {error}") from error
    tags = []
    for example, doc in zip(examples, nlp.pipe([example.text for example in examples]), strict=True):
        kinds = {entity.root.i: entity.label_ for entity in doc.ents}
        tags.append(_tags(_sentence(example.text, doc), {}, kinds))
    return tuple(_examples(examples, tags))


def _sentence(text: str, doc: Any) -> Sentence:
    """Take what spaCy says of a text as one sentence, whose roots depend on nothing."""
    words = tuple(
        Token(
            *(token.text, token.lemma_, token.pos_, token.tag_),
            token.morph.to_dict(),
            token.head.i if token.head.i != token.i else -1,
            token.dep_,
            {},
            token.idx,
            token.idx + len(token.text),
        )
        for token in doc
    )
    return Sentence(text, words, "spaCy")
