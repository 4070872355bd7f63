"""A run of all comparisons, with the facts of the machine, as a table and as a file."""

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
    """Measure everything, each contender in a process of its own, on one thread."""
    import torch

    from emomech.bench import comparisons, environments, scaling, workloads
    from emomech.bench.interleaved import Arena
    from emomech.bench.timing import rate

    started = time.monotonic()
    sizes = comparisons.QUICK if quick else comparisons.FULL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory(prefix="emomech-bench-") as name:
            folder = Path(name)
            results = [*comparisons.start(sizes)]
            say("scores")
            results += comparisons.scores(folder / "scores", sizes)
            grown = [*scaling.grown_scores(folder / "scores", sizes)]
            able = rate(sizes.n_turns)
            for make in (workloads.embedded, workloads.gpt2_shaped):
                subject = make(sizes.n_texts)
                case = workloads.handed(subject, folder / subject.name)
                with Arena(case, sizes.n_turns) as arena:
                    results += _of_subject(subject, arena, sizes, say)
                if subject.name == (workloads.EMBEDDED if quick else workloads.GPT2):
                    say(f"{subject.name}: growth")
                    grown += scaling.grown(subject, case, sizes)
    finally:
        torch.set_num_threads(threads)
    facts = {"product_gflops": round(able / 1e9, 1), "load": round(os.getloadavg()[0], 1)}
    facts["seconds"] = round(time.monotonic() - started)
    lines = [asdict(one) | {"ratio": one.ratio} for one in results]
    found: dict[str, Any] = {"quick": quick, "machine": _machine() | facts}
    found |= {"versions": {name: version(name) for name in _PACKAGES} | environments.versions()}
    return found | {"results": lines, "growth": [asdict(one) for one in grown]}


def _of_subject(subject: Any, arena: Any, sizes: Any, say: Callable[[str], None]) -> list[Any]:
    """Measure all tasks of a model."""
    from emomech.bench import comparisons
    from emomech.bench.timing import rate

    found = []
    able = rate(sizes.n_turns, subject.lm.d_model)
    parts = {
        "capture": lambda: comparisons.capture(subject, arena, able),
        "attribution": lambda: comparisons.screen(subject, arena, able),
        "effects": lambda: comparisons.effects(subject, arena, sizes),
        "steering": lambda: comparisons.doses(subject, arena),
        "patching": lambda: comparisons.patching(subject, arena),
    }
    for name, part in parts.items():
        say(f"{subject.name}: {name}")
        found += part()
    return found


def _machine() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": 1,
        "python": platform.python_version(),
    }


def write(found: Mapping[str, Any], file: Path) -> None:
    """Write a run as JSON, whole or not at all."""
    files.write_atomic(file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def markdown(found: Mapping[str, Any]) -> str:
    """Make two tables in Markdown: all comparisons, and how cost grows."""
    compared = [(*results.compared(one), memory(one["held"])) for one in found["results"]]
    grown = [
        (one["subject"], one["task"], one["of"], f"{one['exponent']:.2f} [{one['low']:.2f}, {one['high']:.2f}]")
        for one in found["growth"]
    ]
    columns = (*(name.replace("_", " ") for name in results.COMPARED.columns), "memory")
    return f"{_table(columns, compared)}\n\n{_table((*results.GROWTH.keys, 'exponent of the cost'), grown)}"


def memory(held: Mapping[str, float] | None) -> str:
    """Write what both hold at most, and what was aimed at."""
    if held is None:
        return ""
    told = f"{_megabytes(held['ours'])}, theirs {_megabytes(held['theirs'])}"
    most = held.get("most")
    return told + (f"; {'met' if held['ours'] <= most else 'missed'} (at most {_megabytes(most)})" if most else "")


def _megabytes(n_bytes: float) -> str:
    return f"{n_bytes / 2**20:,.0f} MiB"


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    every = [columns, ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in every)
