"""Results that are kept with the book, so that a page can be shown without the model that gave them.

The folder of a kept edition has a folder for each chapter, with the tables and the provenance of its run; further
analyses of the chapter have folders in it. If `EMOMECH_KEPT` names such a folder, runs read their tables there and
compute nothing. If `EMOMECH_KEEP` names a folder, runs copy their tables into it.

Example:
    >>> from emomech.chapters.behaviour import analysis
    >>> from emomech.study import kept
    >>> kept.place(analysis.behaviour).as_posix()
    'behaviour'
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from emomech.core.errors import EmomechError
from emomech.core.files import atomic_folder

KEPT = "EMOMECH_KEPT"
"""Variable that names the folder of a kept edition, whose tables are shown."""
KEEP = "EMOMECH_KEEP"
"""Variable that names the folder into which the tables of runs are copied."""
_MAIN = "analysis"
"""Module of a chapter's own analysis, whose tables are in the chapter's folder itself."""


def place(analysis: Callable[..., Any]) -> Path:
    """Give the folder of an analysis inside an edition: `flow`, or `tracing/phases` for a further one of a chapter."""
    *_, chapter, module = analysis.__module__.split(".")
    return Path(chapter) if module == _MAIN else Path(chapter, module)


def module(place: Path) -> str:
    """Give the module of the analysis that has a place inside an edition.

    Example:
        >>> from pathlib import Path
        >>> from emomech.study import kept
        >>> kept.module(Path("tracing", "phases"))
        'emomech.chapters.tracing.phases'
    """
    return ".".join(("emomech.chapters", *place.parts, *([_MAIN] if len(place.parts) == 1 else [])))


def folder(analysis: Callable[..., Any]) -> Path | None:
    """Give the folder with the kept tables of an analysis; None if this process computes its results."""
    edition = os.environ.get(KEPT)
    return Path(edition) / place(analysis) if edition else None


def above() -> str:
    """Give the way from a page to the pages of the book itself: `../` if a kept edition is shown, else nothing."""
    return "../" if os.environ.get(KEPT) else ""


def check(provenance: Mapping[str, Any], study: Mapping[str, object], arguments: Mapping[str, object]) -> None:
    """Check that kept tables answer what is asked: the same names and numbers, as far as both have them.

    What a newer analysis asks in addition does not count, because it could not be asked then. Raises EmomechError for
    a value that differs.
    """
    pairs = ((provenance["study"], study), (provenance["arguments"], arguments))
    for was, asked in ((dict(was), json.loads(json.dumps(dict(now)))) for was, now in pairs):
        for name in was.keys() & asked.keys():
            if was[name] != asked[name]:
                raise EmomechError(
                    f"{name} {asked[name]!r}: is asked of kept tables that were computed with {was[name]!r}. Compute "
                    "them again: `emomech edition compute`."
                )


def collect(source: Path, analysis: Callable[..., Any]) -> None:
    """Copy the folder of a run to its place in the folder that `EMOMECH_KEEP` names; do nothing without one."""
    if not (edition := os.environ.get(KEEP)):
        return
    target = Path(edition, *place(analysis).parts)
    inner = {path.name: path for path in target.iterdir() if path.is_dir()} if target.is_dir() else {}
    with atomic_folder(target) as copied:
        for file in source.iterdir():
            shutil.copyfile(file, copied / file.name)
        for name, path in inner.items():
            shutil.copytree(path, copied / name)
