"""Every notebook follows the template, and executes from its first cell to its last on few texts of the default."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbformat import NotebookNode

from emomech.book import runner, warm_kernels
from emomech.book.checks.prose import typed_numbers
from emomech.book.executed_notebook import ExecutedNotebook
from emomech.book.warm_kernels import KernelServer
from emomech.notebook import parameters

NOTEBOOKS = runner.notebooks()
STUDY = {"model", "corpus", "emotions", "prompt", "seed", "limit"}
APPENDIX = {"organism", "causal_features"}
"""Pages that test no claim, so they have no verdict."""
LONG = {"depth", "sharing", "tracing", "steering", "transfer", "early_layers", "scarcity"}
"""Pages that this test executes on so few texts that they only say why the claim cannot be tested.

With EMOMECH_EVERY_NOTEBOOK=1 the test executes them on enough texts. The book always does.
"""
TOO_FEW = {"limit": 60}
MEASURED = {"speed"}
"""Pages that show kept measurements and study no model."""
SUMMARY = {"verdicts", "rules", "editions"}
"""Pages that summarise others: they study several models, and their verdicts are those of other pages."""
FEW = {
    "behaviour": {"limit": 200, "n_resamples": 50, "n_draws": 2},
    "fidelity": {"limit": 400, "n_draws": 2},
    "depth": {"limit": 800, "controls": "none", "n_texts": 112, "n_edited": 28, "n_resamples": 800, "n_draws": 2},
    "flow": {"limit": 300, "n_permutations": 20, "n_resamples": 20, "n_draws": 2},
    "early_layers": {"limit": 700, "most": 8, "n_language": 8, "n_draws": 2},
    "sharing": {"limit": 800, "most": 20, "n_permutations": 20, "n_resamples": 20, "n_draws": 2},
    "tracing": {"limit": 400, "n_discover": 8, "n_report": 5, "n_single": 1, "n_resamples": 20, "n_draws": 2},
    "concentration": {"limit": 800, "n_texts": 12, "n_resamples": 50, "n_draws": 2},
    "steering": {"limit": 700, "n_tune": 5, "n_report": 12, "n_resamples": 50, "n_label_draws": 3},
    "transfer": {"limit": 500, "n_report": 6, "n_resamples": 50, "words": ""},
    "scarcity": {"models": "organism", "limit": 200, "n_texts": 12, "n_resamples": 20, "n_draws": 2},
    "causal_features": {"limit": 800, "n_features": 1, "n_texts": 12, "n_resamples": 20},
    "organism": {"limit": 200},
    "speed": {},
    "verdicts": {"models": "organism", "claims": "premise", "first": "quick"},
    "rules": {"models": "organism", "first": "quick", "settings": "limit=60"},
    "editions": {"first": "quick", "settings": "limit=60"},
}


@pytest.fixture(scope="session")
def server() -> Iterator[KernelServer | None]:
    """The process that kernels are forked from, as in a book."""
    with warm_kernels.server_for(len(NOTEBOOKS), {}) as server:
        yield server


@pytest.fixture(params=NOTEBOOKS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def notebook(name: str) -> NotebookNode:
    return jupytext.read(NOTEBOOKS[name])


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_there_are_chapters() -> None:
    assert {"behaviour", "fidelity", "flow"} <= set(NOTEBOOKS)


def test_it_begins_with_a_title_and_a_claim_then_its_parameters(name: str, notebook: NotebookNode) -> None:
    first, second, third = notebook.cells[:3]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert f"{{glue:text}}`{name}.{'' if name in APPENDIX | MEASURED | SUMMARY else 'outcome`'}" in first.source
    assert second.metadata.tags == ["parameters"]
    assert f'parameters_table("{name}"' in third.source
    needed = {"model", "seed", "limit"} if name in APPENDIX else {"models"} if name in SUMMARY else STUDY
    needed = {"measured"} if name in MEASURED else needed
    assert set(parameters.read(NOTEBOOKS[name])) >= needed


def test_code_is_hidden_and_short(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        if "parameters" not in cell.metadata.tags:
            assert {"hide-input", "remove-cell"} & set(cell.metadata.tags)
        assert len(cell.source.splitlines()) <= (16 if "parameters" in cell.metadata.tags else 14)
        assert not re.search(r"\b(torch|transformers|for|while|def)\b", re.sub(r'"[^"]*"', "", cell.source))


def test_it_ends_with_a_verdict_what_could_be_wrong_tasks_and_where_it_comes_from(
    name: str, notebook: NotebookNode
) -> None:
    boxes = [cell.source for cell in code(notebook) if "verdict_box" in cell.source]
    assert boxes[-1:] == ([] if name in APPENDIX | MEASURED | SUMMARY else ["notebook.verdict_box(verdict)"])
    assert "**What could still be wrong.**" in prose(notebook)
    assert "**Try it.**" in prose(notebook)
    source = "provenance(" if name in SUMMARY else "run.provenance"
    assert re.match(rf"notebook\.footer\(.*{re.escape(source)}.*\)$", notebook.cells[-1].source)


def test_no_figure_of_a_result_is_typed_into_prose(notebook: NotebookNode) -> None:
    assert typed_numbers(prose(notebook)) == []


def test_it_executes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: KernelServer | None) -> None:
    monkeypatch.setenv("EMOMECH_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # other tests use the other cores
    short = name in LONG and not os.environ.get("EMOMECH_EVERY_NOTEBOOK")
    planned = runner.prepare(name, TOO_FEW if short else FEW[name])
    executed = runner.execute(planned, tmp_path / f"{name}.ipynb", server=server)
    assert ExecutedNotebook.read(executed).is_fresh(planned.key)
    cells = code(nbformat.read(executed, as_version=4))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type in ("error", "stream")]
    figures = [output for output in outputs if any("vega" in kind for kind in output.get("data", {}))]
    assert len(figures) == sum(cell.source.count("notebook.figure(") for cell in cells)
    assert figures or name in SUMMARY
    glued = {output.metadata.scrapbook.name for output in outputs if "scrapbook" in output.get("metadata", {})}
    assert set(re.findall(r"\{glue:text\}`([^`]+)`", NOTEBOOKS[name].read_text())) <= glued
