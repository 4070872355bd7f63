"""Which published data set a file or a folder is, told by what stands in it and not by its name alone.

It looks at the first lines, the schema or the names of the files; what it does not know is left to the general reader.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

Format: TypeAlias = Literal["goemotions", "isear", "crowd-envent", "emotion", "meld", "tweeteval", "express", "aipsy"]
LABEL_FILES = ("labels.txt", "emotions.txt")
"""GoEmotions: the names of the label ids, one on each line; the second name is the one in Google's repository."""
_IDS = re.compile(r"\d+(,\d+)*")
_COLUMNS: Sequence[tuple[Format, str, set[str]]] = (
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
"""What the numbers of the labels mean as the authors document them, from 0."""
_FILES: Sequence[tuple[Format, str]] = (
    ("goemotions", "*.tsv"),
    ("crowd-envent", "*.tsv"),
    ("crowd-envent", "*.csv"),
    ("crowd-envent", "corpus/*.tsv"),
    ("isear", "*.csv"),
    ("meld", "*.csv"),
    ("tweeteval", "*_text.txt"),
    *((kind, pattern) for kind in ("goemotions", "emotion", "tweeteval", "aipsy") for pattern in ("*.parquet",)),
)
"""What a folder of each data set holds; EXPRESS looks like any table, and is told by its name alone."""
_TABLES = (".parquet", ".csv", ".json", ".jsonl")


def recognised(path: Path) -> Format | None:
    """Find the format of a published data set's file or folder; None for anything else."""
    if not path.is_dir():
        return _of_file(path)
    return next((kind for kind, _ in _FILES if files(path, kind)), None)


def files(folder: Path, kind: Format) -> list[Path]:
    """List the files of a folder that have the format, by name."""
    if kind == "express":
        return sorted(file for file in folder.iterdir() if file.suffix in _TABLES)
    patterns = [pattern for known, pattern in _FILES if known == kind]
    found = {file for pattern in patterns for file in folder.glob(pattern) if _of_file(file) == kind}
    return sorted(found)


def label_file(file: Path) -> Path | None:
    """Find the file beside a GoEmotions table that names its label ids."""
    return next((file.with_name(name) for name in LABEL_FILES if file.with_name(name).is_file()), None)


def class_names(file: Path) -> dict[str, list[str]]:
    """Names of the numbered classes of a Parquet file, by column, as `datasets` writes them into its schema."""
    import pyarrow.parquet as parquet

    kept = (parquet.read_schema(file).metadata or {}).get(b"huggingface", b"{}")
    features = json.loads(kept).get("info", {}).get("features", {})
    found = {}
    for name, feature in features.items():
        inner = feature[0] if isinstance(feature, list) else feature.get("feature", feature)
        if names := inner.get("names"):
            found[name] = names
    return found


def _of_file(path: Path) -> Format | None:
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


def _of_parquet(path: Path) -> Format | None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        columns = parquet.read_schema(path)
    except (arrow.ArrowInvalid, OSError):
        return None
    names = class_names(path)
    if {"text", "labels"} <= set(columns.names) and "labels" in names:
        return "goemotions"
    if {"text", "emotion", "intensity", "matched_control_id"} <= set(columns.names):
        return "aipsy"
    kinds: Sequence[Format] = ("emotion", "tweeteval")
    return next((kind for kind in kinds if names.get("label") == list(NUMBERED[kind])), None)
