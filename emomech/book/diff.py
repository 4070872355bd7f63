"""Compare two books: verdicts, quoted numbers, cells of tables, figures, and the parameters behind them.

The comparison reads what executed notebooks show, so that it needs neither the runs nor the machines behind them.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from emomech.book import executed_notebook
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.book.notebook_parts import ShownFigure, ShownTable, ShownVerdict
from emomech.core.errors import UsageError

ChangeKind: TypeAlias = Literal["beyond", "within", "changed", "added", "removed"]
"""How a quoted number differs. beyond: neither estimate lies in the other's interval; within: at least one does;
changed: it is text, or has no interval; added, removed: only the second or only the first book has it."""
ABSENT = "–"
"""Shown for a number or cell that a book does not have."""
OTHER_RULE = "The rule has changed, too."
"""Shown for a verdict that the two books decide by different rules."""
_NUMBER = r"[−-]?[\d,]*\.?\d+(?:e[−-]?\d+)?"
_ESTIMATE = re.compile(rf"^({_NUMBER})\s\[({_NUMBER}),\s({_NUMBER})\]")


@dataclass(frozen=True)
class ParameterChange:
    """A parameter of a page with a different value in each book; None if the page does not have it in one of them."""

    notebook: str
    name: str
    before: object
    after: object


@dataclass(frozen=True)
class VerdictChange:
    """A claim with another outcome. The two models differ if the two books study different models."""

    claim: str
    model_before: str
    model_after: str
    before: str
    after: str
    reason_before: str
    reason_after: str
    other_rule: bool = False
    """Whether the two books decide the claim by different rules."""


@dataclass(frozen=True)
class NumberChange:
    """A quoted number or word that differs."""

    notebook: str
    name: str
    before: str
    after: str
    kind: ChangeKind


@dataclass(frozen=True)
class CellChange:
    """A cell of a table that differs."""

    row: str
    """The row's keys, separated by commas."""
    column: str
    before: str
    after: str


@dataclass(frozen=True)
class TableChange:
    """A table that differs, as its page shows it."""

    notebook: str
    caption: str
    cells: list[CellChange]
    rows_added: list[str]
    rows_removed: list[str]


@dataclass(frozen=True)
class FigureChange:
    """A figure that differs, as SVG before and after; empty text for a book that does not have it."""

    notebook: str
    caption: str
    before: str = field(repr=False)
    after: str = field(repr=False)


@dataclass(frozen=True)
class Differences:
    """All differences between two books."""

    pages_added: list[str]
    pages_removed: list[str]
    parameters: list[ParameterChange]
    verdicts: list[VerdictChange]
    numbers: list[NumberChange]
    tables: list[TableChange]
    figures: list[FigureChange]

    def numbers_of_kind(self, kind: ChangeKind) -> list[NumberChange]:
        """Select the numbers that differ in one way."""
        return [change for change in self.numbers if change.kind == kind]

    def to_dict(self) -> dict[str, Any]:
        """Give all differences as plain data, without the pictures of the figures."""
        figures = [{"notebook": figure.notebook, "caption": figure.caption} for figure in self.figures]
        return asdict(self) | {"figures": figures}


def read_book(folder: Path) -> dict[str, ExecutedNotebook]:
    """Read a book's executed notebooks from the folder of an edition, of a checkout, of an export, or of notebooks.

    Raises UsageError for a folder without executed notebooks.
    """
    for results in (folder / "results", folder / "book" / "results", folder / "notebooks", folder):
        if notebooks := executed_notebook.read_all(results):
            return notebooks
    raise UsageError(f"{folder}: holds no executed notebook; expected a folder that `emomech book` made.")


def compare(before: Mapping[str, ExecutedNotebook], after: Mapping[str, ExecutedNotebook]) -> Differences:
    """List the differences between two books; of a page that only one book has, only the name."""
    pairs = [(page, after[name]) for name, page in before.items() if name in after]
    return Differences(
        pages_added=[name for name in after if name not in before],
        pages_removed=[name for name in before if name not in after],
        parameters=[change for first, second in pairs for change in _parameters(first, second)],
        verdicts=list(_verdicts(before.values(), after.values())),
        numbers=[change for first, second in pairs for change in _numbers(first, second)],
        tables=[change for first, second in pairs for change in _tables(first, second)],
        figures=[change for first, second in pairs for change in _figures(first, second)],
    )


def _parameters(first: ExecutedNotebook, second: ExecutedNotebook) -> Iterator[ParameterChange]:
    before, after = first.record.get("parameters", {}), second.record.get("parameters", {})
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield ParameterChange(first.name, name, before.get(name), after.get(name))


def _verdicts(before: Iterable[ExecutedNotebook], after: Iterable[ExecutedNotebook]) -> Iterator[VerdictChange]:
    """Compare the verdicts on each book's own model claim by claim, and those on further models model by model."""
    (own_before, more_before), (own_after, more_after) = _split_verdicts(before), _split_verdicts(after)
    pairs = [(own_before[claim], own_after[claim]) for claim in own_before if claim in own_after]
    pairs += [(more_before[key], more_after[key]) for key in more_before if key in more_after]
    for old, new in pairs:
        if old.outcome != new.outcome:
            reasons, models = (old.reason, new.reason), (old.model, new.model)
            yield VerdictChange(old.claim, *models, old.outcome, new.outcome, *reasons, old.rule != new.rule)


def _split_verdicts(
    pages: Iterable[ExecutedNotebook],
) -> tuple[dict[str, ShownVerdict], dict[tuple[str, str], ShownVerdict]]:
    """Give the verdict on each claim's own page by claim, and the other verdicts of the matrix by claim and model."""
    pages = list(pages)
    by_claim = {verdict.claim: verdict for page in pages for verdict in page.verdicts}
    on_own_pages = {(verdict.claim, verdict.model) for verdict in by_claim.values()}
    matrix = {(verdict.claim, verdict.model): verdict for page in pages for verdict in page.matrix}
    return by_claim, {key: verdict for key, verdict in matrix.items() if key not in on_own_pages}


