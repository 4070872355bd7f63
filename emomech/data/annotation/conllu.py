"""Read treebanks in the CoNLL-U format of Universal Dependencies: sentences, and their words with spans in the text.

The format is that of universaldependencies.org/format.html; predicates and arguments may follow the tenth column, as in
Universal Propositions. Violations of the format raise UsageError with file and line.
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
    """A word of a sentence, or an empty node, which is not part of the text; a column with `_` becomes empty."""

    form: str
    lemma: str
    upos: str
    """Universal part of speech."""
    xpos: str
    """Part of speech in the language's own tag set."""
    features: Mapping[str, str]
    """Morphology, such as `Voice` to `Pass`."""
    head: int
    """Number, from 0, of the word that it depends on; -1 for the root and for an empty node."""
    relation: str
    """Relation to the head, such as `nsubj:pass`."""
    misc: Mapping[str, str]
    """Column MISC, such as `SpaceAfter` to `No`."""
    start: int
    end: int
    """The word is `text[start:end]`; words that are not parts of their contraction have the span of the whole."""
    predicate: str = ""
    """Roleset of a predicate; empty for other words."""
    arguments: tuple[str, ...] = ()
    """Role of the word for each predicate of the sentence, in order."""


@dataclass(frozen=True)
class Sentence:
    """A sentence with its annotation."""

    text: str
    words: tuple[Token, ...]
    where: str
    """File and line at which it begins."""
    document: int = 0
    """Number of its document in the file."""
    entity_fields: tuple[str, ...] = ()
    """Meaning of the parts of an `Entity`, as the document declares it."""
    empty: tuple[tuple[int, Token], ...] = ()
    """Empty nodes, each with the number of words before it."""


@dataclass(frozen=True)
class _Document:
    number: int = 0
    entity_fields: tuple[str, ...] = ()


def files(path: Path) -> list[Path]:
    """List the files of a treebank: the file itself, or all of a folder. Raises UsageError if there is none."""
    if not path.exists():
        raise UsageError(f"treebank {str(path)!r}: there is nothing at {path.absolute()}.")
    treebank = sorted(path.glob(f"*{ENDING}")) if path.is_dir() else [path]
    if not treebank:
        raise UsageError(f"treebank {str(path)!r}: holds no {ENDING} file; expected sentences in CoNLL-U.")
    if others := [file for file in treebank if file.suffix != ENDING]:
        raise UsageError(f"treebank {str(others[0])!r}: expected a {ENDING} file, or a folder of them.")
    return treebank


def read(path: Path) -> list[Sentence]:
    """Read all sentences of a file, or of the files of a folder, in order. Raises UsageError as `parse` does."""
    sentences = []
    for file in files(path):
        try:
            sentences += parse(file.read_text(encoding="utf-8"), file.name)
        except UnicodeDecodeError as error:
            raise UsageError(f"{file.name}: byte {error.start} is not UTF-8; CoNLL-U is always UTF-8.") from error
    return sentences


def parse(text: str, name: str) -> list[Sentence]:
    """Parse sentences from text in CoNLL-U.

    Raises UsageError, with `name` and line, for a malformed line, a number out of order, a head that does not exist, a
    word that differs from `# text`, and a text without any sentence.

    Example:
        >>> from emomech.data.annotation.conllu import parse
        >>> rows = ["1 Ed Ed PROPN _ _ 2 nsubj _ _", "2 slept sleep VERB _ _ 0 root _ _"]
        >>> (sentence,) = parse("\\n".join(row.replace(" ", "\\t") for row in rows), "mine.conllu")
        >>> [(word.form, word.relation) for word in sentence.words]
        [('Ed', 'nsubj'), ('slept', 'root')]
    """
    sentences, document = [], _Document()
    for block in _blocks(text):
        document = _document(block, document)
        sentences.append(_sentence(block, name, document))
    if not sentences:
        raise UsageError(f"{name}: holds no sentence; expected lines of {N_COLUMNS} columns with tabs between.")
    return sentences


def _blocks(text: str) -> Iterator[list[tuple[int, str]]]:
    """Split the lines at blank ones; each line comes with its number from 1."""
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


def _document(block: Sequence[tuple[int, str]], document: _Document) -> _Document:
    """Return the document of a sentence: the one before it, updated by the sentence's comments."""
    number, fields = document.number, document.entity_fields
    for _, line in block:
        if line.startswith("# newdoc"):
            number += 1
        elif line.startswith("# global.Entity"):
            fields = tuple(line.partition("=")[2].strip().split("-"))
    return _Document(number, fields)


