"""Run all comparisons, and write their record, with facts about the machine, as a table and as a file."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emomech.bench import results
from emomech.core import files

_PACKAGES = ("torch", "transformers", "scipy", "numpy")


def run(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything, with one process per implementation, on one thread; return the record as JSON values.

    `say` is called with the name of each part before it begins.
    """
    import torch

    from emomech.bench import comparisons, environments, scaling, workloads
    from emomech.bench.interleaved import Processes
    from emomech.bench.timing import matmul_rate

    started = time.monotonic()
    sizes = comparisons.QUICK if quick else comparisons.FULL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory(prefix="emomech-bench-") as name:
            folder = Path(name)
            lines = [*comparisons.start(sizes)]
            say("scores")
            lines += comparisons.scores(folder / "scores", sizes)
            growth = [*scaling.measure_score_growth(folder / "scores", sizes)]
            rate = matmul_rate(sizes.n_turns)
            for make in (workloads.embedded, workloads.gpt2_shaped):
                workload = make(sizes.n_texts)
                case = workloads.save(workload, folder / workload.name)
                with Processes(case, sizes.n_turns) as processes:
                    lines += _results(workload, processes, sizes, say)
                if workload.name == (workloads.EMBEDDED if quick else workloads.GPT2):
                    say(f"{workload.name}: growth")
                    growth += scaling.measure_growth(workload, case, sizes)
    finally:
        torch.set_num_threads(threads)
    facts = {"product_gflops": round(rate / 1e9, 1), "load": round(os.getloadavg()[0], 1)}
    facts["seconds"] = round(time.monotonic() - started)
    record: dict[str, Any] = {"quick": quick, "machine": _machine() | facts}
    record |= {"versions": {name: version(name) for name in _PACKAGES} | environments.versions()}
    record |= {"results": [asdict(result) | {"ratio": result.ratio} for result in lines]}
    return record | {"growth": [asdict(line) for line in growth]}


def _results(workload: Any, processes: Any, sizes: Any, say: Callable[[str], None]) -> list[Any]:
    """Measure all tasks of a model."""
    from emomech.bench import comparisons
    from emomech.bench.timing import matmul_rate

    results = []
    rate = matmul_rate(sizes.n_turns, workload.lm.d_model)
    parts = {
        "capture": lambda: comparisons.capture(workload, processes, rate),
        "attribution": lambda: comparisons.screen(workload, processes, rate),
        "effects": lambda: comparisons.effects(workload, processes, sizes),
        "steering": lambda: comparisons.doses(workload, processes),
        "patching": lambda: comparisons.patching(workload, processes),
    }
    for name, part in parts.items():
        say(f"{workload.name}: {name}")
        results += part()
    return results


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
