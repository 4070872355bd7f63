"""Read a user's table exactly as a person sees it: every row, every cell as text, or an error with file and line.

CSV is read by the rules of RFC 4180, strictly. A reader that guesses would turn a stray comma or an open quote into
fewer, other or shorter texts without a word. Cells are never taken for numbers or missing values, so that `NA` and
`007` stay what they are.

Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> from emomech.data.tables import read
    >>> file = Path(tempfile.mkdtemp()) / "texts.csv"
    >>> _ = file.write_text('text;label\\n"It rained; we left.";sadness\\n', encoding="utf-8")
    >>> read(file).rows
    (('It rained; we left.', 'sadness'),)
"""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emomech.core.errors import UsageError
from emomech.data.published.formats import class_names

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""Byte order marks at the start of a file, and the encoding that each announces."""
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
"""One half of a pair of code units, which no text may hold alone; JSON can write it."""
_INSTRUCTION = re.compile(r"\ufeff?\"?sep=(.)\"?[^\n]*\r?\n", re.IGNORECASE)
"""First line with which Excel names the separator of a file."""
_SHORT = 40
"""Characters of a cell that may be a label, at most."""


@dataclass(frozen=True)
class Table:
    """A table of texts: the names of its columns, its rows, and where each row is in the file."""

    name: str
    """Name of the file."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    places: tuple[str, ...]
    """Place of each row in the file, such as "line 3"."""
    numeric: frozenset[str] = frozenset()
    """Columns that the file stores as numbers without names."""

    def column(self, name: str) -> list[str]:
        """Cells of a column, in the order of the rows. Raises ValueError for a name that the table does not have."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]


def read(path: Path) -> Table:
    """Read a CSV, TSV, JSONL or Parquet file.

    Separator and encoding of a CSV file are recognised by its header and its byte order mark. Numbered classes of a
    Parquet file become the names that its schema gives them. Raises UsageError that names the file, and the line where
    there is one: an unknown ending or encoding, no header or one that names a column twice, a row with another number
    of fields, a quote that is not closed or that swallows rows, a cell that is not text.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path.name}: is {suffix or 'without an ending'}, expected {', '.join(SUFFIXES)}.")
    try:
        if suffix == ".parquet":
            return _parquet(path)
        text = decoded(path)
    except OSError as error:
        raise UsageError(f"{path.name}: cannot be read: {error.strerror or error}") from error
    if not text.strip():
        raise UsageError(f"{path.name}: is empty; expected the columns text and label.")
    if suffix == ".jsonl":
        return _jsonl(path, text)
    instruction = _INSTRUCTION.match(text)
    rest = text[instruction.end() :] if instruction else text
    separator = instruction[1] if instruction else "\t" if suffix == ".tsv" else _separator(path.name, rest)
    return delimited(path.name, rest, separator, first_line=2 if instruction else 1)


def decoded(path: Path) -> str:
    """Decode a text file by its byte order mark, or as UTF-8. Raises UsageError for anything else."""
    data = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{path.name}: line {line}, byte {error.start} is not {encoding.upper()}. Save the file as UTF-8, for "
            f"example by: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8{path.suffix}"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UsageError(f"{path.name}: line {line} contains a null character. Save the file as UTF-8.")
    return text


def delimited(name: str, text: str, separator: str, *, first_line: int = 1) -> Table:
    """Read the text of a table whose fields are divided by a separator, strictly; `first_line` is that of the header.

    Raises UsageError as `read` does, with the `name` of the file.
    """
    escaped = '\\"' in text and not _parses(text, separator, escaped=False)
    rows = list(_csv_rows(name, text, separator, escaped, first_line))
    if not rows:
        raise UsageError(f"{name}: has no header; expected a first line that names the columns.")
    (_, header), *body = rows
    columns = tuple(column.strip().lstrip("\ufeff") for column in header)
    _check_header(name, columns)
    for line, row in body:
        if len(row) != len(columns):
            raise UsageError(
                f"{name}: line {line} has {len(row)} fields, expected {len(columns)} as in the header "
                f"({', '.join(columns)}). {_advice(row, separator)}"
            )
    _check_quotes(name, body, len(columns), separator)
    return Table(name, columns, tuple(tuple(row) for _, row in body), tuple(f"line {line}" for line, _ in body))


def _advice(row: Sequence[str], separator: str) -> str:
    """Say what to do about a row with another number of fields than the header."""
    named = SEPARATORS.get(separator, repr(separator))
    others = [word for other, word in SEPARATORS.items() if other != separator and any(other in cell for cell in row)]
    if len(row) == 1 and others:
        return f"The header is divided by a {named}, this line by a {others[0]}. Use one of them throughout."
    return f"Put quotes around a text that contains a {named}."


def _separator(name: str, text: str) -> str:
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
    options: dict[str, Any] = {"escapechar": "\\", "doublequote": False} if escaped else {}
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, **options)


def _parses(text: str, separator: str, escaped: bool) -> bool:
    csv.field_size_limit(2**31 - 1)
    try:
        return all(True for _ in _reader(text, separator, escaped))
    except csv.Error:
        return False


def _csv_rows(name: str, text: str, separator: str, escaped: bool, first_line: int) -> Iterator[tuple[int, list[str]]]:
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


