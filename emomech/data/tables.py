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
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.core import strict_json
from emomech.core.errors import UsageError
from emomech.data.delimited import INSTRUCTION, check_columns, parse, separator_of
from emomech.data.published.formats import class_names

if TYPE_CHECKING:
    import pyarrow as arrow

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""Byte order marks at the start of a file, and the encoding that each announces."""
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
"""One half of a pair of code units, which no text may hold alone; JSON can write it."""


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
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Columns whose cells are not all texts, such as lists, and what is wrong with the first of them."""

    def column(self, name: str) -> list[str]:
        """Cells of a column, in the order of the rows.

        Raises ValueError for a name that the table does not have, UsageError for a column whose cells are not texts.
        """
        if problem := self.unreadable.get(name):
            raise UsageError(problem)
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
            return next(_parquet(path, None))
        text = decoded(path)
    except OSError as error:
        raise UsageError(f"{path.name}: cannot be read: {error.strerror or error}") from error
    if not text.strip():
        raise UsageError(f"{path.name}: is empty; expected the columns text and label.")
    if suffix == ".jsonl":
        return _jsonl(path, text)
    instruction = INSTRUCTION.match(text)
    rest = text[instruction.end() :] if instruction else text
    separator = instruction[1] if instruction else "\t" if suffix == ".tsv" else separator_of(path.name, rest)
    return delimited(path.name, rest, separator, first_line=2 if instruction else 1)


def chunks(path: Path, n_rows: int = 4096) -> Iterator[Table]:
    """Read a file as `read` does, as tables of some rows; no more than `n_rows` rows of JSONL or Parquet are in memory.

    A CSV or TSV file is read whole, because a quote may be closed on any later line. Lines and rows are numbered in the
    whole file. Raises UsageError as `read` does, when it comes to the row that is wrong.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            yield from _parquet(path, n_rows)
        elif suffix == ".jsonl" and encoding_of(path) == "utf-8" and path.stat().st_size:
            with path.open("rb") as file:
                for first, lines in zip(count(1, n_rows), iter(lambda: list(islice(file, n_rows)), []), strict=False):
                    yield _jsonl(path, _decode(path, b"".join(lines), "utf-8", first), first)
        else:
            yield read(path)
    except OSError as error:
        raise UsageError(f"{path.name}: cannot be read: {error.strerror or error}") from error


def encoding_of(path: Path) -> str:
    """Return the encoding that a file announces by a byte order mark; UTF-8 without one."""
    with path.open("rb") as file:
        start = file.read(max(len(mark) for mark, _ in _MARKS))
    return next((name for mark, name in _MARKS if start.startswith(mark)), "utf-8")


def decoded(path: Path) -> str:
    """Decode a text file by its byte order mark, or as UTF-8. Raises UsageError for anything else."""
    return _decode(path, path.read_bytes(), encoding_of(path))


def _decode(path: Path, data: bytes, encoding: str, first_line: int = 1) -> str:
    """Decode a part of a file that begins at a line."""
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + first_line
        raise UsageError(
            f"{path.name}: line {line}, byte {error.start} is not {encoding.upper()}. Save the file as UTF-8 with the "
            "program that made it. A file from Windows in a Western European language is converted by: iconv -f "
            f"WINDOWS-1252 -t UTF-8 {path.name} > utf8{path.suffix}"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + first_line
        raise UsageError(f"{path.name}: line {line} contains a null character. Save the file as UTF-8.")
    return text


def delimited(name: str, text: str, separator: str, *, first_line: int = 1) -> Table:
    """Read the text of a table whose fields are divided by a separator, see `delimited.parse`."""
    columns, rows = parse(name, text, separator, first_line=first_line)
    return Table(name, columns, tuple(tuple(row) for _, row in rows), tuple(f"line {line}" for line, _ in rows))


def _jsonl(path: Path, text: str, first_line: int = 1) -> Table:
    rows: list[tuple[str, dict[str, Any]]] = []
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), first_line):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            row = strict_json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path.name}: {place} is not JSON that can be read: {error}") from error
        if not isinstance(row, dict):
            raise UsageError(f'{path.name}: {place} is not an object, expected one such as {{"text": …, "label": …}}.')
        rows.append((place, row))
    columns = tuple(dict.fromkeys(column for _, row in rows for column in row))
    numeric = frozenset(c for c in columns if any(isinstance(row.get(c), int | float) for _, row in rows))
    places = tuple(place for place, _ in rows)
    values = {column: [row.get(column) for _, row in rows] for column in columns}
    return _of_columns(path.name, places, values, numeric)


def _of_columns(
    name: str, places: tuple[str, ...], values: Mapping[str, Sequence[object]], numeric: frozenset[str]
) -> Table:
    """Make a table of the values of each column; a column whose values are no texts is kept as unreadable."""
    unreadable: dict[str, str] = {}
    cells: list[list[str]] = []
    for column, items in values.items():
        try:
            cells.append([_cell(name, place, column, value) for place, value in zip(places, items, strict=True)])
        except UsageError as error:
            unreadable[column] = str(error)
            cells.append([""] * len(places))
    return Table(name, tuple(values), tuple(zip(*cells, strict=True)), places, numeric, unreadable)


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


def _parquet(path: Path, n_rows: int | None) -> Iterator[Table]:
    """Read a Parquet file in tables of `n_rows` rows; None: as one table."""
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        names = class_names(path)
        if n_rows is None:
            yield _of_arrow(path, parquet.read_table(path), names, first_row=1)
            return
        with parquet.ParquetFile(path) as file:
            first = 1
            for batch in file.iter_batches(n_rows):
                yield _of_arrow(path, arrow.Table.from_batches([batch]), names, first)
                first += len(batch)
    except (arrow.ArrowException, ValueError) as error:
        raise UsageError(f"{path.name}: cannot be read as parquet: {error}") from error


def _of_arrow(path: Path, table: "arrow.Table", names: Mapping[str, Sequence[str]], first_row: int) -> Table:
    import pyarrow as arrow

    columns = tuple(c for c in table.column_names if not c.startswith("__index_level"))
    check_columns(path.name, columns)
    places = tuple(f"row {number}" for number in range(first_row, first_row + table.num_rows))
    values: dict[str, Sequence[object]] = {}
    unread: dict[str, str] = {}
    numeric = set()
    for column in columns:
        try:
            values[column] = table[column].to_pylist()
            if named := names.get(column):
                pairs = zip(places, values[column], strict=True)
                values[column] = [_named(path.name, place, column, value, named) for place, value in pairs]
            elif any(isinstance(value, int | float) for value in values[column]):
                numeric.add(column)
        except (UsageError, arrow.ArrowException) as error:
            values[column] = [None] * len(places)
            unread[column] = str(error) if isinstance(error, UsageError) else f"{path.name}: column {column!r}: {error}"
    read_table = _of_columns(path.name, places, values, frozenset(numeric))
    return replace(read_table, unreadable={**read_table.unreadable, **unread})


def _named(name: str, place: str, column: str, value: object, names: Sequence[str]) -> object:
    """Replace the number of a class by its name; -1, which `datasets` writes for no label, by an empty cell."""
    if isinstance(value, list):
        return [_named(name, place, column, item, names) for item in value]
    if value is None or value == -1:
        return None
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    raise UsageError(f"{name}: {place} has the class {value!r} as {column}, expected 0 to {len(names) - 1}.")
