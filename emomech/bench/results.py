"""What a run of the bench found, as tidy tables for the page of the book; every figure of it is the run's."""

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
        "measured_on": "the model, or what else is measured",
        "task": "what is done",
        "beside": "what would be taken instead",
    },
    values={
        "ratio": "how many times as long the other takes",
        "target": "ratio that was aimed at, or time where nothing is compared",
        "outcome": "whether that was met",
        "ours": "time that the package takes for one",
        "theirs": "time that the other takes for one, or why there is none",
        "per": "of what one is timed",
        "decides": "what the time goes into, or what differs",
    },
)
RATIOS = Schema(
    keys=COMPARED.keys,
    values={"kind": "who the other is", "ratio": COMPARED.values["ratio"], "target": "ratio that was aimed at"},
)
MEMORY = Schema(
    keys=COMPARED.keys,
    values={
        "ours": "MiB that the package holds at most, above interpreter and libraries",
        "theirs": "MiB that the other holds at most, above interpreter and libraries",
        "most": "MiB that were aimed at, at most",
        "outcome": "whether that was met",
    },
)
LIMIT = Schema(
    keys={name: COMPARED.keys[name] for name in ("measured_on", "task")},
    values={"share": "floating-point operations per second, as a share of those of a matrix product of that width"},
)
ALIKE = Schema(
    keys=COMPARED.keys,
    values={"difference": "largest difference of the two answers, as a share of what differs between edits or layers"},
)
GROWTH = Schema(
    keys={**LIMIT.keys, "of": "what there is more and more of"},
    values={"exponent": "1: cost is proportional; 0: it stays as it is", **INTERVAL, "n": "turns behind it"},
)
TURNS = Schema(
    keys={**GROWTH.keys, "size": "how many there are", "turn": "which turn"}, values={"seconds": "time that it took"}
)
FACTS = Schema(keys={"run": "the file of the run", "fact": "what is told of the machine"}, values={"value": "it"})


def compared(line: Mapping[str, Any]) -> tuple[str, ...]:
    """Write a line of the results as text, as COMPARED has it."""
    theirs, ratio, target = line["theirs"], line["ratio"], line["target"]
    aimed = "" if target is None else seconds(target) if line["contender"] == "none" else times(target)
    return (
        *_keys(line),
        "" if ratio is None else times(ratio),
        aimed,
        MET[line["met"]],
        seconds(line["ours"]),
        seconds(theirs) if isinstance(theirs, float) else theirs,
        line["unit"],
        line["note"],
    )


@dataclass(frozen=True)
class Record:
    """A run, or several together."""

    compared: Annotated["pd.DataFrame", COMPARED]
    on_gpu: Annotated["pd.DataFrame", COMPARED]
    """The same of runs on a GPU."""
    ratios: Annotated["pd.DataFrame", RATIOS]
    memory: Annotated["pd.DataFrame", MEMORY]
    limit: Annotated["pd.DataFrame", LIMIT]
    alike: Annotated["pd.DataFrame", ALIKE]
    growth: Annotated["pd.DataFrame", GROWTH]
    turns: Annotated["pd.DataFrame", TURNS]
    facts: Annotated["pd.DataFrame", FACTS]
    numbers: Mapping[str, str]
    """What the prose quotes."""
    provenance: Mapping[str, Any]
    """Each file, with its hash."""


