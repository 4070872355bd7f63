"""What the bench found is told as it was found: the command's table, the record, and the page of figures."""

import json
import math
import re
from pathlib import Path

import pytest

from emomech.bench import charts, results, scaling
from emomech.bench import run as bench_run
from emomech.bench.comparisons import Result
from emomech.book.runner import key
from emomech.cli import main as cli
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import CHECKOUT
from emomech.figures.palette import BESIDE_COLOURS, TASK_COLOURS

ONE = Result("a model", "a task", "feature", 0.002, "nnsight, a loop", 0.05, 20.0, True, "why", 1e-7, 0.5)


def lines(*results: Result) -> dict:
    grown = scaling.Growth("a model", "a task", "texts", (1, 2, 4), (1.0, 2.0, 4.0), 1.0, 0.9, 1.1)
    machine, versions = {"system": "Linux"}, {"torch": "2"}
    found = {"quick": True, "machine": machine, "versions": versions, "growth": [vars(grown)]}
    return found | {"results": [{**vars(one), "ratio": one.ratio} for one in results]}


def test_readme_quotes_no_figure_of_speed_but_names_the_record() -> None:
    text = (CHECKOUT / "README.md").read_text()
    assert "book/bench.json" in text and not re.search(r"\d ?(×|ms\b|times as)", text)


def test_a_report_is_a_table_and_a_file(tmp_path: Path) -> None:
    other = Result("a model", "another", "layer", 1.5, "none", "none", 1.0, False, "because")
    file = tmp_path / "bench.json"
    bench_run.write(lines(ONE, other), file)
    table = bench_run.markdown(json.loads(file.read_text()))
    table = table.replace("\u00a0", " ")
    assert "| 25× | 20× | met | 2 ms | 50 ms |" in table and "|  | 1 s | missed | 1.5 s | none |" in table
    assert "| texts | 1.00 [0.90, 1.10] |" in table
    assert [one.name for one in tmp_path.iterdir()] == ["bench.json"]


def test_the_command_prints_the_table_and_keeps_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_run, "run", lambda quick, say: {**lines(ONE), "quick": quick})
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", "--quick", "--output", str(tmp_path / "bench.json")])
    assert end.value.code == 0
    assert "| 25× | 20× | met |" in capsys.readouterr().out
    assert json.loads((tmp_path / "bench.json").read_text()) == json.loads(json.dumps(lines(ONE)))


def test_the_page_counts_targets_and_names_those_that_are_missed(tmp_path: Path) -> None:
    held = {"ours": 3.0, "theirs": 2.0, "most": 2.2}
    other = Result("a model", "another", "layer", 1.5, "bare", 1.0, 0.8, False, "because", held=held)
    file = tmp_path / "bench.json"
    bench_run.write(lines(ONE, other), file)
    found = results.read(str(file), str(tmp_path / "none.json"))
    assert (found.numbers["n_targets"], found.numbers["n_met"]) == ("3", "1")
    assert found.numbers["missed"] == "Missed: another (a model); memory of another (a model)."
    assert found.numbers["gpu"] == "No GPU was at hand."
    assert list(found.memory.outcome) == ["missed"] and list(found.ratios.kind) == ["nnsight", "the plain way"]
    assert len(found.turns) == 3 and list(found.provenance) == [str(file)]
    for chart in (charts.ratios(found.ratios), charts.growth(found.growth), charts.turns(found.turns)):
        assert chart.to_dict()["description"]
    assert charts.memory(found.memory).to_dict()["description"]


def test_a_file_that_holds_no_run_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text("{}")
    with pytest.raises(EmomechError, match="holds no run of the bench"):
        results.read(str(file))


def test_a_page_without_any_record_says_how_to_come_by_one() -> None:
    with pytest.raises(UsageError, match=r"no\.json and none\.json: expected the record of a run .* --output"):
        results.read("no.json", "none.json")


def test_the_records_of_the_book_can_be_shown() -> None:
    found = results.read("book/bench.json", "book/bench_gpu.json")
    assert {"embedded model", "GPT-2's shape"} <= set(found.compared.measured_on)
    assert all(math.isfinite(ratio) for ratio in found.ratios.ratio)
    assert set(found.growth.task) <= set(TASK_COLOURS) and set(found.ratios.kind) <= set(BESIDE_COLOURS)


def test_a_new_record_makes_the_page_stale(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text("1")
    before = key("", {"measured": str(file)}, {})
    file.write_text("2")
    assert key("", {"measured": str(file)}, {}) != before


def test_a_time_is_written_in_its_unit() -> None:
    found = [results.seconds(value).replace("\u00a0", " ") for value in (2.0, 0.0123, 4.5e-6, 3e-9)]
    assert found == ["2 s", "12.3 ms", "4.5 µs", "3 ns"]
