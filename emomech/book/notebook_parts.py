"""The parts that an executed notebook shows, each read back from the outputs of its cells.

The outputs are those that `emomech.notebook` writes: figures as Vega-Lite, tables and verdicts as HTML, quoted numbers
and pieces in the format of MyST-NB's `glue`. Cells are counted from 1, cells of text included.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from emomech.chapters.verdict import Check, Role, Status
from emomech.figures.vega import GLUE_PREFIX, MIME, caption_of

if TYPE_CHECKING:
    from bs4 import Tag


SVG = "image/svg+xml"


@dataclass(frozen=True)
class Cell:
    """A cell as the file of a notebook holds it."""

    number: int
    kind: str
    """code, markdown or raw."""
    source: str
    executed: bool
    outputs: tuple[Mapping[str, Any], ...] = field(repr=False)

    @classmethod
    def of(cls, number: int, content: Mapping[str, Any]) -> "Cell":
        """Read a cell from the JSON of its notebook.

        Raises KeyError for a cell without type or source, TypeError for parts that are not what a notebook has.
        """
        executed, outputs = content.get("execution_count") is not None, content.get("outputs", [])
        if not isinstance(outputs, list) or not all(map(_is_output, outputs)):
            raise TypeError(f"the outputs of cell {number} are not a list of outputs")
        return cls(number, content["cell_type"], "".join(content["source"]), executed, tuple(outputs))

    def problems(self) -> Iterator[str]:
        """Yield what keeps the cell from being part of a page: an error, no execution, a figure without description."""
        if self.kind != "code" or not self.source.strip():
            return
        if not self.executed:
            yield "was not run"
        for output in self.outputs:
            if output["output_type"] == "error":
                yield f"raised {output.get('ename')}: {output.get('evalue')}"
            chart = output.get("data", {}).get(MIME)
            if chart is not None and not chart.get("description"):
                yield "shows a figure without a description"


def _is_output(output: Any) -> bool:
    """Whether an entry of a cell's outputs has a type, and content by MIME type if it has any."""
    if not isinstance(output, dict) or not isinstance(output.get("output_type"), str):
        return False
    data = output.get("data", {})
    return isinstance(data, dict) and isinstance(data.get(MIME, {}), dict)


@dataclass(frozen=True)
class ShownFigure:
    """A chart: its Vega-Lite specification, and the picture shown where nothing can draw it."""

    cell: int
    number: int
    """Position among the figures of its page, from 1."""
    caption: str
    spec: Mapping[str, Any] = field(repr=False)
    svg: str = field(repr=False)


@dataclass(frozen=True)
class ShownTable:
    """A table as its page shows it: rounded text."""

    cell: int
    number: int
    """Position among the tables of its page, from 1."""
    caption: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    """The columns that together name a row."""
    rows: tuple[tuple[str, ...], ...] = field(repr=False)


@dataclass(frozen=True)
class QuotedNumber:
    """A number or word that prose quotes by name."""

    cell: int
    name: str
    text: str


@dataclass(frozen=True)
class QuotedPiece:
    """A part of a page that another page shows by name."""

    cell: int
    name: str
    html: str = field(repr=False)


@dataclass(frozen=True)
class ShownVerdict:
    """The verdict on a claim for one model."""

    cell: int
    claim: str
    model: str
    outcome: str
    reason: str
    rule: str = ""
    """Hash of the rule that gave it."""
    checks: tuple[Check, ...] = field(default=(), repr=False)


Markup: TypeAlias = Sequence[tuple[int, "Tag"]]
"""Number of a cell and the parsed HTML of one of its outputs."""
Provenance: TypeAlias = Mapping[str, str | Mapping[str, str]]
"""The rows of the table that ends a page; a row of several parts maps each part's name to its value."""


def figures(cells: Sequence[Cell]) -> Iterator[ShownFigure]:
    """Read every chart, in the order of the page."""
    charts = [(cell.number, data) for cell, data in _data(cells) if MIME in data]
    for number, (cell, data) in enumerate(charts, 1):
        yield ShownFigure(cell, number, caption_of(data[MIME]), data[MIME], "".join(data.get(SVG, "")))


def numbers(cells: Sequence[Cell]) -> Iterator[QuotedNumber]:
    """Read every number or word that `notebook.glue` named."""
    for cell, output in _outputs(cells):
        if text := output.get("data", {}).get(f"{GLUE_PREFIX}text/plain"):
            yield QuotedNumber(cell.number, _glued_name(output), str(ast.literal_eval("".join(text))))


