"""Read published data sets from the files that their authors distribute.

Each format has one reader, which yields texts with their labels in the data set's own words, and their file and line.
Anything that does not conform to the format raises UsageError with file and line.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emomech.core.errors import UsageError
from emomech.data import tables
from emomech.data.masking import MASK
from emomech.data.published.formats import LABEL_FILES, NUMBERED, PublishedFormat, class_names, label_file

if TYPE_CHECKING:
    import pandas as pd


ISEAR = ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt")
"""Emotions of ISEAR, by their number from 1."""
MASK_TOKEN = "<mask>"
"""Replacement of the emotion word in EXPRESS."""
_C1 = {code: bytes([code]).decode("cp1252", errors="ignore") or None for code in range(0x80, 0xA0)}
"""Control characters that are Windows punctuation misread as Latin-1 (MELD has many)."""
_NO_ANSWER = re.compile(
    r"\W*(no (response|description|answer)|none|blank|nothing|not applicable|same as( in)? \w+)\W*", re.IGNORECASE
)
"""Entries of ISEAR in place of a text: no such situation, or the same one as before."""
_EXPRESS_TEXT = ("masked_text", "text", "context", "input", "post", "content")
_EXPRESS_LABEL = ("label", "emotion", "masked_emotion", "answer", "target", "output", "labels")


@dataclass(frozen=True)
class PublishedRow:
    """One text of a data set."""

    text: str
    labels: tuple[str, ...]
    """In the data set's own words; may be empty or several."""
    where: str
    """File and line, or file and row from 1."""
    item_type: str = ""
    cluster: str = ""
    """Shared by texts that are not independent: author, dialogue, or matched pair."""
    identifier: str = ""
    """The data set's own name of the text, such as the id of a comment; empty if it has none."""


def rows(file: Path, kind: PublishedFormat) -> Iterator[PublishedRow]:
    """Yield the rows of a file. Raises UsageError, with file and line, for anything that the format does not allow."""
    return _READERS[kind](file)


def _goemotions(file: Path) -> Iterator[PublishedRow]:
    """Read text, label ids and comment id, separated by tabs, or a Parquet table of `datasets`."""
    if file.suffix == ".parquet":
        yield from _numbered(file, "goemotions", "labels")
        return
    names_file = label_file(file)
    if names_file is None:
        raise UsageError(f"{file.name}: its label ids have no names; put {' or '.join(LABEL_FILES)} beside it.")
    names = _decoded(names_file, "utf-8").split()
    for line, content in enumerate(_decoded(file, "utf-8").split("\n"), 1):
        if not content.strip():
            continue
        where = f"{file.name}, line {line}"
        cells = content.rstrip("\r").split("\t")
        if len(cells) != 3:
            raise UsageError(f"{where}: has {len(cells)} columns, expected text, label ids and comment id.")
        labels = tuple(_label_name(number, names, where) for number in cells[1].split(","))
        yield PublishedRow(cells[0].strip(), labels, where, identifier=cells[2].strip())


def _isear(file: Path) -> Iterator[PublishedRow]:
    """Read the database export, with 40 or more columns separated by `|`, or a table of `emotion` and `content`.

    A `|` inside the free text belongs to the text: the columns are counted from both ends of the line.
    """
    lines = _decoded(file, "utf-8", "cp1252").translate(_C1).split("\n")
    if "|" not in lines[0]:
        for where, row in _table(file, ",", "content", "emotion"):
            yield PublishedRow(_isear_text(row["content"]), (row["emotion"].strip().lower(),), where)
        return
    columns = [name.strip().strip('"') for name in lines[0].rstrip("\r|").split("|")]
    emotion, text, after = columns.index("EMOT"), columns.index("SIT"), len(columns) - columns.index("SIT") - 1
    for line, content in enumerate(lines[1:], 2):
        where, cells = f"{file.name}, line {line}", content.rstrip("\r").split("|")
        if not content.strip():
            continue
        cells = cells[:-1] if len(cells) > len(columns) and not cells[-1].strip() else cells
        if len(cells) < len(columns):
            raise UsageError(f"{where}: has {len(cells)} columns, expected {len(columns)}.")
        answer = _isear_text("|".join(cells[text : len(cells) - after]))
        yield PublishedRow(answer, (_isear_label(cells[emotion], where),), where, cluster=f"subject {cells[0].strip()}")


