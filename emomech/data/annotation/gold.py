"""Labels of words: from the corpus itself, from a treebank of other texts, or from a parser.

A published emotion corpus has no syntactic annotation, and a treebank has no emotions. A treebank therefore brings its
own sentences, on which its label families are read. spaCy labels the corpus's own texts instead, with the errors of a
parser (`parsing`). Tags get the family names of the embedded grammar, whatever the source calls them.

Two kinds of labels are left out, since no finding could rest on them: classes of few words, and words whose form nearly
always has one class, because there the form alone predicts the class.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path

from emomech.core.errors import UsageError
from emomech.data.annotation import conllu, coreference, parsing, propbank
from emomech.data.annotation.conllu import Sentence, Token
from emomech.data.corpus import Corpus, Example, Word, draw

RARE_CLASS = 20
"""Classes of fewer words are left out."""
TELLING_SHARE = 0.9
"""A form predicts a class if more than this share of its words have it."""
_ROLES = {
    "subject": ("nsubj", "nsubj:pass", "nsubj:outer", "nsubjpass"),
    "object": ("obj", "dobj"),
    "indirect object": ("iobj", "dative"),
    "oblique": ("obl", "obl:agent", "obl:arg", "pobj"),
    "possessor": ("nmod:poss", "poss"),
}
"""Grammatical role to relations of Universal Dependencies and of spaCy's English models."""
_ROLE_OF = {relation: role for role, relations in _ROLES.items() for relation in relations}
_PASSIVE_RELATIONS = {"aux:pass", "nsubj:pass", "csubj:pass", "auxpass", "nsubjpass", "csubjpass"}
_ACTIVE_RELATIONS = {"nsubj", "csubj", "nsubj:outer"}
_WHERE = {
    "pos": "the column UPOS",
    "role": "subjects, objects and possessors in the column DEPREL",
    "voice": "verbs with a subject, or Voice in the column FEATS",
    "semantic_role": "columns of predicates and arguments after the tenth, as in Universal Propositions",
    "entity": "Entity in the column MISC, as in GUM",
}
"""Label family to the part of a treebank that it is read from."""
Span = tuple[int, int]
"""Start and end of a word in its text."""
Tags = dict[Span, dict[str, str]]
"""Label family to value, by word."""


@dataclass(frozen=True)
class Gold:
    """Texts whose words have labels."""

    name: str
    """Source of the labels."""
    examples: tuple[Example, ...]
    from_corpus: bool
    """Whether these are the corpus's own texts, each with an emotion."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Label family that no word of a treebank has to the reason, which names what the treebank would need."""


def identity(source: str) -> object:
    """Return what the labels depend on: hashes of a treebank's files, or the versions of spaCy and its model.

    Raises UsageError for a treebank that does not exist, and for spaCy or a model that is not installed. No label is
    read.
    """
    if not source:
        return ""
    if model := parsing.spacy_model(source):
        return parsing.versions(source, model)
    return [blake2b(file.read_bytes(), digest_size=16).hexdigest() for file in conllu.files(_path(source))]


def gold(source: str, corpus: Corpus, limit: int = 0, seed: int = 0) -> Gold:
    """Label the corpus, or read a treebank: `source` is "", `spacy`, `spacy:MODEL`, or a CoNLL-U file or folder.

    A file that `parsing` wrote labels the texts of the corpus, of which it has to be a parse. `limit` is the number of
    sentences of the treebank that the seed draws; 0 reads all. Raises UsageError as `identity`, `conllu.read` and
    `parsing.of_texts` do, and for a treebank without any label.
    """
    if not source:
        return Gold("corpus", corpus.examples, True)
    if model := parsing.spacy_model(source):
        sentences = parsing.parsed(source, model, [example.text for example in corpus.examples])
        return Gold(f"spaCy's {model}", _labelled(corpus.examples, sentences), True)
    path = _path(source)
    sentences = conllu.read(path)
    if parsing.is_parse(path) and corpus.examples:
        sentences = parsing.of_texts(path.name, sentences, (example.text for example in corpus.examples))
        return Gold(path.name, _labelled(corpus.examples, sentences), True)
    examples = annotated(sentences)
    missing = _missing(path.name, sentences, examples)
    if len(missing) == len(_WHERE):
        raise UsageError(f"gold {source!r}: has no labels that can be used. {'; '.join(missing.values())}.")
    return Gold(path.name, draw(examples, limit, seed).examples, False, missing)


def check(source: str) -> None:
    """Read a treebank, so that what is wrong with it is known before a model is loaded; spaCy parses nothing here.

    Raises UsageError as `gold` does.
    """
    if source and not parsing.spacy_model(source):
        files = conllu.files(_path(source))
        _check(source, tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files))


@lru_cache(maxsize=4)
def _check(source: str, _: tuple[tuple[str, int, int], ...]) -> None:
    """Read a treebank once for each state of its files."""
    gold(source, Corpus("", (), ()))


def _missing(name: str, sentences: Sequence[Sentence], examples: Sequence[Example]) -> dict[str, str]:
    """Give the families without any label in the examples, each with the reason."""
    kept = {family for example in examples for word in example.words for family in word.tags}
    annotated_at_all = _families(sentences)
    unusable = f"its classes have fewer than {RARE_CLASS} words each, or the word's form predicts them"
    return {
        family: f"{name}: {unusable}" if family in annotated_at_all else f"{name} has no {where}"
        for family, where in _WHERE.items()
        if family not in kept
    }


