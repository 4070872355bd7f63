"""Run implementations turn by turn: each in its own process, all prepared before the first turn, one at a time."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emomech.bench.environments import NOT_INSTALLED, PEERS
from emomech.bench.timing import take_turns
from emomech.bench.worker import Clock, Worker
from emomech.core.errors import EmomechError

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
    """Peak memory in bytes, above interpreter and libraries."""
    floor: int = 0
    """Bytes of interpreter and libraries."""
    answer: np.ndarray | None = field(default=None, repr=False)
    """Result of the task, to compare the implementations with each other."""
    turns: tuple[float, ...] = ()
    """Seconds of each turn, for all units."""


@dataclass(frozen=True)
class Turns:
    """How implementations are timed."""

    n: int
    """Turns of each implementation that count."""
    warm_up: bool = True
    """Whether a first turn is not counted."""
    clock: Clock = "processor"
    threads: int = 1


class Processes:
    """The processes of the implementations, which are started when they are first needed."""

    def __init__(self, case: Path, n_turns: int, workers: dict[str, Worker] | None = None) -> None:
        self.case, self.n_turns = case, n_turns
        self._workers: dict[str, Worker] = {} if workers is None else workers

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()

    def on(self, case: Path) -> "Processes":
        """Give the same processes another case."""
        return Processes(case, self.n_turns, self._workers)

    def compare(self, entries: list[Entry], turns: Turns | None = None) -> dict[str, Outcome]:
        """Let implementations take turns and return the outcome of each; by default, as often as all others."""
        turns = turns or Turns(self.n_turns)
        outcomes = {e.implementation: Outcome(NOT_INSTALLED) for e in entries if _program(e.implementation) is None}
        installed = [entry for entry in entries if entry.implementation not in outcomes]
        workers = {entry.implementation: self._worker(entry.implementation) for entry in installed}
        for entry in installed:
            workers[entry.implementation].prepare(entry.task, self.case, entry.options, turns.threads)
        for entry in list(installed):
            if failure := self._failure(entry.implementation):
                outcomes[entry.implementation] = Outcome(failure)
                installed.remove(entry)
                del workers[entry.implementation]
        calls = {name: partial(worker.turn, turns.clock) for name, worker in workers.items()}
        times = take_turns(calls, turns.n, turns.warm_up)
        for entry in installed:
            name, worker, file = entry.implementation, workers[entry.implementation], self.case / "answer.npy"
            held = worker.end(file) - worker.floor
            seconds = times[name].seconds / entry.n_units
            outcomes[name] = Outcome(seconds, held, worker.floor, np.load(file), times[name].turns)
        return outcomes

    def _failure(self, implementation: str) -> str:
        """Wait until an implementation is prepared; say why a peer failed. Raises EmomechError for the package itself.

        A peer may need a device or a version that this machine does not have.
        """
        try:
            self._workers[implementation].ready()
        except EmomechError as error:
            if implementation in (OURS, PLAIN):
                raise
            self._workers.pop(implementation).close()
            return f"does not run here: {str(error).split(': ', 1)[-1]}"
        return ""

    def _worker(self, implementation: str) -> Worker:
        if implementation not in self._workers:
            program = _program(implementation)
            assert program
            self._workers[implementation] = Worker.start(implementation, *program)
        return self._workers[implementation]


def _program(implementation: str) -> tuple[str, str] | None:
    """Interpreter and module of an implementation; None if it is not installed."""
    if implementation in (OURS, PLAIN):
        return sys.executable, _OUR_MODULE
    peer = PEERS[implementation]
    return (peer.interpreter, peer.module) if peer.interpreter else None
