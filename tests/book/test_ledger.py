"""The ledger lists everything that a book shows with its origin, and an outdated ledger is a problem."""

import json
import os
from pathlib import Path

import planted_book
import pytest

from emomech.book import ledger, runner
from emomech.study import run


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return planted_book.write(tmp_path / "results", flow=planted_book.executed(), depth=planted_book.executed("depth"))


@pytest.fixture
def html(results: Path) -> Path:
    """Folder of pages with a ledger beside them."""
    ledger.write(results, ["flow", "depth"])
    folder = results.parent / "html"
    folder.mkdir()
    (folder / ledger.LEDGER).write_bytes((results / ledger.LEDGER).read_bytes())
    return folder


def test_every_figure_table_and_number_is_listed_with_its_cell(results: Path, html: Path) -> None:
    content = json.loads((results / ledger.LEDGER).read_text())
    listed = [
        (artefact["id"], artefact["kind"], artefact["cell"], artefact["shows"]) for artefact in content["artefacts"]
    ]
    assert listed[:4] == [
        ("flow.figure-1", "figure", 3, "How well."),
        ("flow.table-1", "table", 4, "The scores."),
        ("flow.accuracy", "number", 2, "0.80 [0.60, 0.90]"),
        ("flow.n", "number", 2, "1,200"),
    ]
    assert [artefact["notebook"] for artefact in content["artefacts"]] == ["flow"] * 4 + ["depth"] * 4


def test_an_origin_names_study_seed_versions_commit_and_time(results: Path, html: Path) -> None:
    origin = json.loads((results / ledger.LEDGER).read_text())["notebooks"]["flow"]
    assert origin["seed"] == 0 and origin["parameters"]["limit"] == 9
    assert origin["identity"]["model"]["content"] == "c0ffee"
    assert origin["versions"] == {"torch": "2.13.0"}
    assert (origin["commit"], origin["seconds"]) == ("0123456789ab", 3.5)
    assert origin["run"]["commit"] == "abcdef012345 with changes"


def test_what_is_shown_decides_the_hash(results: Path, html: Path) -> None:
    before = {
        artefact["id"]: artefact["sha256"]
        for artefact in json.loads((results / ledger.LEDGER).read_text())["artefacts"]
    }
    planted_book.write(results, flow=planted_book.executed(table=planted_book.scores(0.7)))
    ledger.write(results, ["flow", "depth"])
    after = {
        artefact["id"]: artefact["sha256"]
        for artefact in json.loads((results / ledger.LEDGER).read_text())["artefacts"]
    }
    assert {name for name in before if before[name] != after[name]} == {"flow.figure-1", "flow.table-1"}


def test_the_page_of_the_ledger_escapes_what_it_lists(results: Path) -> None:
    planted_book.write(results, flow=planted_book.executed(numbers={"outcome": "partly <b>"}))
    ledger.write(results, ["flow"])
    page = ledger.source(results).read_text()
    assert "partly &lt;b&gt;" in page and "<b>" not in page
    assert "## flow" in page and "content c0ffee" not in page and "c0ffee" in page


def test_a_ledger_that_is_that_of_the_notebooks_is_no_problem(results: Path, html: Path) -> None:
    assert ledger.problems(results, html, ["flow", "depth"]) == []


def test_a_stale_or_missing_ledger_is_a_problem(results: Path, html: Path) -> None:
    planted_book.write(results, flow=planted_book.executed(numbers={"accuracy": "0.81"}))
    assert ledger.problems(results, html, ["flow", "depth"]) == [
        "ledger.json: is out of date: it does not match the executed notebooks"
    ]
    (html / ledger.LEDGER).unlink()
    assert ledger.problems(results, html, ["flow", "depth"]) == ["ledger.json: is missing"]


def test_a_notebook_without_origin_is_a_problem(results: Path, html: Path) -> None:
    planted_book.write(results, flow=planted_book.executed(record={"key": ""}))
    assert "ledger.json: flow: does not say what it was executed with" in ledger.problems(results, html, ["flow"])


def test_a_new_commit_makes_nothing_stale(results: Path, html: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = runner.prepare("behaviour", {}).key
    for module in (run, runner):
        monkeypatch.setattr(module, "commit", lambda: "another")
    assert runner.prepare("behaviour", {}).key == before
    assert ledger.problems(results, html, ["flow", "depth"]) == []
    page = ledger.source(results).read_text()
    ledger.write(results, ["flow", "depth"])
    assert ledger.source(results).read_text() == page


def test_a_ledger_is_current_until_a_notebook_changes(results: Path, html: Path) -> None:
    assert ledger.is_current(results, ["flow", "depth"])
    notebook = results / "depth.ipynb"
    later = (results / ledger.LEDGER).stat().st_mtime_ns + 10**9
    os.utime(notebook, ns=(later, later))
    assert not ledger.is_current(results, ["flow", "depth"])
    ledger.write(results, ["flow", "depth"])
    os.utime(notebook, ns=(0, 0))
    (results / ledger.LEDGER).unlink()
    assert not ledger.is_current(results, ["flow", "depth"])
