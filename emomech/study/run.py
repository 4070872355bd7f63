"""Compute an analysis of a study once, keep it with its provenance, and read it back afterwards.

A run's key is a hash of all that decides its values: the analysis and its arguments, the presets of the study, the
source files that the analysis imports, and what the analysis declares with `identity.depends_on`. Analyses import
no charts, so a change to a chart makes no run stale. The folder of a run appears whole or not at all.
"""

import inspect
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from emomech.core import outputs
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.files import atomic_folder
from emomech.core.paths import CHECKOUT
from emomech.core.settings import Settings
from emomech.data.corpus import CorpusRead
from emomech.saes.override import OVERRIDDEN, refusal
from emomech.stats.tables import checked, schemas
from emomech.study import kept
from emomech.study.identity import commit, declared_states, hash_of_sources, versions
from emomech.study.spec import StudySpec
from emomech.study.study import Study
from emomech.study.unshown import check_result

if TYPE_CHECKING:
    import pandas as pd


R = TypeVar("R")
PROVENANCE = "provenance.json"
RUNS = "EMOMECH_RUNS"
"""Variable that names the folder of all runs."""


@dataclass(frozen=True)
class Run(Generic[R]):
    """One analysis of one study with the given keyword arguments.

    The analysis takes a `Study` and keyword arguments, and returns a dataclass of tables with a schema each.
    """

    analysis: Callable[..., R]
    spec: StudySpec
    arguments: Mapping[str, object] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings.from_environment)
    """Device, number format, and whether SAEs that do not fit are used; by default as the environment says."""

    @cached_property
    def key(self) -> str:
        """A hash of all that decides the result. Raises UsageError for an argument that the analysis does not take."""
        identity = {
            "analysis": self.analysis.__name__,
            "arguments": self._bound() | self._states,
            "study": self.spec.identity(self.settings),
            "sources": hash_of_sources(self.analysis.__module__),
        }
        return blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=8).hexdigest()

    @property
    def folder(self) -> Path:
        """The folder of the run's tables, which exists once they are computed; of a kept edition, if one is shown."""
        return (
            kept.folder(self.analysis)
            or runs_folder() / self.analysis.__name__ / f"{Path(self.spec.model).name}-{self.key}"
        )

    def result(self) -> R:
        """Read the kept result, or compute and keep it; a kept result that has changed or is damaged is computed again.

        If a kept edition is shown (see `study.kept`), its tables are read, whatever has changed since. Raises
        UsageError if the result used SAEs that do not fit and `settings.force` does not override that, and if runs
        cannot be kept in their folder; and any error of the analysis, of which nothing is then kept.
        """
        if kept.folder(self.analysis):
            kept.check(self.provenance, asdict(self.spec), self._bound())
            return read(self.analysis, self.folder)
        result = self._kept()
        if result is None:
            self._compute()
            result = self._read()
        if (problems := self.provenance.get(OVERRIDDEN)) and not self.settings.force:
            raise UsageError(refusal(problems))
        kept.collect(self.folder, self.analysis)
        return result

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where the result came from: spec, arguments, key, commit, versions, counts of texts, seconds, tables."""
        return json.loads((self.folder / PROVENANCE).read_text(encoding="utf-8"))

    @cached_property
    def _states(self) -> dict[str, str]:
        """The declared states of the analysis, as they are when the run is first used; see `identity.depends_on`."""
        return declared_states(self.analysis)

    def _bound(self) -> dict[str, object]:
        """Return all arguments, defaults included. Raises UsageError for an argument that the analysis lacks."""
        defaults = {name: p.default for name, p in list(inspect.signature(self.analysis).parameters.items())[1:]}
        for name in self.arguments:
            if name not in defaults:
                raise unknown(f"argument of {self.analysis.__name__}", name, defaults)
        return defaults | dict(self.arguments)

    def _compute(self) -> None:
        """Compute the result and keep it.

        Raises UsageError if it cannot be kept, and if a declared state has changed since the run was made.
        """
        outputs.writable_folder(self.folder, f"{RUNS}:")
        for name, state in declared_states(self.analysis).items():
            if state != self._states[name]:
                raise UsageError(
                    f"{name} {self._states[name]!r}: has changed to {state!r} since this run of "
                    f"{self.analysis.__name__} was made; make the run again."
                )
        started = time.monotonic()
        study = Study(self.spec, self.settings)
        result = checked(self.analysis(study, **self._bound()))
        check_result(result, study)
        seconds = time.monotonic() - started
        with atomic_folder(self.folder) as folder:
            tables = {f.name: _write(getattr(result, f.name), folder / f"{f.name}.csv") for f in fields(result)}  # pyright: ignore[reportArgumentType]
            provenance = {
                "analysis": self.analysis.__name__,
                "study": {name: value for name, value in asdict(self.spec).items() if value is not None},
                "arguments": self._bound() | self._states,
                "key": self.key,
                "commit": commit(),
                "versions": versions(),
                **({"texts": _counts(study.corpus_read)} if study.corpus_read else {}),
                "seconds": round(seconds, 1),
                "tables": tables,
                **({OVERRIDDEN: study.warnings} if study.warnings else {}),
            }
            (folder / PROVENANCE).write_text(json.dumps(provenance, indent=1), encoding="utf-8")

    def _kept(self) -> R | None:
        """Read the kept result; None if there is none, or if one of its files is missing, damaged or changed."""
        try:
            return self._read()
        except (EmomechError, OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _read(self) -> R:
        if (key := self.provenance["key"]) != self.key:
            raise EmomechError(f"{self.folder}: holds the run {key}, expected {self.key}.")
        return read(self.analysis, self.folder)


def _counts(corpus: CorpusRead) -> dict[str, object]:
    """Count the texts of a corpus: rows of the source, kept, not drawn, and left out by reason."""
    counts = {"rows": corpus.n_rows, "kept": len(corpus.examples), "not drawn": corpus.not_drawn}
    return {**counts, "left out": dict(corpus.dropped)}


def read(analysis: Callable[..., R], folder: Path) -> R:
    """Read the result of an analysis from a folder.

    Raises EmomechError if its tables are not those of the analysis, or not what was written.
    """
    result_type = get_type_hints(analysis)["return"]
    found = tables(folder)
    if set(found) != (expected := set(schemas(result_type))):
        raise EmomechError(f"{folder}: holds {sorted(found)}, expected {sorted(expected)}.")
    return checked(result_type(**found))


def tables(folder: Path) -> "dict[str, pd.DataFrame]":
    """Read the tables of the run in a folder. Raises EmomechError if one is not what was written."""
    kept = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))["tables"]
    return {name: _read(folder / f"{name}.csv", table) for name, table in kept.items()}


def runs_folder() -> Path:
    """Return the folder that runs are kept in: `EMOMECH_RUNS`, or a folder next to the built book."""
    return Path(os.environ.get(RUNS) or CHECKOUT / "book" / "_build" / "runs")


def _write(table: "pd.DataFrame", file: Path) -> dict[str, object]:
    """Write a table; return its checksum and the type of each column."""
    table.to_csv(file, index=False)
    return {"sha256": sha256(file.read_bytes()).hexdigest(), "columns": {c: _kind(table[c]) for c in table.columns}}


def _kind(column: "pd.Series") -> str:
    return {"f": "float64", "i": "int64", "b": "bool"}.get(column.dtype.kind, "str")


def _read(file: Path, table: Mapping[str, Any]) -> "pd.DataFrame":
    """Read a table with its column types; an empty cell is NaN in a float column, and empty text in a text column."""
    import pandas as pd

    if not file.exists() or sha256(file.read_bytes()).hexdigest() != table["sha256"]:
        raise EmomechError(f"{file}: is not the table that was written. Delete {file.parent} to compute it again.")
    kinds = table["columns"]
    missing = {name: [""] for name, kind in kinds.items() if kind == "float64"}
    return pd.read_csv(file, dtype=kinds, keep_default_na=False, na_values=missing)
