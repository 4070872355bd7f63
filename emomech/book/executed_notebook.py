"""The one reader of executed notebooks: what a notebook shows, what it was made from, and whether it can be a page.

Building, checking, comparing and exporting a book all read its results here, which takes neither a kernel nor the runs
behind the pages.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

from emomech.book import notebook_parts
from emomech.book.notebook_parts import (
    Cell,
    Markup,
    Provenance,
    QuotedNumber,
    QuotedPiece,
    ShownFigure,
    ShownTable,
    ShownVerdict,
)
from emomech.core.errors import EmomechError

RECORD = "emomech"
"""Key of a notebook's metadata under which `runner.execute` records what the notebook was made from."""
_MAPPINGS = ("parameters", "overrides", "identity", "versions")
"""Entries of the record that map names to values."""


@dataclass(frozen=True)
class ExecutedNotebook:
    """An executed notebook; its parts are parsed when they are first used."""

    name: str
    cells: tuple[Cell, ...] = field(repr=False)
    record: Mapping[str, Any] = field(repr=False)
    """Key, parameters, overrides, identity of the study, versions, commit, seconds and a hash of the cells, as
    `runner.execute` recorded them; empty for a notebook that it did not write."""
    content: str = ""
    """Hash of the cells as they are now."""

    @classmethod
    def read(cls, file: Path) -> "ExecutedNotebook":
        """Read a notebook from its file. Raises EmomechError for a file that is not a notebook."""
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            cells = tuple(Cell.of(number, cell) for number, cell in enumerate(content["cells"], 1))
            record = _record(content.get("metadata", {}).get(RECORD, {}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EmomechError(f"{file}: is not a notebook, or is damaged ({error}).") from error
        return cls(file.stem, cells, record, content_hash(content["cells"]))

    @classmethod
    def read_if_valid(cls, file: Path) -> "ExecutedNotebook | None":
        """Read a notebook from its file; None for a missing file or one that is not a notebook."""
        try:
            return cls.read(file)
        except EmomechError:
            return None

    def is_fresh(self, key: str) -> bool:
        """Say whether the notebook is what executing now would give; `key` is that of `runner.prepare`."""
        return self.record.get("key") == key

    @property
    def problems(self) -> list[str]:
        """What keeps the notebook from being a page: errors, cells that were not run, figures without description, and
        cells that have changed since."""
        changed = self.record.get("content", self.content) != self.content
        of_cells = [f"cell {cell.number} {problem}" for cell in self.cells for problem in cell.problems()]
        return ["its cells have changed since they were executed", *of_cells] if changed else of_cells

    @property
    def prose(self) -> list[tuple[int, str]]:
        """Number and text of each cell of text."""
        return [(cell.number, cell.source) for cell in self.cells if cell.kind == "markdown"]

    @cached_property
    def figures(self) -> tuple[ShownFigure, ...]:
        """The charts, in the order of the page."""
        return tuple(notebook_parts.figures(self.cells))

    @cached_property
    def tables(self) -> tuple[ShownTable, ...]:
        """The tables of results, in the order of the page."""
        return tuple(notebook_parts.tables(self._markup))

    @cached_property
    def numbers(self) -> tuple[QuotedNumber, ...]:
        """The numbers and words that prose can quote."""
        return tuple(notebook_parts.numbers(self.cells))

    @cached_property
    def pieces(self) -> tuple[QuotedPiece, ...]:
        """The parts that another page can show."""
        return tuple(notebook_parts.pieces(self.cells))

    @cached_property
    def verdicts(self) -> tuple[ShownVerdict, ...]:
        """The verdicts of this page, on the model that it was executed with."""
        return tuple(notebook_parts.verdicts(self._markup, str(self.record.get("parameters", {}).get("model", ""))))

    @cached_property
    def matrix(self) -> tuple[ShownVerdict, ...]:
        """The verdicts of other pages on several models, if this page collects them."""
        return tuple(notebook_parts.matrix(self._markup))

    @cached_property
    def provenance(self) -> Provenance:
        """The run behind the page, as the table at its end names it."""
        return notebook_parts.provenance(self._markup)

    @cached_property
    def _markup(self) -> Markup:
        return notebook_parts.markup(self.cells)


def content_hash(cells: Sequence[Mapping[str, Any]]) -> str:
    """Hash the cells of a notebook, as its file holds them."""
    return blake2b(json.dumps(cells, sort_keys=True).encode(), digest_size=16).hexdigest()


def _record(record: Any) -> Mapping[str, Any]:
    """Return a record. Raises TypeError for anything else."""
    if not isinstance(record, dict) or not all(isinstance(record.get(name, {}), dict) for name in _MAPPINGS):
        raise TypeError("its record of the execution is not one")
    return record


def read_all(folder: Path) -> dict[str, ExecutedNotebook]:
    """Read every executed notebook of a folder, by name. Raises EmomechError for a file that is not a notebook."""
    return {file.stem: ExecutedNotebook.read(file) for file in sorted(folder.glob("*.ipynb"))}


def problems(file: Path) -> list[str]:
    """List what keeps a notebook's file from being a page; a file that is not a notebook is such a problem, too."""
    try:
        return ExecutedNotebook.read(file).problems
    except EmomechError as error:
        return [str(error)]
