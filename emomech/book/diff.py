"""What two books differ in: verdicts, quoted numbers, cells of tables, figures, and the parameters behind them.

It compares what executed notebooks show, so that two books can be held against each other wherever they were made.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from emomech.book import executed_notebook
from emomech.book.executed_notebook import Figure, Outcome, Shown, Table
from emomech.core.errors import UsageError

Kind: TypeAlias = Literal["beyond", "within", "changed", "added", "removed"]
"""How a quoted number differs. beyond: neither estimate lies in the other's interval; within: one does; changed: it is
text, or has no interval; added and removed: one book alone has it."""
ABSENT = "–"
_NUMBER = r"[−-]?[\d,]*\.?\d+(?:e[−-]?\d+)?"
_ESTIMATE = re.compile(rf"^({_NUMBER})\s\[({_NUMBER}),\s({_NUMBER})\]")


@dataclass(frozen=True)
class ParameterChange:
    """A parameter that two books gave a page; None where a page has it in one book alone."""

    notebook: str
    name: str
    before: object
    after: object


@dataclass(frozen=True)
class VerdictChange:
    """A claim that came out otherwise; a model is named twice where the two books study different ones."""

    claim: str
    model_before: str
    model_after: str
    before: str
    after: str
    reason_before: str
    reason_after: str


@dataclass(frozen=True)
class NumberChange:
    """A quoted number or word that differs."""

    notebook: str
    name: str
    before: str
    after: str
    kind: Kind


@dataclass(frozen=True)
class CellChange:
    """A cell of a table; its row by what names it."""

    row: str
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
    """A figure that draws something else; empty pictures where one book alone has it."""

    notebook: str
    caption: str
    before: str = field(repr=False)
    after: str = field(repr=False)


@dataclass(frozen=True)
class Differences:
    """All that two books differ in."""

    pages_added: list[str]
    pages_removed: list[str]
    parameters: list[ParameterChange]
    verdicts: list[VerdictChange]
    numbers: list[NumberChange]
    tables: list[TableChange]
    figures: list[FigureChange]

    def of_kind(self, kind: Kind) -> list[NumberChange]:
        """Give the numbers that differ in one way."""
        return [change for change in self.numbers if change.kind == kind]

    def to_dict(self) -> dict[str, Any]:
        """Give all as plain data; of a figure its caption and not its pictures."""
        figures = [{"notebook": figure.notebook, "caption": figure.caption} for figure in self.figures]
        return asdict(self) | {"figures": figures}


def opened(folder: Path) -> dict[str, Shown]:
    """Read a book's executed notebooks: those of an edition's folder, of `book/`, or a folder of notebooks itself.

    Raises UsageError for a folder without any.
    """
    for results in (folder / "results", folder / "book" / "results", folder / "notebooks", folder):
        if found := executed_notebook.read_all(results):
            return found
    raise UsageError(f"{folder}: holds no executed notebook; expected a folder that `emomech book` made.")


def compare(before: Mapping[str, Shown], after: Mapping[str, Shown]) -> Differences:
    """Say what the second book has otherwise than the first; pages that only one has are named, and not gone into."""
    pairs = [(page, after[name]) for name, page in before.items() if name in after]
    return Differences(
        [name for name in after if name not in before],
        [name for name in before if name not in after],
        [change for one, two in pairs for change in _parameters(one, two)],
        list(_verdicts(before.values(), after.values())),
        [change for one, two in pairs for change in _numbers(one, two)],
        [change for one, two in pairs for change in _tables(one, two)],
        [change for one, two in pairs for change in _figures(one, two)],
    )


def _parameters(one: Shown, two: Shown) -> Iterator[ParameterChange]:
    before, after = one.record.get("parameters", {}), two.record.get("parameters", {})
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield ParameterChange(one.name, name, before.get(name), after.get(name))


def _verdicts(before: Iterable[Shown], after: Iterable[Shown]) -> Iterator[VerdictChange]:
    """Compare the verdicts of the pages claim by claim, and those on further models model by model."""
    (own_before, more_before), (own_after, more_after) = _outcomes(before), _outcomes(after)
    pairs = [(own_before[claim], own_after[claim]) for claim in own_before if claim in own_after]
    pairs += [(more_before[key], more_after[key]) for key in more_before if key in more_after]
    for one, two in pairs:
        if one.outcome != two.outcome:
            yield VerdictChange(one.claim, one.model, two.model, one.outcome, two.outcome, one.reason, two.reason)


def _outcomes(pages: Iterable[Shown]) -> tuple[dict[str, Outcome], dict[tuple[str, str], Outcome]]:
    """Give the verdict of each claim's own page, and those of the matrix that no page of its own shows."""
    pages = list(pages)
    own = {outcome.claim: outcome for page in pages for outcome in page.outcomes}
    told = {(outcome.claim, outcome.model) for outcome in own.values()}
    more = {(outcome.claim, outcome.model): outcome for page in pages for outcome in page.matrix}
    return own, {key: outcome for key, outcome in more.items() if key not in told}


