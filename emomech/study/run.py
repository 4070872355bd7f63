"""An analysis of a study, computed once and kept with where it came from; afterwards read back.

A run's identity is what decides its values: the analysis, its arguments, what the study's names stand for, and
the source files that the analysis imports. Imports only point down, so a change to a chart makes no run stale.
`provenance.json` is written last, and the folder appears as a whole or not at all.
"""

import inspect
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from hashlib import blake2b, sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.paths import CHECKOUT
from emomech.saes.override import FORCED, forced, refusal
from emomech.stats.tables import checked, schemas
from emomech.study.identity import commit, hash_of_sources, versions
from emomech.study.spec import StudySpec
from emomech.study.study import Study

if TYPE_CHECKING:
    import pandas as pd


R = TypeVar("R")
PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class Run(Generic[R]):
    """One analysis of one study with the given keyword arguments."""

    analysis: Callable[..., R]
    spec: StudySpec
    arguments: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Name of the content that the run will have. Raises UsageError for an argument the analysis does not take."""
        identity = {
            "analysis": self.analysis.__name__,
            "arguments": self._bound(),
            "study": self.spec.identity(),
            "sources": hash_of_sources(self.analysis.__module__),
        }
        return blake2b(json.dumps(identity, sort_keys=True).encode(), digest_size=8).hexdigest()

    @property
    def folder(self) -> Path:
        """Where the run's tables are or will be."""
        return runs_folder() / self.analysis.__name__ / f"{Path(self.spec.model).name}-{self.key}"

    def result(self) -> R:
        """Read the result if it is there, else compute and keep it.

        What was computed with SAEs that are to be refused counts only where that is forced. Raises EmomechError where
        a kept table is not what was written, and what the analysis raises; then nothing is kept.
        """
        if not (self.folder / PROVENANCE).exists():
            self._compute()
        if (wrong := self.provenance.get(FORCED)) and not forced():
            raise UsageError(refusal(wrong))
        return self._read()

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Where the result came from: spec, arguments, key, commit, versions, texts left out, seconds, tables."""
        return json.loads((self.folder / PROVENANCE).read_text(encoding="utf-8"))

    def _bound(self) -> dict[str, object]:
        """Give all arguments, defaults included."""
        taken = {name: p.default for name, p in list(inspect.signature(self.analysis).parameters.items())[1:]}
        for name in self.arguments:
            if name not in taken:
                raise unknown(f"argument of {self.analysis.__name__}", name, taken)
        return taken | dict(self.arguments)

    def _compute(self) -> None:
        started = time.monotonic()
        study = Study(self.spec)
        result = checked(self.analysis(study, **self._bound()))
        seconds = time.monotonic() - started
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=self.folder.parent))
        try:
            tables = {f.name: _write(getattr(result, f.name), unfinished / f"{f.name}.csv") for f in fields(result)}  # pyright: ignore[reportArgumentType]
            provenance = {
                "analysis": self.analysis.__name__,
                "study": {name: value for name, value in asdict(self.spec).items() if value is not None},
                "arguments": self._bound(),
                "key": self.key,
                "commit": commit(),
                "versions": versions(),
                **_left_out(study),
                "seconds": round(seconds, 1),
                "tables": tables,
            }
            provenance |= {FORCED: study.forced} if study.forced else {}
            (unfinished / PROVENANCE).write_text(json.dumps(provenance, indent=1), encoding="utf-8")
            shutil.rmtree(self.folder, ignore_errors=True)
            os.replace(unfinished, self.folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _read(self) -> R:
        result = get_type_hints(self.analysis)["return"]
        kept = self.provenance["tables"]
        if set(kept) != set(schemas(result)):
            raise EmomechError(f"{self.folder}: holds the tables {sorted(kept)}. Delete it, and it is computed again.")
        return checked(result(**tables(self.folder)))


def tables(folder: Path) -> "dict[str, pd.DataFrame]":
    """Read the tables of a run that is kept in a folder. Raises EmomechError where one is not what was written."""
    kept = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))["tables"]
    return {name: _read(folder / f"{name}.csv", table) for name, table in kept.items()}


def _left_out(study: Study) -> dict[str, object]:
    """How many texts of the corpus were not used, by reason, if it was read and any were."""
    corpus = vars(study).get("corpus")
    return {"left out": dict(corpus.dropped)} if corpus is not None and corpus.dropped else {}


def runs_folder() -> Path:
    """Where runs are kept: `EMOMECH_RUNS`, or beside the built book."""
    return Path(os.environ.get("EMOMECH_RUNS") or CHECKOUT / "book" / "_build" / "runs")


def _write(table: "pd.DataFrame", file: Path) -> dict[str, object]:
    table.to_csv(file, index=False)
    return {"sha256": sha256(file.read_bytes()).hexdigest(), "columns": {c: _kind(table[c]) for c in table.columns}}


def _kind(column: "pd.Series") -> str:
    return {"f": "float64", "i": "int64", "b": "bool"}.get(column.dtype.kind, "str")


def _read(file: Path, table: Mapping[str, Any]) -> "pd.DataFrame":
    """Read a table back with its column types; an empty cell is NaN in a float column only."""
    import pandas as pd

    if not file.exists() or sha256(file.read_bytes()).hexdigest() != table["sha256"]:
        raise EmomechError(f"{file}: is not the table that was written. Delete {file.parent} to compute it again.")
    kinds = table["columns"]
    missing = {name: [""] for name, kind in kinds.items() if kind == "float64"}
    return pd.read_csv(file, dtype=kinds, keep_default_na=False, na_values=missing)
