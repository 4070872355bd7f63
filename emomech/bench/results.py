"""The record of a run as tidy tables for the page of the book; every number on the page comes from the record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from emomech.bench.environments import PEERS
from emomech.core.errors import EmomechError, UsageError
from emomech.core.paths import CHECKOUT
from emomech.stats.estimates import number_text
from emomech.stats.tables import INTERVAL, Schema, frame

if TYPE_CHECKING:
    import pandas as pd


MET = {True: "met", False: "missed", None: ""}
COMPARED = Schema(
    keys={
        "measured_on": "the model, or another workload",
        "task": "what is timed",
        "beside": "the implementation that the package is compared with",
    },
    values={
        "ratio": "time of the other implementation as a multiple of the package's",
        "bound": "largest ratio that is possible, because the plain way runs only so many blocks more",
        "reached": "the ratio as a share of its bound",
        "target": "target of the ratio, or of the time if nothing is compared",
        "outcome": "whether the target was met",
        "ours": "time of the package per unit",
        "theirs": "time of the other implementation per unit, or why it was not measured",
        "per": "the unit",
        "decides": "what takes the time, or what differs",
    },
)
RATIOS = Schema(
    keys=COMPARED.keys,
    values={
        "kind": "the library of the other implementation",
        "ratio": COMPARED.values["ratio"],
        "target": "target of the ratio",
        "bound": COMPARED.values["bound"],
    },
)
MEMORY = Schema(
    keys=COMPARED.keys,
    values={
        "ours": "peak memory of the package in MiB, above interpreter and libraries",
        "theirs": "peak memory of the other implementation in MiB, above interpreter and libraries",
        "most": "target of the peak memory of the package, in MiB",
        "outcome": "whether the target was met",
    },
)
LIMIT = Schema(
    keys={name: COMPARED.keys[name] for name in ("measured_on", "task")},
    values={"share": "floating-point operations per second, as a share of those of a matrix product of the same width"},
)
ALIKE = Schema(
    keys=COMPARED.keys,
    values={"difference": "largest difference of the two answers, as a share of the largest between edits or layers"},
)
GROWTH = Schema(
    keys={**LIMIT.keys, "of": "what grows"},
    values={"exponent": "1: cost is proportional; 0: cost is constant", **INTERVAL, "n": "turns that it is fitted to"},
)
TURNS = Schema(
    keys={**GROWTH.keys, "size": "how many", "turn": "number of the turn"}, values={"seconds": "time of the turn"}
)
FACTS = Schema(keys={"run": "the file of the run", "fact": "property of the machine"}, values={"value": "its value"})


def as_text(line: Mapping[str, Any]) -> dict[str, str]:
    """Write a result of a record as a row of `COMPARED`."""
    theirs, ratio, target, bound = line["theirs"], line["ratio"], line["target"], line.get("bound")
    target_text = "" if target is None else seconds(target) if line["contender"] == "none" else times(target)
    return _keys(line) | {
        "ratio": "" if ratio is None else times(ratio),
        "bound": "" if bound is None else times(bound),
        "reached": "" if bound is None or ratio is None else f"{ratio / bound:.0%}",
        "target": target_text,
        "outcome": MET[line["met"]],
        "ours": seconds(line["ours"]),
        "theirs": seconds(theirs) if isinstance(theirs, float) else theirs,
        "per": line["unit"],
        "decides": line["note"],
    }


@dataclass(frozen=True)
class Record:
    """The tables of one or several runs."""

    compared: Annotated["pd.DataFrame", COMPARED]
    whole: Annotated["pd.DataFrame", COMPARED]
    """As `compared`, for whole pieces of work."""
    on_gpu: Annotated["pd.DataFrame", COMPARED]
    """As `compared`, for runs on a GPU."""
    ratios: Annotated["pd.DataFrame", RATIOS]
    memory: Annotated["pd.DataFrame", MEMORY]
    limit: Annotated["pd.DataFrame", LIMIT]
    alike: Annotated["pd.DataFrame", ALIKE]
    growth: Annotated["pd.DataFrame", GROWTH]
    turns: Annotated["pd.DataFrame", TURNS]
    facts: Annotated["pd.DataFrame", FACTS]
    numbers: Mapping[str, str]
    """Numbers and phrases that the prose quotes, by name."""
    provenance: Mapping[str, Any]
    """Name of each file to its SHA-256."""


def read(*names: str) -> Record:
    """Read the records of runs, by their paths relative to the repository; missing files are skipped.

    Raises UsageError if all are missing, and EmomechError for a file that is not a record.
    """
    files = {name: CHECKOUT / name for name in names if (CHECKOUT / name).exists()}
    if not files:
        missing = " and ".join(names)
        raise UsageError(f"{missing}: expected the record of a run in {CHECKOUT}. `emomech bench --output` writes one.")
    runs = {name: _read_run(file) for name, file in files.items()}
    lines = [line for run in runs.values() for line in run["results"]]
    growth = [line for run in runs.values() for line in run["growth"]]
    return Record(
        compared=frame(COMPARED, [as_text(line) for line in _lines(runs, gpu=False) if not line.get("whole")]),
        whole=frame(COMPARED, [as_text(line) for line in _lines(runs, gpu=False) if line.get("whole")]),
        on_gpu=frame(COMPARED, map(as_text, _lines(runs, gpu=True))),
        ratios=frame(RATIOS, [_ratio(line) for line in lines if line["ratio"]]),
        memory=frame(MEMORY, [_memory(line) for line in lines if line["held"]]),
        limit=frame(LIMIT, [_place(line) | {"share": line["share"]} for line in lines if line["share"]]),
        alike=frame(ALIKE, [_difference(line) for line in lines if line["difference"] is not None]),
        growth=frame(GROWTH, [_exponent(line) for line in growth]),
        turns=frame(TURNS, [turn for line in growth for turn in _turns(line)]),
        facts=frame(FACTS, [{"run": name, **fact} for name, run in runs.items() for fact in _facts(run)]),
        numbers=_numbers(lines, runs),
        provenance={name: sha256(file.read_bytes()).hexdigest() for name, file in files.items()},
    )


def _lines(runs: Mapping[str, Mapping[str, Any]], gpu: bool) -> list[Mapping[str, Any]]:
    """Results of the runs on a GPU, whose machine has a device, or of the other runs."""
    return [line for run in runs.values() if ("device" in run["machine"]) == gpu for line in run["results"]]


def _read_run(file: Path) -> Mapping[str, Any]:
    run = json.loads(file.read_text(encoding="utf-8"))
    if not {"results", "growth", "machine", "versions"} <= set(run):
        raise EmomechError(f"{file}: is not a record of a benchmark. `emomech bench --output` writes one.")
    return run


def kind(implementation: str) -> str:
    """Name the library of an implementation, or the plain way.

    Example:
        >>> from emomech.bench.results import kind
        >>> kind("nnsight, one trace per feature"), kind("one forward pass per feature")
        ('nnsight', 'the plain way')
    """
    name = implementation.split(",")[0]
    return name if name in PEERS else "the plain way"


def _place(line: Mapping[str, Any]) -> dict[str, str]:
    return {"measured_on": line["subject"], "task": line["task"]}


def _keys(line: Mapping[str, Any]) -> dict[str, str]:
    return _place(line) | {"beside": line["contender"]}


def _ratio(line: Mapping[str, Any]) -> dict[str, object]:
    limits = {name: float("nan") if line.get(name) is None else float(line[name]) for name in ("target", "bound")}
    return {**_keys(line), "kind": kind(line["contender"]), "ratio": line["ratio"], **limits}


def _memory(line: Mapping[str, Any]) -> dict[str, object]:
    held = line["held"]
    most = held.get("most")
    return {
        **_keys(line),
        "ours": held["ours"] / 2**20,
        "theirs": held["theirs"] / 2**20,
        "most": float("nan") if most is None else most / 2**20,
        "outcome": MET[None if most is None else held["ours"] <= most],
    }


def _difference(line: Mapping[str, Any]) -> dict[str, object]:
    return {**_keys(line), "difference": f"{line['difference']:.1e}"}


def _exponent(line: Mapping[str, Any]) -> dict[str, object]:
    interval = {name: line[name] for name in ("exponent", *INTERVAL)}
    return {**_place(line), "of": line["of"], **interval, "n": len(line["sizes"])}


def _turns(line: Mapping[str, Any]) -> list[dict[str, object]]:
    pairs = zip(line["sizes"], line["seconds"], strict=True)
    place = {**_place(line), "of": line["of"]}
    return [{**place, "size": size, "turn": turn, "seconds": second} for turn, (size, second) in enumerate(pairs)]


def _facts(run: Mapping[str, Any]) -> list[dict[str, str]]:
    facts = {**run["machine"], **run["versions"], "how": "emomech bench" + (" --quick" if run["quick"] else "")}
    return [
        {"fact": name.replace("_", " "), "value": f"{value:,.1f}" if isinstance(value, float) else str(value)}
        for name, value in facts.items()
    ]


def _numbers(lines: list[Mapping[str, Any]], runs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Count the targets, and name those that were missed."""
    timed = [line for line in lines if line["met"] is not None]
    held = [line for line in lines if line["held"] and "most" in line["held"]]
    missed = [f"{line['task']} ({line['subject']})" for line in timed if not line["met"]]
    missed += [
        f"memory of {line['task']} ({line['subject']})" for line in held if line["held"]["ours"] > line["held"]["most"]
    ]
    devices = [run["machine"]["device"] for run in runs.values() if "device" in run["machine"]]
    shares = [line["ratio"] / line["bound"] for line in timed if line.get("bound")]
    return {
        "n_targets": number_text(len(timed) + len(held)),
        "n_met": number_text(len(timed) + len(held) - len(missed)),
        "missed": f"Missed: {'; '.join(missed)}." if missed else "None is missed.",
        "reached": f"The rows below reach {min(shares):.0%} to {max(shares):.0%} of it." if shares else "",
        "gpu": f"Measured on a GPU as well: {', '.join(devices)}.{_age(runs)}" if devices else "No GPU was available.",
    }


def _age(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """Say so if the record of a GPU is older than the bounds of the comparisons."""
    on_gpu = _lines(runs, gpu=True)
    if not on_gpu or any("bound" in line for line in on_gpu):
        return ""
    return (
        " These figures are of an earlier version, in which the features left the device. Since then they stay on it, "
        "and edits have a bound; python -m emomech.bench measures that on the next GPU."
    )


def times(ratio: float) -> str:
    """Write a ratio.

    Example:
        >>> from emomech.bench.results import times
        >>> times(2.345), times(1234.5)
        ('2.35×', '1,234×')
    """
    return f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:.3g}×"


def seconds(value: float) -> str:
    """Write a time in a suitable unit, with a no-break space before it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g}\u00a0{unit}"
    return f"{value / 1e-9:.3g}\u00a0ns"