def _numbers(one: Shown, two: Shown) -> Iterator[NumberChange]:
    before, after = ({number.name: number.text for number in page.numbers} for page in (one, two))
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            kind = number_kind(before.get(name, ""), after.get(name, ""))
            yield NumberChange(one.name, name, before.get(name, ABSENT), after.get(name, ABSENT), kind)


def number_kind(before: str, after: str) -> Kind:
    """Say how two texts of a quoted number differ; empty text stands for one that is not there."""
    if not before or not after:
        return "removed" if before else "added"
    one, two = _ESTIMATE.match(before), _ESTIMATE.match(after)
    if not one or not two:
        return "changed"
    (value, low, high), (other, low_other, high_other) = (tuple(map(_float, found.groups())) for found in (one, two))
    return "within" if low_other <= value <= high_other or low <= other <= high else "beyond"


def _float(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def _tables(one: Shown, two: Shown) -> Iterator[TableChange]:
    before, after = _by_caption(one.tables), _by_caption(two.tables)
    for caption in dict.fromkeys([*before, *after]):
        rows, others = (_rows(tables.get(caption)) for tables in (before, after))
        cells = [change for row in rows if row in others for change in _cells(row, rows[row], others[row])]
        added = [row for row in others if row not in rows]
        removed = [row for row in rows if row not in others]
        if cells or added or removed:
            yield TableChange(one.name, caption[0], cells, added, removed)


def _by_caption(tables: Sequence[Table]) -> dict[tuple[str, int], Table]:
    """Name tables by caption; equal ones by their order, too."""
    seen: Counter[str] = Counter()
    found = {}
    for table in tables:
        found[table.caption, seen[table.caption]] = table
        seen[table.caption] += 1
    return found


def _rows(table: Table | None) -> dict[str, dict[str, str]]:
    """Give the cells of each row, which the keys that are shown name; rows that they leave equal are counted."""
    found: dict[str, dict[str, str]] = {}
    if table is None:
        return found
    seen: Counter[str] = Counter()
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        name = ", ".join(cells[key] for key in table.keys) or "row"
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = cells
    return found


def _cells(row: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[CellChange]:
    for column in dict.fromkeys([*before, *after]):
        if before.get(column) != after.get(column):
            yield CellChange(row, column, before.get(column, ABSENT), after.get(column, ABSENT))


def _figures(one: Shown, two: Shown) -> Iterator[FigureChange]:
    before, after = ({figure.number: figure for figure in page.figures} for page in (one, two))
    for number in sorted({*before, *after}):
        first, second = before.get(number), after.get(number)
        if not first or not second or first.spec != second.spec:
            caption = next(figure.caption for figure in (second, first) if figure)
            yield FigureChange(one.name, caption, _svg(first), _svg(second))


def _svg(figure: Figure | None) -> str:
    return figure.svg if figure else ""


def summary(found: Differences) -> str:
    """Tell what two books differ in as lines for a terminal."""
    parts = {
        "pages that only the second has": found.pages_added,
        "pages that only the first has": found.pages_removed,
        "parameters": [f"{p.notebook}: {p.name}: {p.before!r} → {p.after!r}" for p in found.parameters],
        "verdicts": [_verdict_line(verdict) for verdict in found.verdicts],
    }
    titles: dict[Kind, str] = {
        "beyond": "numbers beyond their intervals",
        "within": "numbers within their intervals",
        "changed": "numbers and words without an interval",
        "added": "numbers that only the second has",
        "removed": "numbers that only the first has",
    }
    for kind, title in titles.items():
        parts[title] = [f"{n.name}: {n.before} → {n.after}" for n in found.of_kind(kind)]
    parts["tables"] = [f"{t.notebook}: {t.caption} {table_line(t)}" for t in found.tables]
    parts["figures"] = [f"{f.notebook}: {f.caption}" for f in found.figures]
    told = [[f"{title} ({len(lines)})", *(f"  {line}" for line in lines)] for title, lines in parts.items() if lines]
    return "\n".join(line for lines in told for line in lines) or "the two books show the same"


def _verdict_line(change: VerdictChange) -> str:
    return f"{change.claim}, {models(change)}: {change.before} → {change.after}. {change.reason_after}"


def models(change: VerdictChange) -> str:
    """Name the model of a verdict, or both."""
    same = change.model_before == change.model_after
    return change.model_before if same else f"{change.model_before} → {change.model_after}"


def table_line(change: TableChange) -> str:
    """Count what differs in a table."""
    counts = {"cells": change.cells, "rows added": change.rows_added, "rows removed": change.rows_removed}
    return ", ".join(f"{len(what)} {name}" for name, what in counts.items() if what)
