"""Small executed notebooks, made by the functions that notebooks call, with the content that a test plants in them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import nbformat
import pandas as pd
import pytest

from emomech.chapters.verdict import Check, Verdict
from emomech.notebook import figures, provenance, quoting, tables, verdicts
from emomech.stats.tables import Schema

SCORES = Schema({"who": "who answers", "layer": "where"}, {"score": "how well", "low": "from", "high": "to"})
PROVENANCE = {
    "study": {"model": "organism", "seed": 0},
    "key": "0123456789abcdef",
    "commit": "abcdef012345 with changes",
    "versions": {"torch": "2.13.0"},
    "seconds": 12.3,
    "tables": {"accuracy": {"sha256": "ab" * 32, "columns": {}}},
}
RECORD = {
    "key": "k" * 32,
    "parameters": {"model": "organism", "seed": 0, "limit": 9},
    "overrides": {"limit": 9},
    "identity": {"model": {"kind": "model", "content": "c0ffee"}, "corpus": {"grammar": "vignettes"}, "seed": 0},
    "versions": {"torch": "2.13.0"},
    "commit": "0123456789ab",
    "seconds": 3.5,
}


def scores(first: float = 0.8, who: Sequence[str] = ("model", "bag")) -> pd.DataFrame:
    rows = [(name, layer, first - layer / 10, first - 0.2, first + 0.1) for name in who for layer in (0, 1)]
    return pd.DataFrame(rows, columns=list(SCORES.columns))


def chart(frame: pd.DataFrame, description: str = "A chart.") -> alt.Chart:
    """A chart of few marks."""
    return alt.Chart(frame, description=description).mark_point().encode(x="score:Q", y="who:N")


def shows(*things: object) -> Any:
    """A code cell that showed these things: figures, HTML, or pairs of data and metadata."""
    outputs = []
    for thing in things:
        data, metadata = thing if isinstance(thing, tuple) else (_data(thing), {})
        outputs.append(nbformat.v4.new_output("display_data", data, metadata=metadata))
    return nbformat.v4.new_code_cell("show()", execution_count=1, outputs=outputs)


def _data(thing: Any) -> Mapping[str, Any]:
    bundle = getattr(thing, "_repr_mimebundle_", None)
    return bundle() if bundle else {"text/html": thing._repr_html_()}


def glued(page: str, numbers: Mapping[str, object], **pieces: Any) -> list[tuple[dict, dict]]:
    """What `notebook.glue` and `notebook.glue_html` display."""
    displayed: list[tuple[dict, dict]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quoting, "display", lambda data, raw, metadata: displayed.append((data, metadata)))
        quoting.glue(page, numbers)
        for name, piece in pieces.items():
            quoting.glue_html(page, name, piece)
    return displayed


def verdict(outcome: str = "replicates", reason: str = "The interval excludes zero.") -> Verdict:
    check = Check("It falls.", "decides", "met", "points", "0.30 [0.20, 0.40]", "random weights")
    return Verdict("C1", "Three phases.", outcome, reason, (check,))  # pyright: ignore[reportArgumentType]


def executed(
    name: str = "flow",
    numbers: Mapping[str, object] | None = None,
    table: pd.DataFrame | None = None,
    shown_verdict: Verdict | None = None,
    record: Mapping[str, Any] | None = None,
    prose: str = "",
) -> Any:
    """An executed notebook with a figure, a table, numbers, a verdict and their provenance."""
    frame = scores() if table is None else table
    cells = [
        nbformat.v4.new_markdown_cell(prose or f"# A page\n\nIt is {{glue:text}}`{name}.accuracy`."),
        shows(*glued(name, numbers or {"accuracy": "0.80 [0.60, 0.90]", "n": 1200})),
        shows(figures.figure(chart(frame), "How well.")),
        shows(tables.table(frame, SCORES, caption="The scores.")),
        shows(verdicts.verdict_box(shown_verdict or verdict())),
        shows(provenance.footer(PROVENANCE)),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}, "emomech": {**RECORD, **(record or {})}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def write(results: Path, **notebooks: Any) -> Path:
    """Write executed notebooks under their names into a folder."""
    results.mkdir(parents=True, exist_ok=True)
    for name, notebook in notebooks.items():
        nbformat.write(notebook, results / f"{name}.ipynb")
    return results
