"""Who and what is meant: the `Entity` annotation of a treebank as mentions, and the entity of each word.

Brackets in the column MISC open and close mentions, nested ones and such that go on in the next sentence among them:
`(1-person(2-place` opens two, `2)` closes one, `(3-time)` does both. `# global.Entity` says what the parts between the
hyphens mean. The format is that of GUM (Zeldes, 2017) and CorefUD (Nedoluzhko et al., 2022).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import Sentence, Token

CLUSTER, KIND = ("GRP", "eid"), "etype"
"""Names that a declaration has for who is meant and for what kind of thing that is."""
_BRACKET = re.compile(r"\((?P<opened>[^()]+)(?P<closed>\))?|(?P<ended>[^()]+)\)")
_PART = re.compile(r"\[\d+/\d+\]$")
"""Which part of a mention in several pieces it is: `e1[1/2]`."""
Place = tuple[int, int]
"""Number of a sentence and of a word in it."""


@dataclass(frozen=True)
class Mention:
    """Words that name someone or something; a piece of them, where they do not stand together."""

    cluster: str
    """Who or what is meant; the same in all mentions of it in one document."""
    kind: str
    """What kind of entity it is; empty where the treebank does not say."""
    words: tuple[Place, ...]
    """In order; none where only empty nodes are covered."""


@dataclass
class _Open:
    cluster: str
    kind: str
    words: list[Place]


def mentions(sentences: Sequence[Sentence]) -> list[Mention]:
    """Read all mentions of a treebank, in the order in which they close; none where it has no `Entity`.

    Raises UsageError, with file and line of the sentence, for an `Entity` without declaration, for brackets that
    cannot be read, for an end without beginning, and for a beginning without end.
    """
    found: list[Mention] = []
    waiting: list[_Open] = []
    for number, sentence in enumerate(sentences):
        if number and _document(sentence) != _document(sentences[number - 1]):
            _all_closed(waiting, sentences[number - 1])
        for place, token in _tokens(number, sentence):
            value = token.misc.get("Entity", "")
            steps = _steps(value, sentence)
            waiting += [one for one, _ in steps if one is not None]
            if place is not None:
                for one in waiting:
                    one.words.append(place)
            for one, ended in steps:
                if ended is not None:
                    found.append(_closed(waiting, one, ended, sentence))
    if sentences:
        _all_closed(waiting, sentences[-1])
    return found


def heads(sentences: Sequence[Sentence], found: Sequence[Mention]) -> dict[Place, Mention]:
    """Find the word on which each mention hangs: the first whose own head lies outside of the mention.

    Of mentions that hang on one word the shortest is taken, for it says what the word itself names.
    """
    chosen: dict[Place, Mention] = {}
    for mention in sorted(found, key=lambda one: -len(one.words)):
        inside = set(mention.words)
        for sentence, word in mention.words:
            if (sentence, sentences[sentence].words[word].head) not in inside:
                chosen[sentence, word] = mention
                break
    return chosen


def _document(sentence: Sentence) -> tuple[str, int]:
    return sentence.where.rpartition(":")[0], sentence.document


def _tokens(number: int, sentence: Sentence) -> Iterator[tuple[Place | None, Token]]:
    """Go through words and empty nodes in order; an empty node has no place in the text."""
    behind: dict[int, list[Token]] = {}
    for n_before, token in sentence.empty:
        behind.setdefault(n_before, []).append(token)
    for i in range(len(sentence.words) + 1):
        if i:
            yield (number, i - 1), sentence.words[i - 1]
        for token in behind.get(i, []):
            yield None, token


def _steps(value: str, sentence: Sentence) -> list[tuple[_Open | None, str | None]]:
    """Read the brackets of one token: (mention that opens, cluster that ends), one of them or both."""
    if not value:
        return []
    if not sentence.entity_fields:
        raise UsageError(f"{sentence.where}: Entity={value}, but no `# global.Entity` says what its parts mean.")
    if "".join(match[0] for match in _BRACKET.finditer(value)) != value:
        raise UsageError(f"{sentence.where}: cannot read Entity={value}; expected brackets such as (1-person or 1).")
    steps: list[tuple[_Open | None, str | None]] = []
    for match in _BRACKET.finditer(value):
        if match["ended"] is not None:
            steps.append((None, _PART.sub("", match["ended"])))
            continue
        parts = _parts(match["opened"], sentence.entity_fields)
        cluster = next((parts[name] for name in CLUSTER if name in parts), "")
        opened = _Open(_PART.sub("", cluster), parts.get(KIND, ""), [])
        steps.append((opened, opened.cluster if match["closed"] else None))
    return steps


def _parts(text: str, fields: Sequence[str]) -> Mapping[str, str]:
    """Name the parts; the last may itself have hyphens, and some may be left out at the end."""
    return dict(zip(fields, text.split("-", len(fields) - 1), strict=False))


def _closed(waiting: list[_Open], opened: _Open | None, cluster: str, sentence: Sentence) -> Mention:
    """Close a mention: this very one, or the one of the cluster that was opened last."""
    one = opened or next((one for one in reversed(waiting) if one.cluster == cluster), None)
    if one is None:
        raise UsageError(f"{sentence.where}: an Entity ends with {cluster}), but none of that name is open.")
    waiting[:] = [other for other in waiting if other is not one]
    return Mention(one.cluster, one.kind, tuple(one.words))


def _all_closed(waiting: Sequence[_Open], last: Sentence) -> None:
    if waiting:
        raise UsageError(f"{last.where}: the Entity {waiting[0].cluster} is still open where the document ends.")