def _isear_text(cell: str) -> str:
    """Join the lines of an answer, whose line ends are written `á`; empty if it is no answer."""
    answer = re.sub(r"\s+(á(\s+|$))?", " ", cell.strip().strip('"')).strip()
    return "" if _NO_ANSWER.fullmatch(answer) else answer


def _isear_label(cell: str, where: str) -> str:
    number = cell.strip().strip('"')
    if not number.isdigit() or not 1 <= int(number) <= len(ISEAR):
        raise UsageError(f"{where}: EMOT is {number!r}, expected 1 to {len(ISEAR)}.")
    return ISEAR[int(number) - 1]


def _crowd_envent(file: Path) -> Iterator[PublishedRow]:
    """Read the generation table: a text, and the emotion that its writer was asked to remember."""
    for where, row in _table(file, "\t" if file.suffix == ".tsv" else ",", "generated_text", "emotion"):
        writer = row.get("prolific_id", "").strip()
        label = row["emotion"].strip().lower().replace(" ", "-")
        yield PublishedRow(row["generated_text"].strip(), (label,), where, cluster=f"writer {writer}" if writer else "")


def _emotion(file: Path) -> Iterator[PublishedRow]:
    """Read the table of dair-ai/emotion."""
    yield from _numbered(file, "emotion", "label")


def _meld(file: Path) -> Iterator[PublishedRow]:
    """Read one utterance per row; the utterances of a dialogue are a cluster."""
    for where, row in _table(file, ",", "Utterance", "Emotion", "Dialogue_ID"):
        labels, dialogue = (row["Emotion"].strip().lower(),), f"{file.stem} {row['Dialogue_ID']}"
        yield PublishedRow(row["Utterance"].strip(), labels, where, cluster=dialogue)


def _tweeteval(file: Path) -> Iterator[PublishedRow]:
    """Read a file of texts and one of label numbers, named by `mapping.txt`, or a Parquet table of `datasets`."""
    if file.suffix == ".parquet":
        yield from _numbered(file, "tweeteval", "label")
        return
    mapping, labels = file.with_name("mapping.txt"), file.with_name(file.name.replace("_text.txt", "_labels.txt"))
    if not mapping.is_file():
        raise UsageError(f"{file.name}: its label numbers have no names; put mapping.txt beside it.")
    names = [line.split("\t")[-1].strip() for line in _decoded(mapping, "utf-8").split("\n") if line.strip()]
    texts, numbers = (_decoded(part, "utf-8").rstrip("\n").split("\n") for part in (file, labels))
    if len(texts) != len(numbers):
        raise UsageError(f"{file.name}: has {len(texts)} lines, but {labels.name} has {len(numbers)}.")
    for line, (text, number) in enumerate(zip(texts, numbers, strict=True), 1):
        yield PublishedRow(
            text.strip(), (_label_name(number, names, f"{labels.name}, line {line}"),), f"{file.name}, line {line}"
        )


def _express(file: Path) -> Iterator[PublishedRow]:
    """Read posts in which `<mask>` replaces the emotion word that the author used."""
    frame = _frame(file)
    text = next((c for c in _EXPRESS_TEXT if c in frame and frame[c].astype(str).str.contains(MASK_TOKEN).any()), None)
    label = next((name for name in _EXPRESS_LABEL if name in frame), None)
    if text is None or label is None:
        raise UsageError(
            f"{file.name}: has the columns {list(frame.columns)}, expected a text with {MASK_TOKEN} and a label, named "
            f"{'/'.join(_EXPRESS_TEXT)} and {'/'.join(_EXPRESS_LABEL)}. Rename them."
        )
    for row, (post, cell) in enumerate(zip(frame[text].fillna(""), frame[label], strict=True), 1):
        labels = [cell] if isinstance(cell, str | float | int) else list(cell)
        masked = str(post).replace(MASK_TOKEN, MASK).strip()
        yield PublishedRow(masked, tuple(str(name).strip().lower() for name in labels), f"{file.name}, row {row}")


