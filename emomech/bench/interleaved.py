"""Run implementations turn by turn: each in its own process, all prepared before the first turn, one at a time."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from emomech.bench.environments import NOT_INSTALLED, PEERS
from emomech.bench.timing import take_turns
from emomech.bench.worker import Worker

OURS, PLAIN = "emomech", "plain"
"""The package itself, and the plain way to do the same with it."""
_OUR_MODULE = "emomech.bench.ours"


@dataclass(frozen=True)
class Entry:
    """The part of one implementation in a comparison."""

    implementation: str
    task: str
    options: Mapping[str, Any] = field(default_factory=dict)
    n_units: float = 1
    """Number of units that one turn processes; times are per unit."""


@dataclass(frozen=True)
class Outcome:
    """Measurements of one implementation."""

    seconds: float | str
    """Median seconds per unit, or why they were not measured."""
    held: int | None = None
    """Peak memory in bytes, above interpreter and libraries; None if the process had run other tasks before."""
    floor: int = 0
    """Bytes of interpreter and libraries."""
    answer: np.ndarray | None = field(default=None, repr=False)
    """Result of the task, to compare the implementations with each other."""
    turns: tuple[float, ...] = ()
    """Seconds of each turn, for all units."""


class Processes:
    """The processes of the implementations, for comparisons on one case."""

    def __init__(self, case: Path, n_turns: int) -> None:
        self.case, self.n_turns = case, n_turns
        self._kept: dict[str, Worker] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._kept.values():
            worker.close()

    def compare(self, entries: list[Entry], fresh: bool = False) -> dict[str, Outcome]:
        """Let implementations take turns and return the outcome of each.

        With `fresh`, each gets a new process, so that its peak memory is that of this task.
        """
        outcomes = {e.implementation: Outcome(NOT_INSTALLED) for e in entries if _program(e.implementation) is None}
        installed = [entry for entry in entries if entry.implementation not in outcomes]
        new = {entry.implementation for entry in installed if fresh or entry.implementation not in self._kept}
        workers = {entry.implementation: self._worker(entry.implementation, fresh) for entry in installed}
        try:
            for entry in installed:
                workers[entry.implementation].prepare(entry.task, self.case, entry.options)
            for worker in workers.values():
                worker.ready()
            times = take_turns({name: worker.turn for name, worker in workers.items()}, self.n_turns)
            for entry in installed:
                name, worker, file = entry.implementation, workers[entry.implementation], self.case / "answer.npy"
                peak = worker.end(file)
                held = peak - worker.floor if name in new else None
                seconds, turns = times[name].seconds / entry.n_units, times[name].turns
                outcomes[name] = Outcome(seconds, held, worker.floor, np.load(file), turns)
        finally:
            for worker in workers.values() if fresh else ():
                worker.close()
        return outcomes

    def _worker(self, implementation: str, fresh: bool) -> Worker:
        if not fresh and implementation in self._kept:
            return self._kept[implementation]
        program = _program(implementation)
        assert program
        worker = Worker.start(implementation, *program)
        if not fresh:
            self._kept[implementation] = worker
        return worker


def _program(implementation: str) -> tuple[str, str] | None:
    """Interpreter and module of an implementation; None if it is not installed."""
    if implementation in (OURS, PLAIN):
        return sys.executable, _OUR_MODULE
    peer = PEERS[implementation]
    return (peer.interpreter, peer.module) if peer.interpreter else None
