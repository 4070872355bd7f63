"""Treebanks in the CoNLL-U format of Universal Dependencies: sentences, their words, and where these stand in the text.

The format is that of universaldependencies.org/format.html, with columns of predicates and arguments behind the tenth
as Universal Propositions has them. What does not keep to it is refused with file and line.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emomech.core.errors import UsageError

ENDING = ".conllu"
N_COLUMNS = 10
_NUMBER = re.compile(r"(?P<first>\d+)(?:(?P<kind>[-.])(?P<second>\d+))?")


@dataclass(frozen=True)
class Token:
    """A word of a sentence, or an empty node, which stands in no text; a column that says `_` is empty."""

    form: str
    lemma: str
    upos: str
    """Universal part of speech."""
    xpos: str
    """Part of speech of the language's own tag set."""
    features: Mapping[str, str]
    """Morphology: `Voice` to `Pass`."""
    head: int
    """Which word of the sentence it depends on, from 0; -1 for the root and for an empty node."""
    relation: str
    """Kind of that dependency: `nsubj:pass`."""
    misc: Mapping[str, str]
    start: int
    end: int
    """It is `text[start:end]`; the words of a contraction that are no parts of it all have the span of the whole."""
    predicate: str = ""
    """Roleset, where the word is a predicate."""
    arguments: tuple[str, ...] = ()
    """Its role for each predicate of the sentence, in their order."""


@dataclass(frozen=True)
class Sentence:
    """A sentence with its annotation."""

    text: str
    words: tuple[Token, ...]
    where: str
    """File and line at which it begins."""
    document: int = 0
    """Which document of its file it stands in."""
    entity_fields: tuple[str, ...] = ()
    """What the parts of an `Entity` mean, as the document declares it."""
    empty: tuple[tuple[int, Token], ...] = ()
    """Empty nodes, each with the number of words before it."""


@dataclass(frozen=True)
class _Document:
    number: int = 0
    entity_fields: tuple[str, ...] = ()


def files(path: Path) -> list[Path]:
    """List the treebank's files: one, or all of a folder. Raises UsageError where there are none."""
    if not path.exists():
        raise UsageError(f"treebank {str(path)!r}: there is nothing at {path.absolute()}.")
    found = sorted(path.glob(f"*{ENDING}")) if path.is_dir() else [path]
    if not found:
        raise UsageError(f"treebank {str(path)!r}: holds no {ENDING} file; expected sentences in CoNLL-U.")
    if strange := [file for file in found if file.suffix != ENDING]:
        raise UsageError(f"treebank {str(strange[0])!r}: expected a {ENDING} file, or a folder of them.")
    return found


def read(path: Path) -> list[Sentence]:
    """Read all sentences of a file, or of the files of a folder, in order. Raises UsageError as `parse` does."""
    found = []
    for file in files(path):
        try:
            found += parse(file.read_text(encoding="utf-8"), file.name)
        except UnicodeDecodeError as error:
            raise UsageError(f"{file.name}: byte {error.start} is not UTF-8; CoNLL-U is always UTF-8.") from error
    return found


def parse(text: str, name: str) -> list[Sentence]:
    """Read sentences from text in CoNLL-U.

    Raises UsageError, with `name` and line, for a line that is none, a number out of order, a head that does not
    exist, and a word that does not stand where `# text` has it; for a text without any sentence, too.
    """
    found, document = [], _Document()
    for block in _blocks(text):
        document = _declared(block, document)
        found.append(_sentence(block, name, document))
    if not found:
        raise UsageError(f"{name}: holds no sentence; expected lines of {N_COLUMNS} columns with tabs between.")
    return found


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Divide lines at the blank ones; each with its number."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = line.rstrip("\r")
        if line.strip():
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _declared(block: Sequence[tuple[int, str]], document: _Document) -> _Document:
    """Say which document a sentence stands in, and what its `Entity` means."""
    number, fields = document.number, document.entity_fields
    for _, line in block:
        if line.startswith("# newdoc"):
            number += 1
        elif line.startswith("# global.Entity"):
            fields = tuple(line.partition("=")[2].strip().split("-"))
    return _Document(number, fields)


@dataclass
class _Reading:
    """What is read of a sentence so far."""

    text: str
    where: str
    words: list[Token] = field(default_factory=list)
    empty: list[tuple[int, Token]] = field(default_factory=list)
    position: int = 0
    """Where in the text the next word may begin."""
    whole: tuple[int, int] = (0, 0)
    """Span of the contraction that is read."""
    last: int = 0
    """Number of its last word."""


