"""What an executed notebook shows, read back from it: figures, tables, numbers for the prose, verdicts, provenance.

It reads what `notebook` and `matrix` wrote, so that whatever lists, compares or gives away a book's results needs
neither a kernel nor the runs behind them.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.book import executed_notebook
from emomech.book.runner import Planned
from emomech.core.errors import EmomechError
from emomech.figures.vega import GLUE_PREFIX, MIME, caption_of

if TYPE_CHECKING:
    from bs4 import Tag


SVG = "image/svg+xml"


@dataclass(frozen=True)
class Figure:
    """A chart: its specification in Vega-Lite, and the picture that stands for it where nothing draws."""

    cell: int
    number: int
    """Counted as on its page, from 1."""
    caption: str
    spec: Mapping[str, Any] = field(repr=False)
    svg: str = field(repr=False)


@dataclass(frozen=True)
class Table:
    """A table as its page shows it: text, rounded."""

    cell: int
    number: int
    caption: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    """The columns that together name a row."""
    rows: tuple[tuple[str, ...], ...] = field(repr=False)


@dataclass(frozen=True)
class Number:
    """A number or word that prose quotes by its name."""

    cell: int
    name: str
    text: str


@dataclass(frozen=True)
class Piece:
    """A part of the page that another page shows by its name."""

    cell: int
    name: str
    html: str = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What came of a claim on a model."""

    cell: int
    claim: str
    model: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class Shown:
    """All that one executed notebook shows; cells are counted from 1, those of text included."""

    name: str
    record: Mapping[str, Any]
    """What `runner.execute` noted: key, parameters, identity of the study, versions, commit, seconds."""
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    numbers: tuple[Number, ...]
    pieces: tuple[Piece, ...]
    outcomes: tuple[Outcome, ...]
    """The verdicts of this page, on the model that it was executed with."""
    matrix: tuple[Outcome, ...]
    """The verdicts of other pages, each on several models, that it puts together."""
    provenance: Mapping[str, str | Mapping[str, str]]
    """The table that ends the page: the run behind it, empty where it shows none."""
    prose: tuple[tuple[int, str], ...] = field(repr=False)
    """Number and text of each cell of text."""


