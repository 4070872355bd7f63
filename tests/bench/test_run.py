"""A run: everything is measured, printed as a table, and kept as a file."""

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emomech.bench import comparisons, deep, results, training, workloads
from emomech.bench import run as bench_run
from emomech.bench.activations import BATCH
from emomech.bench.result import Result
from emomech.cli import main as cli
from emomech.core.errors import UsageError
from emomech.core.paths import CHECKOUT


def test_readme_quotes_no_figure_of_speed_but_names_the_record() -> None:
    text = (CHECKOUT / "README.md").read_text()
    assert "book/bench.json" in text and not re.search(r"\d ?(×|ms\b|times as)", text)


def test_a_record_is_a_table_and_a_file(tmp_path: Path, line: Result, record_of: Callable[..., dict]) -> None:
    other = Result("a model", "another", "layer", 1.5, "none", "none", 1.0, False, "because")
    file = tmp_path / "bench.json"
    bench_run.write(record_of(line, other), file)
    table = bench_run.markdown(json.loads(file.read_text()))
    table = table.replace("\u00a0", " ")
    assert "| 25× |  |  | 20× | met | 2 ms | 50 ms |" in table and "|  |  |  | 1 s | missed | 1.5 s | none |" in table
    assert "| texts | 1.00 [0.90, 1.10] |" in table
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


def test_the_command_prints_the_table_and_keeps_the_record(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: Result,
    record_of: Callable[..., dict],
) -> None:
    monkeypatch.setattr(
        bench_run, "run", lambda quick, say, busy: {**record_of(line), "quick": quick, "machine": {"busy": busy}}
    )
    with pytest.raises(SystemExit) as end:
        cli.main(["bench", "--quick", "--busy", "--output", str(tmp_path / "bench.json")])
    assert end.value.code == 0
    assert "| 25× |  |  | 20× | met |" in capsys.readouterr().out
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept == json.loads(json.dumps(record_of(line))) | {"machine": {"busy": True}}


def test_a_full_run_needs_a_quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (0.73, 0.0, 0.0))
    with pytest.raises(UsageError, match=r"load 0\.73: other programs are running, expected less than 0\.5\..*--busy"):
        bench_run.run(False, print)
    said: list[str] = []
    bench_run._check_quiet(0.73, True, said.append)
    bench_run._check_quiet(0.2, False, said.append)
    assert said == ["load 0.73: other programs are running, expected less than 0.5; times are only a first look"]


@pytest.mark.usefixtures("in_process")
def test_a_whole_run_of_small_models_is_soon_done_and_can_be_shown(
    workload: workloads.Workload, deep_case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workloads, "gpt2_shaped", lambda n: workload)
    monkeypatch.setattr(workloads, "embedded", lambda n: replace(workload, name=workloads.EMBEDDED))
    monkeypatch.setattr(comparisons, "start", lambda sizes: [])
    monkeypatch.setattr(deep, "write", lambda folder, n_texts: deep_case)
    monkeypatch.setitem(deep.SHAPE, "num_hidden_layers", 4)
    monkeypatch.setattr(training, "QUICK", training.TrainingSizes(n_steps=2, n_pool=2 * BATCH, n_turns=1))
    monkeypatch.setattr(os, "getloadavg", lambda: (0.1, 0.0, 0.0))
    started, said = time.monotonic(), []
    bench_run.write(bench_run.run(True, said.append), tmp_path / "bench.json")
    assert time.monotonic() - started < 60 and len(said) == bench_run.N_PARTS - 1
    tables = results.read(str(tmp_path / "bench.json"))
    assert len(tables.whole) == 3 + 2 + 2 * 3 and not tables.memory.empty
    assert len(tables.compared) and not tables.alike.empty and set(tables.growth.of) == {"texts", "features"}