def _sentence(block: Sequence[tuple[int, str]], name: str, document: _Document) -> Sentence:
    first = block[0][0]
    lines = [(f"{name}:{number}", line) for number, line in block if not line.startswith("#")]
    texts = [line.partition("=")[2].strip() for _, line in block if re.match(r"# text\s*=", line)]
    if not lines:
        raise UsageError(f"{name}:{first}: a sentence without words; expected lines of {N_COLUMNS} columns.")
    rows = [(where, _columns(where, line)) for where, line in lines]
    reading = _Reading(texts[0] if texts else _joined(rows), f"{name}:{first}")
    for where, columns in rows:
        _read_row(reading, where, columns)
    if rest := reading.text[reading.position :].strip():
        raise UsageError(f"{reading.where}: the text goes on with {rest[:40]!r} behind the last word.")
    n = len(reading.words)
    for (where, _), word in zip(((w, c) for w, c in rows if c[0].isdecimal()), reading.words, strict=True):
        if not -1 <= word.head < n:
            raise UsageError(f"{where}: depends on word {word.head + 1}, but the sentence has {n}.")
    return Sentence(
        reading.text,
        tuple(reading.words),
        reading.where,
        document.number,
        document.entity_fields,
        tuple(reading.empty),
    )


def _columns(where: str, line: str) -> list[str]:
    columns = line.split("\t")
    if len(columns) < N_COLUMNS:
        raise UsageError(f"{where}: has {len(columns)} columns, expected {N_COLUMNS} or more with tabs between.")
    if not _NUMBER.fullmatch(columns[0]):
        raise UsageError(f"{where}: begins with {columns[0]!r}, expected a number such as 3, 3-4 or 3.1.")
    return columns


def _joined(rows: Sequence[tuple[str, list[str]]]) -> str:
    """Put a sentence's text together from its words, for a file that does not say it."""
    parts, covered = [], 0
    for _, columns in rows:
        number = _NUMBER.fullmatch(columns[0])
        assert number is not None
        if number["kind"] == "." or (not number["kind"] and int(columns[0]) <= covered):
            continue
        covered = int(number["second"]) if number["kind"] == "-" else covered
        parts += [columns[1], "" if _pairs(columns[9]).get("SpaceAfter") == "No" else " "]
    return "".join(parts).strip()


def _read_row(reading: _Reading, where: str, columns: list[str]) -> None:
    number = _NUMBER.fullmatch(columns[0])
    assert number is not None
    first, expected = int(number["first"]), len(reading.words) + 1
    if number["kind"] == ".":
        reading.empty.append((len(reading.words), _token(where, columns, (reading.position, reading.position))))
        return
    if first != expected:
        raise UsageError(f"{where}: is number {columns[0]}, expected {expected}.")
    if number["kind"] == "-":
        reading.whole, reading.last = _found(reading, where, columns[1]), int(number["second"])
        reading.position = reading.whole[0]
        return
    if first > reading.last:
        span = _found(reading, where, columns[1])
        reading.position = span[1]
    else:
        span = _part(reading, columns[1])
    if first == reading.last:
        reading.position = reading.whole[1]
    reading.words.append(_token(where, columns, span))


def _found(reading: _Reading, where: str, form: str) -> tuple[int, int]:
    """Find where the text goes on with a form."""
    rest = reading.text[reading.position :]
    start = reading.position + len(rest) - len(rest.lstrip())
    if not reading.text.startswith(form, start):
        found = reading.text[start : start + max(10, len(form))]
        raise UsageError(f"{where}: the word is {form!r}, but the text has {found!r} there.")
    return start, start + len(form)


def _part(reading: _Reading, form: str) -> tuple[int, int]:
    """Find a word in the contraction that it is part of; what is no part of it has the span of the whole."""
    start, whole = reading.position, reading.text[: reading.whole[1]]
    if not whole.startswith(form, start):
        return reading.whole
    reading.position = start + len(form)
    return start, reading.position


def _token(where: str, columns: list[str], span: tuple[int, int]) -> Token:
    lemma, upos, xpos, _, head, relation = ("" if column == "_" else column for column in columns[2:8])
    if head and not head.isdecimal():
        raise UsageError(f"{where}: depends on {head!r}, expected the number of a word.")
    further = columns[N_COLUMNS:]
    while further and not further[-1]:
        further.pop()  # a tab at the end of the line
    predicate, *arguments = ("" if column == "_" else column for column in further or [""])
    return Token(
        *(columns[1], lemma, upos, xpos),
        _pairs(columns[5]),
        int(head or 0) - 1,
        relation,
        _pairs(columns[9]),
        *span,
        predicate,
        tuple(arguments),
    )


def _pairs(column: str) -> dict[str, str]:
    """Take `Name=Value|Name=Value` apart."""
    parts = (part.partition("=") for part in column.split("|") if column != "_")
    return {name: value for name, _, value in parts}
