"""Parse CSV and TSV by the rules of RFC 4180, strictly: what a reader would have to guess is refused with its line.

Python's `csv` parses; this module finds the separator, accepts quotes that R escapes by a backslash, and refuses rows
that do not fit the header and quotes that swallow rows.

Example:
    >>> from emomech.data.delimited import parse
    >>> parse("texts.csv", 'text;label\\n"It rained; we left.";sadness\\n', ";")
    (('text', 'label'), [(2, ['It rained; we left.', 'sadness'])])
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeAlias

from emomech.core.errors import UsageError

Row: TypeAlias = tuple[int, list[str]]
"""The line on which a row begins, and its fields."""
SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}
INSTRUCTION = re.compile(r"\ufeff?\"?sep=(.)\"?[^\r\n]*(?:\r\n|\r|\n)", re.IGNORECASE)
"""First line with which Excel names the separator of a file."""
_LINE_END = re.compile(r"\r\n|\r|\n")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_SHORT = 40
"""Characters of a cell that may be a label, at most."""


def parse(name: str, text: str, separator: str, *, first_line: int = 1) -> tuple[tuple[str, ...], list[Row]]:
    """Read the columns and the rows of a table, each row with the line on which it begins.

    `first_line` is the line of the header. Raises UsageError, with the `name` of the file and the line, for a header
    that names a column twice, a row with another number of fields, and a quote that is not closed or swallows rows.
    """
    escaped = '\\"' in text and not _parses(text, separator, escaped=False)
    rows = list(_csv_rows(name, text, separator, escaped, first_line))
    if not rows:
        raise UsageError(f"{name}: has no header; expected a first line that names the columns.")
    (_, header), *body = rows
    columns = tuple(column.strip().lstrip("\ufeff") for column in header)
    check_columns(name, columns)
    for line, row in body:
        if tuple(cell.strip().lstrip("\ufeff") for cell in row) == columns:
            raise UsageError(f"{name}: line {line} repeats the header. Remove it.")
        if len(row) != len(columns):
            raise UsageError(
                f"{name}: line {line} has {len(row)} fields, expected {len(columns)} as in the header "
                f"({', '.join(columns)}). {_advice(row, separator)}"
            )
    _check_quotes(name, body, len(columns), separator)
    return columns, body


def _advice(row: Sequence[str], separator: str) -> str:
    """Say what to do about a row with another number of fields than the header."""
    named = SEPARATORS.get(separator, repr(separator))
    others = [word for other, word in SEPARATORS.items() if other != separator and any(other in cell for cell in row)]
    if len(row) == 1 and others:
        return f"The header is divided by a {named}, this line by a {others[0]}. Use one of them throughout."
    return f"Put quotes around a text that contains a {named}."


def separator_of(name: str, text: str) -> str:
    """Find the separator that the header uses. Raises UsageError if several are possible."""
    header = text.lstrip("\ufeff").replace("\r", "\n").lstrip("\n").split("\n")[0]
    counts = {separator: header.count(separator) for separator in SEPARATORS}
    used = [separator for separator, n in counts.items() if n]
    if len(used) > 1:
        fitting = [s for s in used if {"text", "label"} & {name.strip().strip('"').lower() for name in header.split(s)}]
        if len(fitting) != 1:
            names = " or ".join(SEPARATORS[separator] for separator in used)
            raise UsageError(f"{name}: the header could be separated by {names}. Use one of them only: {header}")
        return fitting[0]
    return used[0] if used else ","


def _reader(text: str, separator: str, escaped: bool) -> Any:
    text = text.replace('\\"', '""') if escaped else text
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)


def _parses(text: str, separator: str, escaped: bool) -> bool:
    csv.field_size_limit(2**31 - 1)
    try:
        return all(True for _ in _reader(text, separator, escaped))
    except csv.Error:
        return False


def _csv_rows(name: str, text: str, separator: str, escaped: bool, first_line: int) -> Iterator[Row]:
    """Yield each row with the line on which it begins; lines without any character are left out."""
    csv.field_size_limit(2**31 - 1)
    reader = _reader(text, separator, escaped)
    line = first_line
    try:
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + first_line
    except csv.Error as error:
        raise UsageError(
            f"{name}: line {line}: a quote opens a field, and the next quote does not close it ({error}). Double "
            'the quotes inside a text, and put quotes around it: "He said ""no""."'
        ) from error


def _check_quotes(name: str, rows: Sequence[Row], n_columns: int, separator: str) -> None:
    """Raise UsageError for a quoted field that contains what looks like rows: its quote was not meant to open it.

    A line inside a field looks like a row if, with the fields of the row before its first line and behind its last, it
    has as many fields as the header. One of its own has to be also a cell of a row, as a label would be, or there is
    no space behind its separators, as there is in prose.
    """
    single = {cell.strip() for _, row in rows for cell in row if not _LINE_END.search(cell) and len(cell) <= _SHORT}
    for line, row in rows:
        for column, cell in enumerate(row):
            lines = _LINE_END.split(cell)
            parts = [part.split(separator) for part in lines] if len(lines) > 1 else []
            around = [column, *[0] * (len(parts) - 2), n_columns - 1 - column] if parts else []
            if any(
                len(part) > 1 and _looks_like_fields(part, single, len(part) + beside == n_columns, part is parts[-1])
                for part, beside in zip(parts, around, strict=True)
            ):
                raise UsageError(
                    f"{name}: line {line}: a quote opens a field that contains whole rows, up to a quote "
                    f"{len(lines) - 1} lines below. If they are rows, remove or double the quote. If they are one "
                    "text, save the table as JSONL or Parquet."
                )


def _looks_like_fields(fields: Sequence[str], cells: Collection[str], is_whole: bool, is_last: bool) -> bool:
    """Whether the parts of a line are cells: as many as in a row, or one at an end that is a cell elsewhere.

    A last line that ends in a separator lost the quote behind it.
    """
    first, last = fields[0], fields[-1]
    if (last and last in cells) or (first and first in cells and not fields[1][:1].isspace()):
        return True
    known = any(cell.strip() and cell.strip() in cells for cell in fields)
    plain = all(f[:1].isalpha() or _NUMBER.fullmatch(f) or (is_last and not f) for f in fields[1:])
    return is_whole and (known or plain)


def check_columns(name: str, columns: Sequence[str]) -> None:
    """Raise UsageError for a column that is named twice."""
    twice = [column for column, n in Counter(columns).items() if n > 1]
    if twice:
        raise UsageError(f"{name}: the header names the column {twice[0]!r} twice. Rename or remove one of them.")