def _check_quotes(name: str, rows: Sequence[tuple[int, list[str]]], n_columns: int, separator: str) -> None:
    """Raise UsageError for a quoted field that contains what looks like rows: its quote was not meant to open it.

    A line inside a field looks like a row if, with the fields of the row before its first line and behind its last, it
    has as many fields as the header. One of its own has to be also a cell of a row, as a label would be, or there is
    no space behind its separators, as there is in prose.
    """
    single = {cell.strip() for _, row in rows for cell in row if "\n" not in cell and len(cell) <= _SHORT} - {""}
    for line, row in rows:
        for column, cell in enumerate(row):
            parts = [part.split(separator) for part in cell.split("\n")] if "\n" in cell else []
            around = [column, *[0] * (len(parts) - 2), n_columns - 1 - column] if parts else []
            if any(
                len(part) > 1
                and len(part) + beside == n_columns
                and _looks_like_fields(part, single, part is parts[-1])
                for part, beside in zip(parts, around, strict=True)
            ):
                raise UsageError(
                    f"{name}: line {line}: a quote opens a field that contains whole rows, up to a quote "
                    f"{cell.count(chr(10))} lines below. If they are rows, remove or double the quote. If they are one "
                    "text, save the table as JSONL or Parquet."
                )


def _looks_like_fields(fields: Sequence[str], cells: Collection[str], is_last: bool) -> bool:
    """Whether the parts of a line are cells; a last line that ends in a separator lost the quote behind it."""
    known = any(field.strip() in cells for field in fields)
    return known or all(field[:1].isalpha() or (is_last and not field) for field in fields[1:])


def _check_header(name: str, columns: Sequence[str]) -> None:
    """Raise UsageError for a column that is named twice."""
    twice = [column for column, n in Counter(columns).items() if n > 1]
    if twice:
        raise UsageError(f"{name}: the header names the column {twice[0]!r} twice. Rename or remove one of them.")


def _jsonl(path: Path, text: str) -> Table:
    rows: list[tuple[str, dict[str, Any]]] = []
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            row = json.loads(line, object_pairs_hook=_without_repeats)
        except ValueError as error:
            raise UsageError(f"{path.name}: {place} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise UsageError(f'{path.name}: {place} is not an object, expected one such as {{"text": …, "label": …}}.')
        rows.append((place, row))
    columns = tuple(dict.fromkeys(column for _, row in rows for column in row))
    numeric = frozenset(c for c in columns if any(isinstance(row.get(c), int | float) for _, row in rows))
    cells = tuple(tuple(_cell(path.name, place, c, row.get(c)) for c in columns) for place, row in rows)
    return Table(path.name, columns, cells, tuple(place for place, _ in rows), numeric)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [name for name, n in Counter(name for name, _ in pairs).items() if n > 1]
    if twice:
        raise ValueError(f"the field {twice[0]!r} stands in it twice")
    return dict(pairs)


def _cell(name: str, place: str, column: str, value: object) -> str:
    """Write a cell as text; a list of one text is that text. Raises UsageError for other lists and for objects."""
    if value is None or value != value:
        return ""
    if isinstance(value, list | tuple) and len(value) == 1:
        return _cell(name, place, column, value[0])
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError as error:
            raise UsageError(f"{name}: {place} has bytes as {column} that are not UTF-8. Save it as text.") from error
    if isinstance(value, list | tuple | dict):
        raise UsageError(f"{name}: {place} has {value!r} as {column}, expected one text.")
    text = value if isinstance(value, str) else str(value)
    if half := _HALF_CHARACTER.search(text):
        raise UsageError(
            f"{name}: {place} has half a character (U+{ord(half[0]):04X}) as {column}. Save the file as UTF-8 again."
        )
    return text


def _parquet(path: Path) -> Table:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        table, names = parquet.read_table(path), class_names(path)
    except (arrow.ArrowException, ValueError) as error:
        raise UsageError(f"{path.name}: cannot be read as parquet: {error}") from error
    columns = tuple(c for c in table.column_names if not c.startswith("__index_level"))
    _check_header(path.name, columns)
    places = tuple(f"row {number}" for number in range(1, table.num_rows + 1))
    cells, numeric = [], set()
    for column in columns:
        values = table[column].to_pylist()
        if named := names.get(column):
            values = [_named(path.name, place, column, v, named) for place, v in zip(places, values, strict=True)]
        elif any(isinstance(value, int | float) for value in values):
            numeric.add(column)
        cells.append([_cell(path.name, place, column, v) for place, v in zip(places, values, strict=True)])
    rows = tuple(zip(*cells, strict=True)) if cells else ()
    return Table(path.name, columns, rows, places, frozenset(numeric))


def _named(name: str, place: str, column: str, value: object, names: Sequence[str]) -> object:
    """Replace the number of a class by its name; -1, which `datasets` writes for no label, by an empty cell."""
    if isinstance(value, list):
        return [_named(name, place, column, item, names) for item in value]
    if value is None or value == -1:
        return None
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    raise UsageError(f"{name}: {place} has the class {value!r} as {column}, expected 0 to {len(names) - 1}.")