def _aipsy(file: Path) -> Iterator[PublishedRow]:
    """Read vignettes; one and its matched control are a cluster, and a text without intensity is neutral."""
    records = _frame(file).fillna("").astype(str).to_dict("records")
    for number, row in enumerate(records, 1):
        label = "neutral" if row["intensity"] == "none" else row["emotion"].strip().lower()
        pair = min(filter(None, (row.get("id", ""), row["matched_control_id"])), default="")
        yield PublishedRow(row["text"].strip(), (label,), f"{file.name}, row {number}", file.stem, pair)


def _sample(file: Path) -> Iterator[PublishedRow]:
    """Read a sample that ships with the package, see `sampling`."""
    for where, row in _table(file, ",", "text", "label", "id"):
        yield PublishedRow(row["text"], (row["label"],), where, identifier=row["id"])


_READERS: Mapping[PublishedFormat, Callable[[Path], Iterator[PublishedRow]]] = {
    "goemotions": _goemotions,
    "isear": _isear,
    "crowd-envent": _crowd_envent,
    "emotion": _emotion,
    "meld": _meld,
    "tweeteval": _tweeteval,
    "express": _express,
    "aipsy": _aipsy,
    "sample": _sample,
}


def _numbered(file: Path, kind: PublishedFormat, column: str) -> Iterator[PublishedRow]:
    """Read a Parquet table with numbered labels; the schema names the classes, otherwise the documented names hold."""
    frame = _frame(file)
    _require(file.name, frame.columns, ("text", column))
    names = class_names(file).get(column) or NUMBERED[kind]
    identifiers = frame["id"] if "id" in frame else [""] * len(frame)
    for row, (text, cell, identifier) in enumerate(zip(frame["text"], frame[column], identifiers, strict=True), 1):
        where = f"{file.name}, row {row}"
        numbers: Iterable[object] = cell if column == "labels" else [cell]
        yield PublishedRow(
            "" if text is None else str(text).strip(),
            tuple(_label_name(str(number), names, where) for number in numbers),
            where,
            identifier=str(identifier),
        )


def _label_name(number: str, names: Sequence[str], where: str) -> str:
    if not number.strip().isdigit() or int(number) >= len(names):
        raise UsageError(f"{where}: has the label {number.strip()!r}, expected a number from 0 to {len(names) - 1}.")
    return names[int(number)]


def _table(file: Path, separator: str, *required: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Read a table with a header: for each row, the line at which it begins and its cells by column."""
    table = tables.delimited(file.name, _decoded(file, "utf-8", "cp1252").translate(_C1), separator)
    _require(file.name, table.columns, required)
    for place, cells in zip(table.places, table.rows, strict=True):
        yield f"{file.name}, {place}", dict(zip(table.columns, cells, strict=True))


def _require(name: str, columns: Iterable[str], required: Iterable[str]) -> None:
    """Raise UsageError for a table that lacks a column."""
    columns = list(columns)
    if missing := [column for column in required if column not in columns]:
        raise UsageError(f"{name}: has the columns {columns}, expected {', '.join(missing)} among them.")


def _frame(file: Path) -> "pd.DataFrame":
    """Read a table whose cells may be lists, as in Parquet and JSON; nothing is taken for a number or a date."""
    import pandas as pd
    import pyarrow.parquet as parquet

    if file.suffix == ".csv":
        table = tables.read(file)
        return pd.DataFrame(table.rows, columns=list(table.columns), dtype=object)
    try:
        if file.suffix == ".parquet":
            return pd.DataFrame(parquet.read_table(file).to_pydict(), dtype=object)
        content = _decoded(file, "utf-8")
        rows = (
            map(json.loads, filter(str.strip, content.split("\n"))) if file.suffix == ".jsonl" else json.loads(content)
        )
        return pd.DataFrame(list(rows), dtype=object)
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise UsageError(f"{file.name}: cannot be read as {file.suffix[1:] or 'a table'}: {error}") from error


def _decoded(file: Path, *encodings: str) -> str:
    """Decode a file in the first encoding that fits; if none does, raise UsageError with the faulty line."""
    content = file.read_bytes().replace(b"\r\n", b"\n")
    for encoding in encodings:
        try:
            return content.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
    raise UsageError(f"{file.name}, line {line}: has bytes that are not {' or '.join(encodings)}. Save it as UTF-8.")