def _families(sentences: Sequence[Sentence]) -> set[str]:
    """Give the families that a treebank annotates, whether or not the labels can be used."""
    tags_at = (_tags(sentence, propbank.roles(sentence), {}) for sentence in sentences)
    families = {family for tags in tags_at for word_tags in tags.values() for family in word_tags}
    return families | ({"entity"} if coreference.mentions(sentences) else set())


def annotated(sentences: Sequence[Sentence]) -> list[Example]:
    """Make an example of each different text, with the tags of its words.

    Equal sentences become one example with the tags of all, so syntax and roles may be in different files.
    """
    entities: list[dict[int, str]] = [{} for _ in sentences]
    for (number, word), mention in coreference.head_words(sentences, coreference.mentions(sentences)).items():
        entities[number][word] = mention.kind
    tags_of: dict[str, Tags] = {}
    for sentence, entity_of in zip(sentences, entities, strict=True):
        tags = tags_of.setdefault(sentence.text, {})
        for span, more in _tags(sentence, propbank.roles(sentence), entity_of).items():
            tags[span] = more | tags.get(span, {})
    return _with_tags([Example(text, "", cluster=text) for text in tags_of], list(tags_of.values()))


def _labelled(examples: Sequence[Example], sentences: Sequence[Sentence]) -> tuple[Example, ...]:
    """Label texts by the parse of each."""
    return tuple(_with_tags(examples, [word_tags(sentence) for sentence in sentences]))


def word_tags(sentence: Sentence) -> Tags:
    """Return the tags of a parsed text's words, by span; also of a sentence of a treebank, but for its entities."""
    entities = {i: word.misc[parsing.ENTITY] for i, word in enumerate(sentence.words) if parsing.ENTITY in word.misc}
    return _tags(sentence, propbank.roles(sentence), entities)


def _path(source: str) -> Path:
    path = Path(source).expanduser()
    if not path.exists():
        expected = f"a CoNLL-U file, a folder of them, {parsing.SPACY} or {parsing.SPACY}:MODEL"
        raise UsageError(f"gold {source!r}: there is nothing at {path.absolute()}; expected {expected}.")
    return path


def _tags(sentence: Sentence, roles: Mapping[int, str], entities: Mapping[int, str]) -> Tags:
    """Return the tags of every word that is not punctuation, by span; words that share a span get none."""
    spans = Counter((word.start, word.end) for word in sentence.words)
    dependents: list[list[Token]] = [[] for _ in sentence.words]
    for word in sentence.words:
        if word.head >= 0:
            dependents[word.head].append(word)
    tags_at: Tags = {}
    for i, word in enumerate(sentence.words):
        if not any(map(str.isalnum, word.form)):
            continue
        role = roles.get(i, "")
        tags = {
            "pos": word.upos,
            "role": _ROLE_OF.get(word.relation, ""),
            "voice": _voice(word, dependents[i]),
            "semantic_role": role if role != propbank.PREDICATE else "",  # it says only that this is a verb
            "entity": entities.get(i, ""),
        }
        is_unique = spans[word.start, word.end] == 1
        tags_at[word.start, word.end] = {family: tag for family, tag in tags.items() if tag and is_unique}
    return tags_at


def _voice(word: Token, dependents: Sequence[Token]) -> str:
    """Infer a verb's voice from its morphology and its dependents; empty if they do not show it."""
    relations = {dependent.relation for dependent in dependents}
    if word.upos != "VERB":
        return ""
    if word.features.get("Voice") == "Pass" or relations & _PASSIVE_RELATIONS:
        return "passive"
    perfect = any(dependent.relation == "aux" and dependent.lemma == "have" for dependent in dependents)
    return "active" if perfect or relations & _ACTIVE_RELATIONS or word.features.get("VerbForm") == "Fin" else ""


def _with_tags(examples: Sequence[Example], tags: Sequence[Tags]) -> list[Example]:
    """Give examples their tagged words, without tags of rare classes and tags that the word's form predicts."""
    tagged_forms = [
        (family, tag, example.text[start:end].lower())
        for example, tags_at in zip(examples, tags, strict=True)
        for (start, end), word_tags in tags_at.items()
        for family, tag in word_tags.items()
    ]
    class_size = Counter((family, tag) for family, tag, _ in tagged_forms)
    common = [tagged for tagged in tagged_forms if class_size[tagged[:2]] >= RARE_CLASS]
    form_count = Counter((family, form) for family, _, form in common)
    count = Counter(common)
    predictable = {(fam, form) for (fam, _, form), n in count.items() if n > TELLING_SHARE * form_count[fam, form]}
    kept = {tagged for tagged in count if (tagged[0], tagged[2]) not in predictable}

    def with_words(example: Example, tags_at: Tags) -> Example:
        words = [
            Word(start, end, {f: tag for f, tag in tags.items() if (f, tag, example.text[start:end].lower()) in kept})
            for (start, end), tags in sorted(tags_at.items())
        ]
        return replace(example, words=tuple(words))

    return [with_words(example, tags_at) for example, tags_at in zip(examples, tags, strict=True)]