def _numbers(first: ExecutedNotebook, second: ExecutedNotebook) -> Iterator[NumberChange]:
    before, after = ({number.name: number.text for number in page.numbers} for page in (first, second))
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            kind = number_kind(before.get(name, ""), after.get(name, ""))
            yield NumberChange(first.name, name, before.get(name, ABSENT), after.get(name, ABSENT), kind)


def number_kind(before: str, after: str) -> ChangeKind:
    """Say how two texts of a quoted number differ; empty text stands for a number that a book does not have.

    Example:
        >>> from emomech.book.diff import number_kind
        >>> number_kind("0.80 [0.70, 0.90]", "0.50 [0.40, 0.60]")
        'beyond'
        >>> number_kind("0.80 [0.70, 0.90]", "0.75 [0.65, 0.85]")
        'within'
    """
    if not before or not after:
        return "removed" if before else "added"
    first, second = _ESTIMATE.match(before), _ESTIMATE.match(after)
    if not first or not second:
        return "changed"
    old, old_low, old_high = map(_float, first.groups())
    new, new_low, new_high = map(_float, second.groups())
    return "within" if new_low <= old <= new_high or old_low <= new <= old_high else "beyond"


def _float(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def _tables(first: ExecutedNotebook, second: ExecutedNotebook) -> Iterator[TableChange]:
    before, after = _by_caption(first.tables), _by_caption(second.tables)
    for caption in dict.fromkeys([*before, *after]):
        old, new = (_rows(tables.get(caption)) for tables in (before, after))
        cells = [change for row in old if row in new for change in _cells(row, old[row], new[row])]
        added = [row for row in new if row not in old]
        removed = [row for row in old if row not in new]
        if cells or added or removed:
            yield TableChange(first.name, caption[0], cells, added, removed)


def _by_caption(tables: Sequence[ShownTable]) -> dict[tuple[str, int], ShownTable]:
    """Index tables by caption and by their position among the tables with that caption, from 0."""
    seen: Counter[str] = Counter()
    by_caption = {}
    for table in tables:
        by_caption[table.caption, seen[table.caption]] = table
        seen[table.caption] += 1
    return by_caption


def _rows(table: ShownTable | None) -> dict[str, dict[str, str]]:
    """Index the rows of a table by their keys; a row whose keys are not unique also gets a number."""
    rows: dict[str, dict[str, str]] = {}
    if table is None:
        return rows
    seen: Counter[str] = Counter()
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        name = ", ".join(cells[key] for key in table.keys) or "row"
        seen[name] += 1
        rows[name if seen[name] == 1 else f"{name} ({seen[name]})"] = cells
    return rows


def _cells(row: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[CellChange]:
    for column in dict.fromkeys([*before, *after]):
        if before.get(column) != after.get(column):
            yield CellChange(row, column, before.get(column, ABSENT), after.get(column, ABSENT))


def _figures(first: ExecutedNotebook, second: ExecutedNotebook) -> Iterator[FigureChange]:
    before, after = ({figure.number: figure for figure in page.figures} for page in (first, second))
    for number in sorted({*before, *after}):
        old, new = before.get(number), after.get(number)
        if not old or not new or old.spec != new.spec:
            caption = next(figure.caption for figure in (new, old) if figure)
            yield FigureChange(first.name, caption, _svg(old), _svg(new))


def _svg(figure: ShownFigure | None) -> str:
    return figure.svg if figure else ""


def summary(differences: Differences) -> str:
    """Write the differences as lines for a terminal."""
    sections = {
        "pages only in the second book": differences.pages_added,
        "pages only in the first book": differences.pages_removed,
        "parameters": [f"{p.notebook}: {p.name}: {p.before!r} → {p.after!r}" for p in differences.parameters],
        "verdicts": [_verdict_line(verdict) for verdict in differences.verdicts],
    }
    titles: dict[ChangeKind, str] = {
        "beyond": "numbers changed beyond their intervals",
        "within": "numbers changed within their intervals",
        "changed": "numbers and words without an interval",
        "added": "numbers only in the second book",
        "removed": "numbers only in the first book",
    }
    for kind, title in titles.items():
        sections[title] = [f"{n.name}: {n.before} → {n.after}" for n in differences.numbers_of_kind(kind)]
    sections["tables"] = [f"{t.notebook}: {t.caption} {table_line(t)}" for t in differences.tables]
    sections["figures"] = [f"{f.notebook}: {f.caption}" for f in differences.figures]
    lines = []
    for title, entries in sections.items():
        if entries:
            lines += [f"{title} ({len(entries)})", *(f"  {entry}" for entry in entries)]
    return "\n".join(lines) or "the two books show the same"


def _verdict_line(change: VerdictChange) -> str:
    rule = f" {OTHER_RULE}" if change.other_rule else ""
    return f"{change.claim}, {models(change)}: {change.before} → {change.after}.{rule} {change.reason_after}"


def models(change: VerdictChange) -> str:
    """Name the model of a verdict, or the model in each book if they differ."""
    same = change.model_before == change.model_after
    return change.model_before if same else f"{change.model_before} → {change.model_after}"


def table_line(change: TableChange) -> str:
    """Count the differences in a table, such as "2 cells, 1 rows added"."""
    changes = {"cells": change.cells, "rows added": change.rows_added, "rows removed": change.rows_removed}
    return ", ".join(f"{len(entries)} {name}" for name, entries in changes.items() if entries)