@dataclass
class _PartialSentence:
    """A sentence of which some rows have been read."""

    text: str
    where: str
    words: list[Token] = field(default_factory=list)
    empty: list[tuple[int, Token]] = field(default_factory=list)
    position: int = 0
    """Place in the text at which the next word may begin."""
    contraction: tuple[int, int] = (0, 0)
    """Span of the latest contraction."""
    contraction_end: int = 0
    """Number of its last word, from 1."""


def _sentence(block: Sequence[tuple[int, str]], name: str, document: _Document) -> Sentence:
    first = block[0][0]
    lines = [(f"{name}:{number}", line) for number, line in block if not line.startswith("#")]
    texts = [line.partition("=")[2].strip() for _, line in block if re.match(r"# text\s*=", line)]
    if not lines:
        raise UsageError(f"{name}:{first}: a sentence without words; expected lines of {N_COLUMNS} columns.")
    rows = [(where, _columns(where, line)) for where, line in lines]
    partial = _PartialSentence(texts[0] if texts else _joined(rows), f"{name}:{first}")
    for where, columns in rows:
        _read_row(partial, where, columns)
    if rest := partial.text[partial.position :].strip():
        raise UsageError(f"{partial.where}: the text goes on with {rest[:40]!r} after the last word.")
    n = len(partial.words)
    for (where, _), word in zip(((w, c) for w, c in rows if c[0].isdecimal()), partial.words, strict=True):
        if not -1 <= word.head < n:
            raise UsageError(f"{where}: depends on word {word.head + 1}, but the sentence has {n}.")
    return Sentence(
        partial.text,
        tuple(partial.words),
        partial.where,
        document.number,
        document.entity_fields,
        tuple(partial.empty),
    )


def _columns(where: str, line: str) -> list[str]:
    columns = line.split("\t")
    if len(columns) < N_COLUMNS:
        raise UsageError(f"{where}: has {len(columns)} columns, expected {N_COLUMNS} or more with tabs between.")
    if not _NUMBER.fullmatch(columns[0]):
        raise UsageError(f"{where}: begins with {columns[0]!r}, expected a number such as 3, 3-4 or 3.1.")
    return columns


def _joined(rows: Sequence[tuple[str, list[str]]]) -> str:
    """Join a sentence's words to its text, for a file without `# text`."""
    parts, covered = [], 0
    for _, columns in rows:
        number = _NUMBER.fullmatch(columns[0])
        assert number is not None
        if number["kind"] == "." or (not number["kind"] and int(columns[0]) <= covered):
            continue
        covered = int(number["second"]) if number["kind"] == "-" else covered
        parts += [columns[1], "" if _pairs(columns[9]).get("SpaceAfter") == "No" else " "]
    return "".join(parts).strip()


def _read_row(partial: _PartialSentence, where: str, columns: list[str]) -> None:
    number = _NUMBER.fullmatch(columns[0])
    assert number is not None
    first, expected = int(number["first"]), len(partial.words) + 1
    if number["kind"] == ".":
        partial.empty.append((len(partial.words), _token(where, columns, (partial.position, partial.position))))
        return
    if first != expected:
        raise UsageError(f"{where}: is number {columns[0]}, expected {expected}.")
    if number["kind"] == "-":
        partial.contraction, partial.contraction_end = _next_span(partial, where, columns[1]), int(number["second"])
        partial.position = partial.contraction[0]
        return
    if first > partial.contraction_end:
        span = _next_span(partial, where, columns[1])
        partial.position = span[1]
    else:
        span = _span_in_contraction(partial, columns[1])
    if first == partial.contraction_end:
        partial.position = partial.contraction[1]
    partial.words.append(_token(where, columns, span))


def _next_span(partial: _PartialSentence, where: str, form: str) -> tuple[int, int]:
    """Return the span of a form, which has to come next in the text."""
    rest = partial.text[partial.position :]
    start = partial.position + len(rest) - len(rest.lstrip())
    if not partial.text.startswith(form, start):
        actual = partial.text[start : start + max(10, len(form))]
        raise UsageError(f"{where}: the word is {form!r}, but the text has {actual!r} there.")
    return start, start + len(form)


def _span_in_contraction(partial: _PartialSentence, form: str) -> tuple[int, int]:
    """Return the span of a word inside its contraction; a word that is not part of it has the span of the whole."""
    start, text = partial.position, partial.text[: partial.contraction[1]]
    if not text.startswith(form, start):
        return partial.contraction
    partial.position = start + len(form)
    return start, partial.position


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
    """Split `Name=Value|Name=Value`."""
    parts = (part.partition("=") for part in column.split("|") if column != "_")
    return {name: value for name, _, value in parts}
