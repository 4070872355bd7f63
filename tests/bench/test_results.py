"""Records as tables: targets are counted, missed ones are named, and a file that is not a record is an error."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from emomech.bench import results
from emomech.bench import run as bench_run
from emomech.bench.result import Result
from emomech.book.runner import key
from emomech.core.errors import EmomechError, UsageError
from emomech.figures.palette import BESIDE_COLOURS, TASK_COLOURS


def test_the_page_counts_targets_and_names_those_that_are_missed(
    tmp_path: Path, line: Result, record_of: Callable[..., dict]
) -> None:
    held = {"ours": 3.0, "theirs": 2.0, "most": 2.2}
    other = Result("a model", "another", "layer", 1.5, "bare", 1.0, 0.8, False, "because", held=held)
    file = tmp_path / "bench.json"
    bench_run.write(record_of(line, other), file)
    record = results.read(str(file), str(tmp_path / "none.json"))
    assert (record.numbers["n_targets"], record.numbers["n_met"]) == ("3", "1")
    assert record.numbers["missed"] == "Missed: another (a model); memory of another (a model)."
    assert record.numbers["gpu"] == "No GPU was available."
    assert list(record.memory.outcome) == ["missed"] and list(record.ratios.kind) == ["nnsight", "the plain way"]
    assert len(record.turns) == 3 and list(record.provenance) == [str(file)]


def test_a_file_that_holds_no_run_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text("{}")
    with pytest.raises(EmomechError, match="is not a record of a benchmark"):
        results.read(str(file))


def test_a_page_without_any_record_says_how_to_come_by_one() -> None:
    with pytest.raises(UsageError, match=r"no\.json and none\.json: expected the record of a run .* --output"):
        results.read("no.json", "none.json")


def test_the_records_of_the_book_can_be_shown() -> None:
    record = results.read("book/bench.json", "book/bench_gpu.json")
    assert {"embedded model", "GPT-2's shape"} <= set(record.compared.measured_on)
    assert all(math.isfinite(ratio) for ratio in record.ratios.ratio)
    assert set(record.growth.task) <= set(TASK_COLOURS) and set(record.ratios.kind) <= set(BESIDE_COLOURS)


def test_a_new_record_makes_the_page_stale(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text("1")
    before = key("", {"measured": str(file)}, {})
    file.write_text("2")
    assert key("", {"measured": str(file)}, {}) != before


def test_a_time_is_written_in_its_unit() -> None:
    texts = [results.seconds(value).replace("\u00a0", " ") for value in (2.0, 0.0123, 4.5e-6, 3e-9)]
    assert texts == ["2 s", "12.3 ms", "4.5 µs", "3 ns"]
