"""Rows of published data sets, read from the files as their authors give them away.

One reader for each format; each yields the text and its labels in the set's own words, and says where they stand. What
is not as the format has it, is an error that names file and line.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.core.errors import UsageError
from emomech.data.masking import MASK
from emomech.data.published.formats import LABEL_FILES, NUMBERED, Format, class_names, label_file

if TYPE_CHECKING:
    import pandas as pd


ISEAR = ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt")
"""Emotions of ISEAR by their number, from 1."""
MASK_TOKEN = "<mask>"
"""What stands in EXPRESS in place of the emotion word."""
_C1 = {code: bytes([code]).decode("cp1252", errors="ignore") or None for code in range(0x80, 0xA0)}
"""Control characters that are Windows punctuation, once taken for Latin-1 (MELD has many)."""
_NO_ANSWER = re.compile(
    r"\W*(no (response|description|answer)|none|blank|nothing|not applicable|same as( in)? \w+)\W*", re.IGNORECASE
)
"""What ISEAR has in place of a text where somebody could tell no such situation, or none but one told before."""
_EXPRESS_TEXT = ("masked_text", "text", "context", "input", "post", "content")
_EXPRESS_LABEL = ("label", "emotion", "masked_emotion", "answer", "target", "output", "labels")


@dataclass(frozen=True)
class Row:
    """One text of a data set."""

    text: str
    labels: tuple[str, ...]
    """In the set's own words; none, one or several."""
    where: str
    """File and line, or row from 1."""
    item_type: str = ""
    cluster: str = ""
    """What texts share that are not independent: their author, dialogue, or matched pair."""


def rows(file: Path, kind: Format) -> Iterator[Row]:
    """Read a file in its format. Raises UsageError that names file and line for what is not as the format has it."""
    return _READERS[kind](file)


def _goemotions(file: Path) -> Iterator[Row]:
    """Text, label ids and comment id between tabs, or a Parquet table of `datasets`."""
    if file.suffix == ".parquet":
        yield from _numbered(file, "goemotions", "labels")
        return
    beside = label_file(file)
    if beside is None:
        raise UsageError(f"{file.name}: its label ids have no names; put {' or '.join(LABEL_FILES)} beside it.")
    names = _decoded(beside, "utf-8").split()
    for line, content in enumerate(_decoded(file, "utf-8").split("\n"), 1):
        if not content.strip():
            continue
        where = f"{file.name}, line {line}"
        cells = content.rstrip("\r").split("\t")
        if len(cells) != 3:
            raise UsageError(f"{where}: has {len(cells)} columns, expected text, label ids and comment id.")
        yield Row(cells[0].strip(), tuple(_named(number, names, where) for number in cells[1].split(",")), where)


def _isear(file: Path) -> Iterator[Row]:
    """The data base's export with `|` between 40 columns and more, or a table of `emotion` and `content`.

    A `|` in the free text is one of the text, since all columns after it are two.
    """
    lines = _decoded(file, "utf-8", "cp1252").translate(_C1).split("\n")
    if "|" not in lines[0]:
        for where, row in _table(file, ",", "content", "emotion"):
            yield Row(_isear_text(row["content"]), (row["emotion"].strip().lower(),), where)
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
        told = _isear_text("|".join(cells[text : len(cells) - after]))
        yield Row(told, (_isear_label(cells[emotion], where),), where, cluster=f"subject {cells[0].strip()}")


def _isear_text(written: str) -> str:
    """Join the lines of an answer, whose ends stand there as `á`; empty for what is no answer."""
    told = re.sub(r"\s+(á(\s+|$))?", " ", written.strip().strip('"')).strip()
    return "" if _NO_ANSWER.fullmatch(told) else told


def _isear_label(cell: str, where: str) -> str:
    number = cell.strip().strip('"')
    if not number.isdigit() or not 1 <= int(number) <= len(ISEAR):
        raise UsageError(f"{where}: EMOT is {number!r}, expected 1 to {len(ISEAR)}.")
    return ISEAR[int(number) - 1]


def _crowd_envent(file: Path) -> Iterator[Row]:
    """The generation table: a text and the emotion that its writer was asked to remember."""
    for where, row in _table(file, "\t" if file.suffix == ".tsv" else ",", "generated_text", "emotion"):
        writer = row.get("prolific_id", "").strip()
        label = row["emotion"].strip().lower().replace(" ", "-")
        yield Row(row["generated_text"].strip(), (label,), where, cluster=f"writer {writer}" if writer else "")


def _emotion(file: Path) -> Iterator[Row]:
    """The table of dair-ai/emotion."""
    yield from _numbered(file, "emotion", "label")


def _meld(file: Path) -> Iterator[Row]:
    """One utterance in each row; those of one dialogue belong together."""
    for where, row in _table(file, ",", "Utterance", "Emotion", "Dialogue_ID"):
        labels, dialogue = (row["Emotion"].strip().lower(),), f"{file.stem} {row['Dialogue_ID']}"
        yield Row(row["Utterance"].strip(), labels, where, cluster=dialogue)


