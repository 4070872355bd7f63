"""What is kept of a chapter of an edition besides its tables: from what it was computed, and whether that has changed.

A result is stale if a source file that its analyses import has changed, or if a parameter or a preset has. Comments,
docstrings and layout do not count, nor do the versions of other packages, which are only noted.
"""

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech.book.edition import Profile
from emomech.book.kept.declared import KeptEdition
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import PACKAGE
from emomech.notebook import rule_identity
from emomech.notebook.rule_identity import LOCK, normalised
from emomech.study import kept
from emomech.study.identity import sources_of, versions
from emomech.study.run import PROVENANCE
from emomech.study.spec import StudySpec

NAME = "kept.json"
"""File in the folder of a kept chapter that holds its record."""
_NO_RESULT = ("presets/", "core/", "study/identity.py")
"""Beginnings of the source files that find, fetch, check and report; what they find is compared by preset and hash."""
_RESULT = ("core/devices.py", "core/hook_points.py")
_NO_CHANGE = {"summary", "card", "path", "joins", "made_by", "stored", "parameters", "context"}
"""Fields of presets that describe them, and change no result."""


class Record(BaseModel):
    """From what a chapter of an edition was computed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: Profile
    date: datetime.date
    """The day on which it was computed."""
    seconds: float
    """Seconds that its analyses took."""
    parameters: Mapping[str, Any]
    """Every parameter of the notebook."""
    identity: Mapping[str, Any]
    """Model, SAEs and texts, each with its revision or a hash of its files."""
    presets: Mapping[str, Mapping[str, Any]]
    """The fields of the presets that can change a result."""
    sources: Mapping[str, tuple[str, str]]
    """Each source file below the package: hash of its bytes, and of its code without comments and docstrings."""
    versions: Mapping[str, str]
    commit: str
    rules_date: datetime.date
    """Date of the last entry in `book/rules.lock` on that day."""
    rules_hash: str
    """Hash of `book/rules.lock` on that day."""

    def text(self) -> str:
        """Write the record as JSON."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def read(folder: Path) -> Record:
    """Read the record in the folder of a kept chapter. Raises EmomechError for a file that is not one."""
    file = folder / NAME
    try:
        return Record.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise EmomechError(
            f"{file}: is no record of a kept chapter ({error}). Delete {folder}, and compute the chapter again."
        ) from error


def analyses(folder: Path) -> list[str]:
    """List the modules of the analyses whose tables are in the folder of a chapter."""
    found = sorted(file.parent.relative_to(folder.parent) for file in folder.rglob(PROVENANCE))
    return [kept.module(place) for place in found]


def seconds(folder: Path) -> float:
    """Sum the seconds that the runs in the folder of a chapter took to compute."""
    found = [json.loads(file.read_text(encoding="utf-8"))["seconds"] for file in folder.rglob(PROVENANCE)]
    return round(sum(map(float, found)), 1)


def sources(modules: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Hash every source file that analyses import and that can change a number.

    The hashes are of its bytes, and of its code without comments and docstrings.
    """
    found = {file.relative_to(PACKAGE).as_posix(): file for module in modules for file in sources_of(module)}
    counted = {name: file for name, file in found.items() if not name.startswith(_NO_RESULT) or name in _RESULT}
    return {name: (_bytes(file), _code(file)) for name, file in sorted(counted.items())}


def presets(spec: StudySpec) -> dict[str, dict[str, Any]]:
    """Give the fields of a study's presets that can change a result. Raises UsageError for an unknown name."""
    resolved = spec.resolved
    named = {"model": resolved.model, "corpus": resolved.corpus.preset, "prompt": resolved.prompt}
    named |= {"SAEs": resolved.sae} if resolved.sae else {}
    named |= {"emotions": resolved.emotions} if resolved.emotions else {}
    dumped = {name: preset.model_dump(mode="json", exclude=_NO_CHANGE) for name, preset in named.items()}
    return json.loads(json.dumps(dumped))


def rules_lock() -> tuple[datetime.date, str]:
    """Give the date of the last entry in `book/rules.lock` and the hash of the file."""
    lock = rule_identity.read()
    date = max((entry.date for entries in lock.values() for entry in entries), default=datetime.date.min)
    return date, blake2b(LOCK.read_bytes() if LOCK.exists() else b"", digest_size=16).hexdigest()


def changes(edition: KeptEdition, chapter: str, record: Record) -> list[str]:
    """Say what has changed since a chapter was computed, one phrase each; empty if its tables are still the result."""
    return [*_changed_sources(edition.folder / chapter, record), *_changed_names(edition, chapter, record)]


def _changed_sources(folder: Path, record: Record) -> Iterator[str]:
    files = {name: PACKAGE / name for name in record.sources}
    if all(file.is_file() and _bytes(file) == record.sources[name][0] for name, file in files.items()):
        return
    try:
        now = sources(analyses(folder))
    except (OSError, SyntaxError) as error:
        yield f"the sources cannot be read ({error})"
        return
    for name in sorted(now.keys() | record.sources.keys()):
        if name not in now:
            yield f"{name} is no longer imported"
        elif name not in record.sources:
            yield f"{name} is imported now"
        elif now[name][1] != record.sources[name][1]:
            yield f"{name} has changed"


def _changed_names(edition: KeptEdition, chapter: str, record: Record) -> Iterator[str]:
    """Compare parameters, and the presets of a study that can be looked up here."""
    values = edition.values(chapter, record.profile)
    for name, value in values.items():
        if name not in record.parameters:
            yield f"the parameter {name} is new"
        elif record.parameters[name] != value:
            yield f"{name} is {value!r}, and was {record.parameters[name]!r}"
    try:
        now = presets(StudySpec.of(values))
    except UsageError:
        return  # the names are compared above; what they stand for is not on this machine
    for preset, fields in record.presets.items():
        for name in fields.keys() & now.get(preset, {}).keys():
            if fields[name] != now[preset][name]:
                yield f"{name} in the preset of the {preset} has changed"


def other_versions(record: Record) -> list[str]:
    """List the packages whose version has changed since, which alone makes no result stale."""
    now = versions()
    return [
        f"{name} {was}, now {now.get(name, 'none')}" for name, was in record.versions.items() if now.get(name) != was
    ]


def _bytes(file: Path) -> str:
    status = file.stat()
    return _hash_of_file(file, status.st_mtime_ns, status.st_size)


@cache
def _hash_of_file(file: Path, _changed: int, _size: int) -> str:
    return blake2b(file.read_bytes(), digest_size=8).hexdigest()


def _code(file: Path) -> str:
    text = file.read_text(encoding="utf-8")
    return blake2b((normalised(text) if file.suffix == ".py" else text).encode(), digest_size=8).hexdigest()
