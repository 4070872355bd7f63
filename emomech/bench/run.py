"""Run all comparisons, and write their record, with facts about the machine, as a table and as a file."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.bench import results
from emomech.core import files, progress
from emomech.core.errors import UsageError

if TYPE_CHECKING:
    from emomech.bench.interleaved import Processes
    from emomech.bench.result import Result
    from emomech.bench.scaling import Growth

QUIET = 0.5
"""Load of the machine below which times count: the mean number of processes that ran in the last minute."""
N_PARTS = 18
"""Parts of a full run; a quick one does not measure how the cost of models grows."""
_PACKAGES = ("torch", "transformers", "scipy", "numpy")
Part = tuple[str, "Iterator[Result] | Iterator[Growth]"]
"""What is measured, and its results."""


def run(quick: bool, say: Callable[[str], None], busy: bool = False) -> dict[str, Any]:
    """Measure everything, with one process per implementation; return the record as JSON values.

    `say` is called with the name of each part before it begins. Raises UsageError for a machine that is not quiet,
    unless the run is `quick` or `busy` allows it.
    """
    import torch

    from emomech.bench import environments
    from emomech.bench.comparisons import FULL, QUICK
    from emomech.bench.interleaved import Processes
    from emomech.bench.result import Result
    from emomech.bench.timing import matmul_rate

    started, load = time.monotonic(), os.getloadavg()[0]
    _check_quiet(load, quick or busy, say)
    sizes = QUICK if quick else FULL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    lines, growth, seconds = [], [], {}
    try:
        with tempfile.TemporaryDirectory(prefix="emomech-bench-") as name:
            rate = matmul_rate(sizes.n_turns)
            with (
                Processes(Path(name), sizes.n_turns) as processes,
                progress.track("benchmark", N_PARTS - quick, "part") as bar,
            ):
                for part, measured in _parts(Path(name), processes, quick):
                    say(part)
                    begun = time.monotonic()
                    for line in measured:
                        (lines if isinstance(line, Result) else growth).append(line)
                    seconds[part] = round(time.monotonic() - begun, 1)
                    bar.advance()
    finally:
        torch.set_num_threads(threads)
    facts = {"product_gflops": round(rate / 1e9, 1), "load": round(load, 2), "busy": busy}
    facts["seconds"] = round(time.monotonic() - started)
    record: dict[str, Any] = {"quick": quick, "machine": _machine() | facts, "seconds": seconds}
    record |= {"versions": {name: version(name) for name in _PACKAGES} | environments.versions()}
    record |= {"results": [asdict(result) | {"ratio": result.ratio} for result in lines]}
    return record | {"growth": [asdict(line) for line in growth]}


def _check_quiet(load: float, allowed: bool, say: Callable[[str], None]) -> None:
    """Raise UsageError for a load that disturbs the times; say so where it is allowed."""
    if load < QUIET:
        return
    found = f"load {load:.2f}: other programs are running, expected less than {QUIET}"
    if not allowed:
        raise UsageError(
            f"{found}. End them and wait a minute. --busy measures all the same, and the record says so; --quick is "
            "for a first look."
        )
    say(f"{found}; times are only a first look")


def _parts(folder: Path, processes: "Processes", quick: bool) -> Iterator[Part]:
    """Yield everything that is measured; a part is measured while its results are read."""
    from emomech.bench import analyses, comparisons, deep, scaling, stores, training, workloads

    sizes = comparisons.QUICK if quick else comparisons.FULL
    yield "command line", comparisons.start(sizes)
    scores = processes.on(folder / "scores")
    yield "scores", comparisons.scores(scores, sizes)
    yield "scores: growth", scaling.measure_score_growth(scores)
    for make in (workloads.embedded, workloads.gpt2_shaped):
        workload = make(sizes.n_texts)
        on = processes.on(workloads.save(workload, folder / workload.name))
        yield from _of_workload(workload, on, sizes)
        if workload.name == workloads.GPT2 and not quick:
            yield f"{workload.name}: growth", scaling.measure_growth(workload, on, sizes)
    of_training = training.QUICK if quick else training.FULL
    yield "training", training.training(folder / "training", processes, of_training)
    on, n_layers = processes.on(deep.write(folder / "deep", analyses.N_TEXTS)), deep.SHAPE["num_hidden_layers"]
    yield f"{deep.SMOLLM}: store", stores.storing(on, n_layers, stores.QUICK if quick else stores.FULL)
    for name in analyses.ANALYSES:
        of_analyses = analyses.QUICK if quick else analyses.FULL
        yield f"{deep.SMOLLM}: {name}", analyses.whole(on, n_layers, name, of_analyses)


def _of_workload(workload: Any, processes: "Processes", sizes: Any) -> Iterator[Part]:
    """Yield all tasks of a model."""
    from emomech.bench import comparisons
    from emomech.bench.timing import matmul_rate

    rate = matmul_rate(sizes.n_turns, workload.lm.d_model)
    yield f"{workload.name}: capture", comparisons.capture(workload, processes, rate)
    yield f"{workload.name}: attribution", comparisons.screen(workload, processes, rate)
    yield f"{workload.name}: effects", comparisons.effects(workload, processes, sizes)
    yield f"{workload.name}: steering", comparisons.doses(workload, processes)
    yield f"{workload.name}: patching", comparisons.patching(workload, processes)


def _machine() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": 1,
        "python": platform.python_version(),
    }


def write(record: Mapping[str, Any], file: Path) -> None:
    """Write a record as JSON, whole or not at all."""
    files.write_atomic(file, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def markdown(record: Mapping[str, Any]) -> str:
    """Write two tables in Markdown: all comparisons, and how cost grows."""
    compared = [(*results.as_text(line).values(), memory(line["held"])) for line in record["results"]]
    growth = [
        (line["subject"], line["task"], line["of"], f"{line['exponent']:.2f} [{line['low']:.2f}, {line['high']:.2f}]")
        for line in record["growth"]
    ]
    columns = (*(name.replace("_", " ") for name in results.COMPARED.columns), "memory")
    return f"{_table(columns, compared)}\n\n{_table((*results.GROWTH.keys, 'exponent of the cost'), growth)}"


def memory(held: Mapping[str, float] | None) -> str:
    """Write the peak memory of both implementations, and the target; empty if it was not measured."""
    if held is None:
        return ""
    text = f"{_megabytes(held['ours'])}, theirs {_megabytes(held['theirs'])}"
    most = held.get("most")
    return text + (f"; {'met' if held['ours'] <= most else 'missed'} (at most {_megabytes(most)})" if most else "")


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 2**20:,.0f} MiB"


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [columns, ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
