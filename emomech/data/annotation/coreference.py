"""Read the `Entity` annotation of a treebank as mentions, and find the mention that each word heads.

Brackets in the column MISC open and close mentions, which may nest and may continue in the next sentence:
`(1-person(2-place` opens two, `2)` closes one, `(3-time)` does both. `# global.Entity` declares the parts between the
hyphens. The format is that of GUM (Zeldes, 2017) and CorefUD (Nedoluzhko et al., 2022).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from emomech.core.errors import UsageError
from emomech.data.annotation.conllu import Sentence, Token

CLUSTER, KIND = ("GRP", "eid"), "etype"
"""Names, in a declaration, of the part that identifies the entity and of the part that says its type."""
_BRACKET = re.compile(r"\((?P<opened>[^()]+)(?P<closed>\))?|(?P<ended>[^()]+)\)")
_PART = re.compile(r"\[\d+/\d+\]$")
"""Number of a piece of a discontinuous mention: `e1[1/2]`."""
WordIndex = tuple[int, int]
"""Number of a sentence, and of a word in it, from 0."""


@dataclass(frozen=True)
class Mention:
    """Words that refer to someone or something, or one piece of a discontinuous mention."""

    cluster: str
    """The entity; the same for all mentions of it in one document."""
    kind: str
    """Type of the entity; empty if the treebank does not say."""
    words: tuple[WordIndex, ...]
    """In order; empty if the mention covers only empty nodes."""


@dataclass
class _Open:
    cluster: str
    kind: str
    words: list[WordIndex]


def mentions(sentences: Sequence[Sentence]) -> list[Mention]:
    """Read all mentions of a treebank, in the order in which they close; empty for one without `Entity`.

    Raises UsageError, with file and line of the sentence, for an `Entity` without declaration, for malformed brackets,
    for a closing bracket without an opening one, and for a mention that is never closed.
    """
    closed: list[Mention] = []
    waiting: list[_Open] = []
    for number, sentence in enumerate(sentences):
        if number and _document(sentence) != _document(sentences[number - 1]):
            _all_closed(waiting, sentences[number - 1])
        for place, token in _tokens(number, sentence):
            steps = _steps(token.misc.get("Entity", ""), sentence)
            waiting += [opened for opened, _ in steps if opened is not None]
            if place is not None:
                for mention in waiting:
                    mention.words.append(place)
            for opened, ended in steps:
                if ended is not None:
                    closed.append(_closed(waiting, opened, ended, sentence))
    if sentences:
        _all_closed(waiting, sentences[-1])
    return closed


def head_words(sentences: Sequence[Sentence], mentioned: Sequence[Mention]) -> dict[WordIndex, Mention]:
    """Map the head word of each mention to the mention; the head word is the first that depends on a word outside.

    If several mentions share a head word, the shortest counts, because it says what the word itself refers to.
    """
    headed: dict[WordIndex, Mention] = {}
    for mention in sorted(mentioned, key=lambda mention: -len(mention.words)):
        inside = set(mention.words)
        for sentence, word in mention.words:
            if (sentence, sentences[sentence].words[word].head) not in inside:
                headed[sentence, word] = mention
                break
    return headed


def _document(sentence: Sentence) -> tuple[str, int]:
    return sentence.where.rpartition(":")[0], sentence.document


def _tokens(number: int, sentence: Sentence) -> Iterator[tuple[WordIndex | None, Token]]:
    """Yield words and empty nodes in order; the index of an empty node is None."""
    empty_after: dict[int, list[Token]] = {}
    for n_before, token in sentence.empty:
        empty_after.setdefault(n_before, []).append(token)
    for i in range(len(sentence.words) + 1):
        if i:
            yield (number, i - 1), sentence.words[i - 1]
        for token in empty_after.get(i, []):
            yield None, token


def _steps(value: str, sentence: Sentence) -> list[tuple[_Open | None, str | None]]:
    """Parse the brackets of one token: (mention that opens, cluster that ends); one of them may be None."""
    if not value:
        return []
    if not sentence.entity_fields:
        raise UsageError(f"{sentence.where}: Entity={value}, but no `# global.Entity` declares its parts.")
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
    """Map declared names to parts; the last part may contain hyphens, and parts at the end may be missing."""
    return dict(zip(fields, text.split("-", len(fields) - 1), strict=False))


def _closed(waiting: list[_Open], opened: _Open | None, cluster: str, sentence: Sentence) -> Mention:
    """Close a mention: the one given, or else the mention of the cluster that was opened last."""
    ended = opened or next((mention for mention in reversed(waiting) if mention.cluster == cluster), None)
    if ended is None:
        raise UsageError(f"{sentence.where}: an Entity ends with {cluster}), but none of that name is open.")
    waiting[:] = [mention for mention in waiting if mention is not ended]
    return Mention(ended.cluster, ended.kind, tuple(ended.words))


def _all_closed(waiting: Sequence[_Open], last: Sentence) -> None:
    if waiting:
        raise UsageError(f"{last.where}: the Entity {waiting[0].cluster} is still open where the document ends.")
