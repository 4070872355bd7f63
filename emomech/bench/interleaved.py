"""Where contenders meet: each in its process, all ready before the first turn, one at a time."""

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
_OWN = "emomech.bench.ours"


@dataclass(frozen=True)
class Entry:
    """A contender's part in a contest."""

    contender: str
    task: str
    given: Mapping[str, Any] = field(default_factory=dict)
    n: float = 1
    """For how many units one turn stands."""


@dataclass(frozen=True)
class Outcome:
    """What became of it."""

    seconds: float | str
    """Median for one unit, or why there is none."""
    held: int | None = None
    """Bytes held at most, above what interpreter and libraries take; None of a process that had done other tasks."""
    floor: int = 0
    """Bytes that interpreter and libraries take."""
    answer: np.ndarray | None = field(default=None, repr=False)
    turns: tuple[float, ...] = ()
    """Seconds of each turn, for all units."""


class Arena:
    """Runs contests over one case."""

    def __init__(self, case: Path, n_turns: int) -> None:
        self.case, self.n_turns = case, n_turns
        self._kept: dict[str, Worker] = {}

    def __enter__(self) -> "Arena":
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._kept.values():
            worker.close()

    def contest(self, entries: list[Entry], fresh: bool = False) -> dict[str, Outcome]:
        """Let contenders take turns; with `fresh`, in processes that have done nothing else, whose memory counts."""
        found = {one.contender: Outcome(NOT_INSTALLED) for one in entries if _program(one.contender) is None}
        there = [one for one in entries if one.contender not in found]
        new = {one.contender for one in there if fresh or one.contender not in self._kept}
        workers = {one.contender: self._worker(one.contender, fresh) for one in there}
        try:
            for one in there:
                workers[one.contender].prepare(one.task, self.case, one.given)
            for worker in workers.values():
                worker.ready()
            timed = take_turns({name: worker.turn for name, worker in workers.items()}, self.n_turns)
            for one in there:
                worker, name = workers[one.contender], one.contender
                file = self.case / "answer.npy"
                peak = worker.end(file)
                held = peak - worker.floor if name in new else None
                seconds, turns = timed[name].seconds / one.n, timed[name].turns
                found[name] = Outcome(seconds, held, worker.floor, np.load(file), turns)
        finally:
            for worker in workers.values() if fresh else ():
                worker.close()
        return found

    def _worker(self, contender: str, fresh: bool) -> Worker:
        if not fresh and contender in self._kept:
            return self._kept[contender]
        program = _program(contender)
        assert program
        worker = Worker.start(contender, *program)
        if not fresh:
            self._kept[contender] = worker
        return worker


def _program(contender: str) -> tuple[str, str] | None:
    """Interpreter and module of a contender; None where it is not installed."""
    if contender in (OURS, PLAIN):
        return sys.executable, _OWN
    peer = PEERS[contender]
    return (peer.interpreter, peer.module) if peer.interpreter else None
