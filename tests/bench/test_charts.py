"""Charts of a record: each can be drawn, and describes itself."""

from collections.abc import Callable
from pathlib import Path

from emomech.bench import charts, results
from emomech.bench import run as bench_run
from emomech.bench.result import Result


def test_every_chart_describes_itself(tmp_path: Path, line: Result, record_of: Callable[..., dict]) -> None:
    held = {"ours": 3.0, "theirs": 2.0, "most": 2.2}
    other = Result("a model", "another", "layer", 1.5, "bare", 1.0, 0.8, False, "because", held=held)
    file = tmp_path / "bench.json"
    bench_run.write(record_of(line, other), file)
    record = results.read(str(file))
    for chart in (charts.ratios(record.ratios), charts.growth(record.growth), charts.turns(record.turns)):
        assert chart.to_dict()["description"]
    assert charts.memory(record.memory).to_dict()["description"]
