"""A run of all comparisons, with the facts of the machine, as a table and as a file."""

import json
import os
import platform
import resource
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

COLUMNS = ("measured on", "task", "beside", "ours", "theirs", "ratio", "target", "met", "note")
_PACKAGES = ("torch", "transformers", "sae-lens", "transformer-lens", "scikit-learn", "scipy", "numpy")


def run(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything on one thread."""
    import torch

    from emomech.bench import contests, subjects
    from emomech.bench.timing import rate

    sizes = contests.QUICK if quick else contests.FULL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        results = [*contests.start(sizes)]
        say("scores")
        results += contests.scores(sizes)
        for make in (subjects.embedded, subjects.gpt2_shaped):
            subject = make(sizes.n_texts)
            say(subject.name)
            results += [*contests.ablations(subject, sizes), *contests.capture(subject, sizes)]
        facts = {"product_gflops": round(rate(sizes.n_turns) / 1e9, 1), "load": os.getloadavg()[0]}
    finally:
        torch.set_num_threads(threads)
    lines = [asdict(one) | {"ratio": one.ratio} for one in results]
    return {"quick": quick, "machine": _machine() | facts, "versions": _versions(), "results": lines}


def _machine() -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kilobytes on Linux, bytes on macOS
    unit = 1 if platform.system() == "Darwin" else 1024
    return {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": 1,
        "python": platform.python_version(),
        "peak_memory_mib": round(peak * unit / 2**20),
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def write(found: Mapping[str, Any], file: Path) -> None:
    """Write a run as JSON, whole or not at all."""
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, file)


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Lines of the table, as text: see COLUMNS."""
    return [_row(one) for one in found["results"]]


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    ratio, target = one["ratio"], one["target"]
    theirs = seconds(one["theirs"]) if isinstance(one["theirs"], float) else one["theirs"]
    aimed = "" if target is None else seconds(target) if ratio is None else f"{target:.3g}×"
    met = {True: "met", False: "missed", None: ""}[one["met"]]
    shown = "" if ratio is None else f"{ratio:.3g}×"
    return (
        *(one["subject"], f"{one['task']}, per {one['unit']}", one["contender"], seconds(one["ours"])),
        *(theirs, shown, aimed, met, one["note"]),
    )


def markdown(found: Mapping[str, Any]) -> str:
    """Make the table in Markdown."""
    lines: list[Sequence[str]] = [COLUMNS, ["---"] * len(COLUMNS), *rows(found)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def seconds(value: float) -> str:
    """Write a time in the unit that suits it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
