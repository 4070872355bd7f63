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

from emomech import whole_files

COLUMNS = ("measured on", "task", "beside", "ours", "theirs", "ratio", "target", "", "what decides it")
_OPENING = """# Speed

The chapters ask for the exact effect of many edits. How long that takes, and what reading and scoring features take, is
measured here beside what would be taken instead. Contenders take turns in one process on one thread; times are of the
processor, median of several turns after a first that does not count. A ratio says how many times as long the contender
takes. Targets were set before; one that is missed says so, and the last column what decides it."""
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
    whole_files.write(file, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Lines of the table, as text: see COLUMNS."""
    return [_row(one) for one in found["results"]]


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    ratio, target = one["ratio"], one["target"]
    theirs = seconds(one["theirs"]) if isinstance(one["theirs"], float) else one["theirs"]
    aimed = "" if target is None else seconds(target) if ratio is None else f"{target:.3g}×"
    met = {True: "met", False: "missed", None: ""}[one["met"]]
    shown = "" if ratio is None else f"{_times(ratio)}×"
    return (
        *(one["subject"], f"{one['task']}, per {one['unit']}", one["contender"], seconds(one["ours"])),
        *(theirs, shown, aimed, met, one["note"]),
    )


def markdown(found: Mapping[str, Any]) -> str:
    """Make one table of all in Markdown."""
    return _table(COLUMNS, rows(found))


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    every = [columns, ["---"] * len(columns), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in every)


def page(found: Mapping[str, Any]) -> str:
    """Make the page of the book, every figure of which is the run's."""
    machine, packages = found["machine"], found["versions"]
    facts = [
        f"{machine['system']} on {machine['processor']}, {machine['cores']} cores of which one thread was used",
        f"{machine['product_gflops']} billion operations per second in a matrix product of GPT-2's width",
        f"a load of {machine['load']:.1f} programs while it ran",
        f"{machine['peak_memory_mib']} MiB of memory at most, contenders included",
        f"Python {machine['python']}, " + ", ".join(f"{name} {number}" for name, number in packages.items()),
    ]
    how = "a fast look, `emomech bench --quick`" if found["quick"] else "`emomech bench`"
    parts = [_OPENING, f"What follows is {how}, on this machine:\n\n" + "\n".join(f"- {fact}" for fact in facts)]
    for name in dict.fromkeys(one["subject"] for one in found["results"]):
        here = [row[1:] for row in rows(found) if row[0] == name]
        parts += [f"## {name[0].upper()}{name[1:]}", _table(COLUMNS[1:], here)]
    return "\n\n".join(parts) + "\n"


def write_page(file: Path, home: Path) -> None:
    """Make the page of a run that was written as JSON."""
    whole_files.write(home, page(json.loads(file.read_text(encoding="utf-8"))))


def seconds(value: float) -> str:
    """Write a time in the unit that suits it, which is not parted from it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g}\u00a0{unit}"
    return f"{value / 1e-9:.3g}\u00a0ns"
