"""Recognise the published data set that a file or a folder holds, by its content rather than its name.

The first line, the schema or the names of the files decide. Anything else is left to the reader of plain tables
(`emomech.data.corpus.read`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

PublishedFormat: TypeAlias = Literal[
    "goemotions", "isear", "crowd-envent", "emotion", "meld", "tweeteval", "express", "aipsy", "sample"
]
LABEL_FILES = ("labels.txt", "emotions.txt")
"""GoEmotions: files with the names of the label ids, one per line; the second is the one in Google's repository."""
_IDS = re.compile(r"\d+(,\d+)*")
_COLUMNS: Sequence[tuple[PublishedFormat, str, set[str]]] = (
    ("isear", "|", {"EMOT", "SIT"}),
    ("isear", ",", {"emotion", "content"}),
    ("crowd-envent", "\t", {"emotion", "generated_text"}),
    ("crowd-envent", ",", {"emotion", "generated_text"}),
    ("meld", ",", {"Utterance", "Emotion", "Dialogue_ID"}),
)
_GOEMOTIONS = (
    "admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval "
    "disgust embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief "
    "remorse sadness surprise neutral"
)
NUMBERED: Mapping[str, Sequence[str]] = {
    "goemotions": _GOEMOTIONS.split(),
    "emotion": ["sadness", "joy", "love", "anger", "fear", "surprise"],
    "tweeteval": ["anger", "joy", "optimism", "sadness"],
}
"""Meaning of the label numbers from 0, as the authors document them."""
_PATTERNS: Sequence[tuple[PublishedFormat, str]] = (
    ("goemotions", "*.tsv"),
    ("crowd-envent", "*.tsv"),
    ("crowd-envent", "*.csv"),
    ("crowd-envent", "corpus/*.tsv"),
    ("isear", "*.csv"),
    ("meld", "*.csv"),
    ("tweeteval", "*_text.txt"),
    *((kind, pattern) for kind in ("goemotions", "emotion", "tweeteval", "aipsy") for pattern in ("*.parquet",)),
)
"""File names in a folder of each data set; EXPRESS looks like any table, so only its preset's name identifies it."""
_TABLE_SUFFIXES = (".parquet", ".csv", ".json", ".jsonl")


def recognise(path: Path) -> PublishedFormat | None:
    """Return the format of a published data set's file or folder; None for anything else."""
    if not path.is_dir():
        return _of_file(path)
    return next((kind for kind, _ in _PATTERNS if files(path, kind)), None)


def files(folder: Path, kind: PublishedFormat) -> list[Path]:
    """List the files of a folder that have the format, in the order of their names."""
    if kind == "express":
        return sorted(file for file in folder.iterdir() if file.suffix in _TABLE_SUFFIXES)
    patterns = [pattern for known, pattern in _PATTERNS if known == kind]
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if _of_file(file) == kind})


def label_file(file: Path) -> Path | None:
    """Return the file next to a GoEmotions table that names its label ids; None if there is none."""
    return next((file.with_name(name) for name in LABEL_FILES if file.with_name(name).is_file()), None)


def class_names(file: Path) -> dict[str, list[str]]:
    """Return the names of a Parquet file's numbered classes, by column, as `datasets` stores them in the schema."""
    import pyarrow.parquet as parquet

    metadata = (parquet.read_schema(file).metadata or {}).get(b"huggingface", b"{}")
    try:
        info = json.loads(metadata)["info"]["features"]
        features = {str(column): _inner(feature) for column, feature in info.items()}
    except (ValueError, LookupError, TypeError, AttributeError):  # numbers then have no names
        return {}
    names_of = {column: feature.get("names") for column, feature in features.items()}
    return {column: names for column, names in names_of.items() if isinstance(names, list) and names}


def _inner(feature: Any) -> dict[str, Any]:
    """Give the feature of a column, or that of the items of a list; empty for anything else."""
    inner = feature[:1] if isinstance(feature, list) else [feature.get("feature", feature)]
    return next((item for item in inner if isinstance(item, dict)), {})


def _of_file(path: Path) -> PublishedFormat | None:
    if path.suffix == ".parquet":
        return _of_parquet(path)
    if path.name.endswith("_text.txt"):
        labels = path.with_name(path.name.replace("_text.txt", "_labels.txt"))
        return "tweeteval" if labels.is_file() else None
    if path.suffix not in (".csv", ".tsv"):
        return None
    with path.open("rb") as opened:
        first = opened.readline().decode("utf-8-sig", errors="replace").rstrip("\r\n")
    for kind, separator, columns in _COLUMNS:
        if columns <= {name.strip('"') for name in first.split(separator)}:
            return kind
    cells = first.split("\t")
    return "goemotions" if path.suffix == ".tsv" and len(cells) == 3 and _IDS.fullmatch(cells[1]) else None


def _of_parquet(path: Path) -> PublishedFormat | None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        columns = parquet.read_schema(path)
    except (arrow.ArrowInvalid, OSError):
        return None
    names = class_names(path)
    is_list = "labels" in columns.names and arrow.types.is_nested(columns.field("labels").type)
    if "text" in columns.names and is_list and "labels" in names:
        return "goemotions"
    if {"text", "emotion", "intensity", "matched_control_id"} <= set(columns.names):
        return "aipsy"
    kinds: Sequence[PublishedFormat] = ("emotion", "tweeteval")
    return next((kind for kind in kinds if names.get("label") == list(NUMBERED[kind])), None)