def pieces(cells: Sequence[Cell]) -> Iterator[QuotedPiece]:
    """Read every piece that `notebook.glue_html` named."""
    for cell, output in _outputs(cells):
        if html := output.get("data", {}).get(f"{GLUE_PREFIX}text/html"):
            yield QuotedPiece(cell.number, _glued_name(output), "".join(html))


def markup(cells: Sequence[Cell]) -> Markup:
    """Parse every HTML output."""
    from bs4 import BeautifulSoup

    html = ((cell.number, "".join(data["text/html"])) for cell, data in _data(cells) if "text/html" in data)
    return [(number, BeautifulSoup(text, "html.parser")) for number, text in html]


def tables(parsed: Markup) -> Iterator[ShownTable]:
    """Read every table of results; the tables of parameters and of verdicts are not among them."""
    shown = [(cell, figure) for cell, page in parsed for figure in page.select("figure.emo-table:not(.emo-matrix)")]
    results = [(cell, figure) for cell, figure in shown if not figure.select("tbody.emo-parameters")]
    for number, (cell, figure) in enumerate(results, 1):
        heads = figure.select("thead th")
        columns = tuple(_text(head) for head in heads)
        keys = tuple(_text(head) for head in heads if head.has_attr("data-key"))
        rows = [tuple(_text(cell) for cell in row.select("th, td")) for row in figure.select("tbody tr")]
        complete = tuple(row for row in rows if len(row) == len(columns))
        yield ShownTable(cell, number, _text(figure.select_one("figcaption")), columns, keys, complete)


def verdicts(parsed: Markup, model: str) -> Iterator[ShownVerdict]:
    """Read the verdict of every box that `notebook.verdict_box` showed, on the model that the page studies."""
    for cell, page in parsed:
        for box in page.select("section.emo-verdict"):
            claim, outcome = (_text(box.select_one(f"{part} strong")) for part in (".emo-claim", ".emo-outcome"))
            details = dict(zip(map(_text, box.select("dt")), map(_text, box.select("dd")), strict=True))
            reason, rule = details.get("Because", ""), str(box.get("data-rule") or "")
            yield ShownVerdict(cell, claim, model, outcome, reason, rule, _checks(box))


def matrix(parsed: Markup) -> Iterator[ShownVerdict]:
    """Read the verdicts of every matrix of claims and models."""
    for cell, page in parsed:
        for table in page.select("figure.emo-matrix table"):
            models = [str(head.get("title") or _text(head)) for head in table.select("thead th")[1:]]
            for row in table.select("tbody tr"):
                claim, rule = _text(row.select_one("th strong")), str(row.get("data-rule") or "")
                for model, entry in zip(models, row.select("td"), strict=True):
                    if outcome := _text(entry.select_one("summary")):
                        reason = _text(entry.select_one("p"))
                        yield ShownVerdict(cell, claim, model, outcome, reason, rule, _checks(entry))


def _checks(verdict: "Tag") -> tuple[Check, ...]:
    """Read the checklist of a verdict."""
    parts = ("criterion", "measured i", "measured b", "against b")
    read = []
    for item in verdict.select("li.emo-check"):
        criterion, estimand, estimate, control = (_text(item.select_one(f".emo-{part}")) for part in parts)
        role, status = cast("Role", str(item["data-role"])), cast("Status", str(item["data-status"]))
        read.append(Check(criterion, role, status, estimand.removesuffix(":"), estimate, control))
    return tuple(read)


def provenance(parsed: Markup) -> Provenance:
    """Read the table that ends a page and names the run behind it; empty without such a table."""
    return dict(row for _, page in parsed for row in _provenance_rows(page))


def _provenance_rows(page: "Tag") -> Iterator[tuple[str, str | Mapping[str, str]]]:
    for row in page.select("details.emo-footer tr"):
        value = row.select_one("td")
        parts = value.select(".emo-parts > span") if value else []
        by_name = {_text(part).split(" ")[0]: _text(part.select_one("code")) for part in parts}
        yield _text(row.select_one("th")), by_name or _text(value)


def _outputs(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Mapping[str, Any]]]:
    for cell in cells:
        for output in cell.outputs:
            yield cell, output


def _data(cells: Sequence[Cell]) -> Iterator[tuple[Cell, Mapping[str, Any]]]:
    """Yield what each output shows, by MIME type."""
    for cell, output in _outputs(cells):
        yield cell, output.get("data", {})


def _glued_name(output: Mapping[str, Any]) -> str:
    return str(output["metadata"]["scrapbook"]["name"])


def _text(tag: "Tag | None") -> str:
    return " ".join(tag.get_text(" ").split()) if tag else ""