def _tweeteval(file: Path) -> Iterator[Row]:
    """A file of texts and one of label numbers, with `mapping.txt` beside them, or a Parquet table of `datasets`."""
    if file.suffix == ".parquet":
        yield from _numbered(file, "tweeteval", "label")
        return
    mapping, beside = file.with_name("mapping.txt"), file.with_name(file.name.replace("_text.txt", "_labels.txt"))
    if not mapping.is_file():
        raise UsageError(f"{file.name}: its label numbers have no names; put mapping.txt beside it.")
    names = [line.split("\t")[-1].strip() for line in _decoded(mapping, "utf-8").split("\n") if line.strip()]
    texts, numbers = (_decoded(part, "utf-8").rstrip("\n").split("\n") for part in (file, beside))
    if len(texts) != len(numbers):
        raise UsageError(f"{file.name}: has {len(texts)} lines, but {beside.name} has {len(numbers)}.")
    for line, (text, number) in enumerate(zip(texts, numbers, strict=True), 1):
        yield Row(text.strip(), (_named(number, names, f"{beside.name}, line {line}"),), f"{file.name}, line {line}")


def _express(file: Path) -> Iterator[Row]:
    """A post in which `<mask>` stands for the emotion word that its author used."""
    frame = _frame(file)
    text = next((c for c in _EXPRESS_TEXT if c in frame and frame[c].astype(str).str.contains(MASK_TOKEN).any()), None)
    label = next((name for name in _EXPRESS_LABEL if name in frame), None)
    if text is None or label is None:
        raise UsageError(
            f"{file.name}: has the columns {list(frame.columns)}, expected a text with {MASK_TOKEN} and a label, named "
            f"{'/'.join(_EXPRESS_TEXT)} and {'/'.join(_EXPRESS_LABEL)}. Rename them."
        )
    for row, (written, named) in enumerate(zip(frame[text].fillna(""), frame[label], strict=True), 1):
        labels = [named] if isinstance(named, str | float | int) else list(named)
        told = str(written).replace(MASK_TOKEN, MASK).strip()
        yield Row(told, tuple(str(one).strip().lower() for one in labels), f"{file.name}, row {row}")


def _aipsy(file: Path) -> Iterator[Row]:
    """A vignette and its matched control make a pair; a text of no intensity is neutral, whatever it is matched to."""
    records = _frame(file).fillna("").astype(str).to_dict("records")
    for number, row in enumerate(records, 1):
        label = "neutral" if row["intensity"] == "none" else row["emotion"].strip().lower()
        pair = min(filter(None, (row.get("id", ""), row["matched_control_id"])), default="")
        yield Row(row["text"].strip(), (label,), f"{file.name}, row {number}", file.stem, pair)


_READERS: Mapping[Format, Callable[[Path], Iterator[Row]]] = {
    "goemotions": _goemotions,
    "isear": _isear,
    "crowd-envent": _crowd_envent,
    "emotion": _emotion,
    "meld": _meld,
    "tweeteval": _tweeteval,
    "express": _express,
    "aipsy": _aipsy,
}


def _numbered(file: Path, kind: Format, column: str) -> Iterator[Row]:
    """Read a Parquet table whose labels are numbers of the classes that its schema names, or else of the documented."""
    frame = _frame(file)
    if lacking := [name for name in ("text", column) if name not in frame]:
        raise UsageError(
            f"{file.name}: has the columns {list(frame.columns)}, expected {', '.join(lacking)} among them."
        )
    names = class_names(file).get(column) or NUMBERED[kind]
    for row, (text, found) in enumerate(zip(frame["text"], frame[column], strict=True), 1):
        where = f"{file.name}, row {row}"
        numbers: Iterable[object] = found if column == "labels" else [found]
        yield Row(str(text).strip(), tuple(_named(str(number), names, where) for number in numbers), where)


def _named(number: str, names: Sequence[str], where: str) -> str:
    if not number.strip().isdigit() or int(number) >= len(names):
        raise UsageError(f"{where}: has the label {number.strip()!r}, expected a number from 0 to {len(names) - 1}.")
    return names[int(number)]


def _table(file: Path, separator: str, *needed: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Read a table with a header, line by line: where each row ends, and its cells by column."""
    reader = csv.reader(io.StringIO(_decoded(file, "utf-8", "cp1252").translate(_C1)), delimiter=separator)
    columns = next(reader, [])
    if lacking := [name for name in needed if name not in columns]:
        raise UsageError(f"{file.name}, line 1: has the columns {columns}, expected {', '.join(lacking)} among them.")
    for cells in reader:
        where = f"{file.name}, line {reader.line_num}"
        if cells and len(cells) != len(columns):
            raise UsageError(f"{where}: has {len(cells)} columns, expected {len(columns)}: {', '.join(columns)[:80]}.")
        if cells:
            yield where, dict(zip(columns, cells, strict=True))


def _frame(file: Path) -> "pd.DataFrame":
    import pandas as pd

    readers: Mapping[str, Callable[..., Any]] = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    try:
        if file.suffix in (".json", ".jsonl"):
            return pd.read_json(file, lines=file.suffix == ".jsonl")
        return readers[file.suffix](file)
    except (ValueError, OSError, KeyError) as error:
        raise UsageError(f"{file.name}: cannot be read as {file.suffix[1:] or 'a table'}: {error}") from error


def _decoded(file: Path, *encodings: str) -> str:
    """Decode a file in the first encoding that fits all of it; where none does, UsageError names the line."""
    content = file.read_bytes().replace(b"\r\n", b"\n")
    for encoding in encodings:
        try:
            return content.decode(encoding).removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
    raise UsageError(f"{file.name}, line {line}: has bytes that are not {' or '.join(encodings)}. Save it as UTF-8.")