def read(file: Path) -> Shown:
    """Read an executed notebook. Raises EmomechError for what is none."""
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        outputs = [(n, output) for n, cell in enumerate(cells, 1) for output in cell.get("outputs", [])]
        prose = tuple(
            (n, "".join(cell["source"])) for n, cell in enumerate(cells, 1) if cell["cell_type"] == "markdown"
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmomechError(f"{file}: is no notebook ({error}).") from error
    record = executed_notebook.recorded(file)
    html = [(cell, _parsed(output)) for cell, output in outputs if "text/html" in output.get("data", {})]
    model = str(record.get("parameters", {}).get("model", ""))
    return Shown(
        file.stem,
        record,
        tuple(_figures(outputs)),
        tuple(_tables(html)),
        tuple(_numbers(outputs)),
        tuple(_pieces(outputs)),
        tuple(_verdicts(html, model)),
        tuple(_matrix(html)),
        {name: value for _, page in html for name, value in _provenance(page)},
        prose,
    )


def read_all(results: Path) -> dict[str, Shown]:
    """Read every executed notebook of a folder, by name."""
    return {file.stem: read(file) for file in sorted(results.glob("*.ipynb"))}


def _figures(outputs: Sequence[tuple[int, Mapping[str, Any]]]) -> Iterator[Figure]:
    shown = [(cell, output["data"]) for cell, output in outputs if MIME in output.get("data", {})]
    for number, (cell, data) in enumerate(shown, 1):
        yield Figure(cell, number, caption_of(data[MIME]), data[MIME], "".join(data.get(SVG, "")))


def _name(output: Mapping[str, Any]) -> str:
    return str(output["metadata"]["scrapbook"]["name"])


def _numbers(outputs: Sequence[tuple[int, Mapping[str, Any]]]) -> Iterator[Number]:
    for cell, output in outputs:
        if quoted := output.get("data", {}).get(f"{GLUE_PREFIX}text/plain"):
            yield Number(cell, _name(output), str(ast.literal_eval("".join(quoted))))


def _pieces(outputs: Sequence[tuple[int, Mapping[str, Any]]]) -> Iterator[Piece]:
    for cell, output in outputs:
        if html := output.get("data", {}).get(f"{GLUE_PREFIX}text/html"):
            yield Piece(cell, _name(output), "".join(html))


def _parsed(output: Mapping[str, Any]) -> "Tag":
    from bs4 import BeautifulSoup

    return BeautifulSoup("".join(output["data"]["text/html"]), "html.parser")


def _text(tag: "Tag | None") -> str:
    return " ".join(tag.get_text(" ").split()) if tag else ""


def _tables(html: Sequence[tuple[int, "Tag"]]) -> Iterator[Table]:
    found = [(cell, figure) for cell, page in html for figure in page.select("figure.emo-table:not(.emo-matrix)")]
    found = [(cell, figure) for cell, figure in found if not figure.select("tbody.emo-parameters")]
    for number, (cell, figure) in enumerate(found, 1):
        heads = figure.select("thead th")
        columns = tuple(_text(head) for head in heads)
        keys = tuple(_text(head) for head in heads if head.has_attr("data-key"))
        rows = [tuple(_text(one) for one in row.select("th, td")) for row in figure.select("tbody tr")]
        whole = tuple(row for row in rows if len(row) == len(columns))
        yield Table(cell, number, _text(figure.select_one("figcaption")), columns, keys, whole)


def _verdicts(html: Sequence[tuple[int, "Tag"]], model: str) -> Iterator[Outcome]:
    for cell, page in html:
        for box in page.select("section.emo-verdict"):
            claim, outcome = (_text(box.select_one(f"{of} strong")) for of in (".emo-claim", ".emo-outcome"))
            told = dict(zip(map(_text, box.select("dt")), map(_text, box.select("dd")), strict=True))
            yield Outcome(cell, claim, model, outcome, told.get("Because", ""))


def _matrix(html: Sequence[tuple[int, "Tag"]]) -> Iterator[Outcome]:
    for cell, page in html:
        for table in page.select("figure.emo-matrix table"):
            models = [str(head.get("title") or _text(head)) for head in table.select("thead th")[1:]]
            for row in table.select("tbody tr"):
                claim = _text(row.select_one("th strong"))
                for model, one in zip(models, row.select("td"), strict=True):
                    if outcome := _text(one.select_one("summary")):
                        yield Outcome(cell, claim, model, outcome, _text(one.select_one("p")))


def _provenance(page: "Tag") -> Iterator[tuple[str, str | Mapping[str, str]]]:
    for row in page.select("details.emo-footer tr"):
        value = row.select_one("td")
        parts = value.select(".emo-parts > span") if value else []
        told = {_text(part).split(" ")[0]: _text(part.select_one("code")) for part in parts}
        yield _text(row.select_one("th")), told or _text(value)


def problems_of(name: str, file: Path) -> list[str]:
    """Check a source of a page: the problems of an executed notebook; none for any other file."""
    return notebook_problems(file) if name.endswith(".ipynb") else []


def notebook_problems(file: Path) -> list[str]:
    """Say what keeps an executed notebook from being a page: errors, cells not run, figures without description."""
    try:
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    except (ValueError, KeyError) as error:
        return [f"is no notebook ({error})"]
    problems = []
    for number, cell in enumerate(cells, 1):
        if cell["cell_type"] != "code" or not "".join(cell["source"]).strip():
            continue
        if cell.get("execution_count") is None:
            problems.append(f"cell {number} was not run")
        problems += [f"cell {number} {why}" for output in cell["outputs"] for why in _output_problems(output)]
    return problems


def pictures(file: Path) -> list[str]:
    """Give the figures of an executed notebook as SVG; none where it is not there."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"] if file.is_file() else []
    shown = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    return ["".join(data["image/svg+xml"]) for data in shown if MIME in data]


def _output_problems(output: Mapping[str, Any]) -> Iterator[str]:
    if output["output_type"] == "error":
        yield f"raised {output.get('ename')}: {output.get('evalue')}"
    chart = output.get("data", {}).get(MIME)
    if chart is not None and not chart.get("description"):
        yield "shows a figure without a description"


def fresh(planned: Planned, destination: Path) -> bool:
    """Say whether an executed notebook is what executing now would give."""
    return recorded(destination).get("key") == planned.key


def recorded(executed: Path) -> Mapping[str, Any]:
    """Read what `execute` noted in a notebook: key, parameters and what they stand for, versions, commit and seconds.

    Empty if it did not write the notebook.
    """
    try:
        found = json.loads(executed.read_text(encoding="utf-8"))["metadata"]["emomech"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