def read(*names: str) -> Record:
    """Read the files of runs, relative to the repository; one that is not there was not measured.

    Raises UsageError where none is there, and EmomechError for a file that holds no run.
    """
    files = {name: CHECKOUT / name for name in names if (CHECKOUT / name).exists()}
    if not files:
        missing = " and ".join(names)
        raise UsageError(f"{missing}: expected the record of a run in {CHECKOUT}. `emomech bench --output` writes one.")
    runs = {name: _run(file) for name, file in files.items()}
    lines = [line for run in runs.values() for line in run["results"]]
    grown = [line for run in runs.values() for line in run["growth"]]
    return Record(
        compared=frame(COMPARED, map(compared, _lines(runs, gpu=False))),
        on_gpu=frame(COMPARED, map(compared, _lines(runs, gpu=True))),
        ratios=frame(RATIOS, [(*_keys(x), kind(x["contender"]), x["ratio"], _aim(x)) for x in lines if x["ratio"]]),
        memory=frame(MEMORY, [(*_keys(x), *_memory(x["held"])) for x in lines if x["held"]]),
        limit=frame(LIMIT, [(*_keys(x)[:2], x["share"]) for x in lines if x["share"]]),
        alike=frame(ALIKE, [(*_keys(x), f"{x['difference']:.1e}") for x in lines if x["difference"] is not None]),
        growth=frame(GROWTH, [(*_grown(x), x["exponent"], x["low"], x["high"], len(x["sizes"])) for x in grown]),
        turns=frame(TURNS, [(*_grown(x), *turn) for x in grown for turn in _turns(x)]),
        facts=frame(FACTS, [(name, *fact) for name, run in runs.items() for fact in _facts(run)]),
        numbers=_numbers(lines, runs),
        provenance={name: sha256(file.read_bytes()).hexdigest() for name, file in files.items()},
    )


def _lines(runs: Mapping[str, Mapping[str, Any]], gpu: bool) -> list[Mapping[str, Any]]:
    """Lines of the runs on a GPU, which have a device, or of the others."""
    return [line for run in runs.values() if ("device" in run["machine"]) == gpu for line in run["results"]]


def _run(file: Path) -> Mapping[str, Any]:
    found = json.loads(file.read_text(encoding="utf-8"))
    if not {"results", "growth", "machine", "versions"} <= set(found):
        raise EmomechError(f"{file}: holds no run of the bench. `emomech bench --output` writes one.")
    return found


def kind(contender: str) -> str:
    """Say who a contender is: a library, or the plain way, which stands for no one."""
    name = contender.split(",")[0]
    return name if name in PEERS else "the plain way"


def _keys(line: Mapping[str, Any]) -> tuple[str, str, str]:
    return line["subject"], line["task"], line["contender"]


def _aim(line: Mapping[str, Any]) -> float:
    return float("nan") if line["target"] is None else float(line["target"])


def _memory(held: Mapping[str, float]) -> tuple[float, float, float, str]:
    most = held.get("most")
    outcome = MET[None if most is None else held["ours"] <= most]
    return held["ours"] / 2**20, held["theirs"] / 2**20, float("nan") if most is None else most / 2**20, outcome


def _grown(line: Mapping[str, Any]) -> tuple[str, str, str]:
    return line["subject"], line["task"], line["of"]


def _turns(line: Mapping[str, Any]) -> list[tuple[int, int, float]]:
    return [(size, i, second) for i, (size, second) in enumerate(zip(line["sizes"], line["seconds"], strict=True))]


def _facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = {**run["machine"], **run["versions"], "how": "emomech bench" + (" --quick" if run["quick"] else "")}
    return [(name.replace("_", " "), f"{x:,.1f}" if isinstance(x, float) else str(x)) for name, x in facts.items()]


def _numbers(lines: list[Mapping[str, Any]], runs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Count targets, and name those that were missed."""
    aimed = [line for line in lines if line["met"] is not None]
    missed = [f"{line['task']} ({line['subject']})" for line in aimed if not line["met"]]
    held = [line for line in lines if line["held"] and "most" in line["held"]]
    over = [
        f"memory of {line['task']} ({line['subject']})" for line in held if line["held"]["ours"] > line["held"]["most"]
    ]
    missed += over
    devices = [run["machine"]["device"] for run in runs.values() if "device" in run["machine"]]
    return {
        "n_targets": number_text(len(aimed) + len(held)),
        "n_met": number_text(len(aimed) + len(held) - len(missed)),
        "missed": f"Missed: {'; '.join(missed)}." if missed else "None is missed.",
        "gpu": f"Measured on a GPU as well: {', '.join(devices)}." if devices else "No GPU was at hand.",
    }


def times(ratio: float) -> str:
    """Write a ratio."""
    return f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:.3g}×"


def seconds(value: float) -> str:
    """Write a time in the unit that suits it, which is not parted from it."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g}\u00a0{unit}"
    return f"{value / 1e-9:.3g}\u00a0ns"
