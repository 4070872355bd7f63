"""A small book for the browser: one executed notebook with everything that a notebook can show."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import planted_rules
import pytest

from emomech.book import build
from emomech.book.claims import MATRIX
from emomech.chapters.behaviour import charts as behaviour_charts
from emomech.chapters.flow import charts as flow_charts
from emomech.chapters.verdict import OUTCOMES, Verdict
from emomech.figures import palette
from emomech.notebook import figures, provenance, quoting, tables, verdicts
from emomech.notebook.checklist import to_json
from emomech.stats.estimates import Estimate
from emomech.stats.tables import Schema

CHROMIUM = Path("/usr/bin/chromium")
SCORES = Schema(
    keys={"predictor": "who answers", "group": "which texts"},
    values={
        "balanced_accuracy": "mean recall over the emotions",
        "low": "lower end of the 95 % interval",
        "high": "upper end of the 95 % interval",
        "chance": "what guessing gives",
        "n": "texts",
    },
)


def scores() -> pd.DataFrame:
    rows = [
        (who, group, value - i / 10, value - i / 10 - 0.05, value - i / 10 + 0.04, 1 / 6, 1200)
        for who, value in [("model", 0.83), ("bag of words", 0.51), ("majority", 0.25), ("random weights", 0.22)]
        for i, group in enumerate(["all texts", "an item type with a rather long name <b>&"])
    ]
    return pd.DataFrame(rows, columns=list(SCORES.columns))


def stages() -> pd.DataFrame:
    rows = [
        ("words", condition, stage, depth, share, max(0, share - 0.03), share + 0.03, 0.0)
        for condition, strength in [("trained", 1), ("random weights", 0.3), ("shuffled labels", 0.1)]
        for shift, stage in enumerate(palette.STAGE_COLOURS)
        for depth in (0, 0.25, 0.5, 0.75, 1)
        for share in [max(0.02, 0.4 - (depth - shift / 3) ** 2) * strength]
    ]
    return pd.DataFrame(rows, columns=["where", "condition", "stage", "depth", "explained", "low", "high", "chance"])


def code_cell(number: int, *shown: object) -> Any:
    """A code cell as it stands after execution; each thing shown becomes one output."""
    outputs = []
    for thing in shown:
        if isinstance(thing, tuple):
            data, metadata = thing
        else:
            bundle = getattr(thing, "_repr_mimebundle_", None)
            data, metadata = bundle() if bundle else {"text/html": thing._repr_html_()}, {}  # pyright: ignore
        outputs.append(nbformat.v4.new_output("display_data", data, metadata=metadata))
    cell = nbformat.v4.new_code_cell("notebook.show()", execution_count=number, outputs=outputs)
    cell.metadata["tags"] = ["hide-input"]
    return cell


def executed_notebook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Everything that a notebook can show, made by the functions that notebooks call."""
    glued: list[tuple[dict, dict]] = []
    monkeypatch.setattr(quoting, "display", lambda data, raw, metadata: glued.append((data, metadata)))
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "1")  # what setup sets is taken back with it
    figures.setup()
    quoting.glue("stub", {"accuracy": Estimate(0.83, 0.78, 0.87, 1200), "n": 1200, "outcome": "partly <b>"})
    cards = [
        Verdict("C1", "Three phases <b>&amp;</b>.", outcome, "A reason. " * 8, planted_rules.checks())
        for outcome in OUTCOMES
    ]
    matrix = pd.DataFrame(
        [
            (card.claim, model, card.statement, "flow", "", card.outcome, card.reason, "", "", to_json(card.checks))
            for card, model in zip(
                cards, ("organism", "organism-seed1", "gpt2", "pythia", "gemma", "llama"), strict=True
            )
        ],
        columns=list(MATRIX.columns),
    )
    record = {
        "study": {"model": "organism", "corpus": "organism", "seed": 0},
        "key": "0123456789abcdef",
        "versions": {"torch": "2.13.0", "transformers": "5.0.0"},
        "seconds": 12.3,
        "tables": {"accuracy": {"sha256": "ab" * 32, "columns": {}}},
    }
    wide = pd.concat([scores().add_suffix(f"_{i}") for i in range(4)], axis=1)
    wide_schema = Schema({name: f"the meaning of {name}" for name in wide.columns})
    cells = [
        nbformat.v4.new_markdown_cell(
            "# A small page\n\nIt has {glue:text}`stub.accuracy` on {glue:text}`stub.n` texts."
        ),
        code_cell(1, *glued),
        code_cell(2, figures.figure(behaviour_charts.accuracy(scores()), "Accuracy. </script><b>Not bold.</b>")),
        code_cell(3, tables.table(scores(), SCORES, caption="The scores.")),
        nbformat.v4.new_markdown_cell("## Below\n\n{glue:text}`stub.outcome`"),
        code_cell(4, figures.figure(flow_charts.stages(stages(), "words"), "Profiles, with a control to choose.")),
        code_cell(5, tables.table(wide, wide_schema, caption="A table that is wider than any page.")),
        code_cell(6, *map(verdicts.verdict_box, cards), verdicts.table(matrix)),
        code_cell(7, provenance.note("A remark."), provenance.footer(record)),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the pages to look at: the small book, or the one that EMOMECH_BOOK names."""
    if named := os.environ.get("EMOMECH_BOOK"):
        return Path(named).resolve()
    folder = tmp_path_factory.mktemp("book")
    with pytest.MonkeyPatch.context() as monkeypatch:
        nbformat.write(executed_notebook(monkeypatch), folder / "stub.ipynb")
    return build.render_single(folder / "stub.ipynb", folder / "html").parent


@pytest.fixture(scope="session")
def pages(html: Path) -> list[Path]:
    """All pages but those that only send the reader on."""
    files = [file for file in sorted(html.rglob("*.html")) if "_static" not in file.relative_to(html).parts]
    return [file for file in files if 'http-equiv="Refresh"' not in file.read_text(encoding="utf-8")]


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[[], Any]]:
    """What starts Chromium, as the system has it."""
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM} (apt-get install chromium)"
        if os.environ.get("EMOMECH_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield lambda: playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])


@pytest.fixture(scope="session")
def browser(start: Callable[[], Any]) -> Iterator[Any]:
    """A browser that all tests share."""
    chromium = start()
    yield chromium
    chromium.close()
