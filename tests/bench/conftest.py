"""Shared by the tests of the bench: a small workload, its case, implementations in this process, and a record."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emomech.bench import environments, ours, workloads
from emomech.bench.comparisons import Result
from emomech.bench.interleaved import OURS, PLAIN, Entry, Outcome, Processes
from emomech.bench.scaling import Growth
from emomech.bench.timing import take_turns, timed


@pytest.fixture(scope="session")
def workload() -> workloads.Workload:
    return workloads.gpt2_shaped(3, n_layers=2, d_model=64, d_sae=512)


@pytest.fixture(scope="session")
def case(workload: workloads.Workload, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workloads.save(workload, tmp_path_factory.mktemp("case"))


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the implementations of the package in this process; no peer is installed."""

    def compare(self: Processes, entries: list[Entry], fresh: bool = False) -> dict[str, Outcome]:
        outcomes = {}
        for entry in entries:
            if entry.implementation not in (OURS, PLAIN):
                outcomes[entry.implementation] = Outcome(environments.NOT_INSTALLED)
                continue
            call, to_array = ours.tasks()[entry.task](self.case, entry.options)
            turns = take_turns({"": timed(call)}, 1)[""].turns
            seconds, answer = turns[0] / entry.n_units, np.asarray(to_array(call()))
            outcomes[entry.implementation] = Outcome(seconds, 110, 1, answer, turns)
        return outcomes

    monkeypatch.setattr(Processes, "compare", compare)
    yield


@pytest.fixture
def line() -> Result:
    return Result("a model", "a task", "feature", 0.002, "nnsight, a loop", 0.05, 20.0, True, "why", 1e-7, 0.5)


@pytest.fixture
def record_of() -> Callable[..., dict[str, Any]]:
    """Make the record of a run from its results."""

    def make(*results: Result) -> dict[str, Any]:
        growth = Growth("a model", "a task", "texts", (1, 2, 4), (1.0, 2.0, 4.0), 1.0, 0.9, 1.1)
        record = {"quick": True, "machine": {"system": "Linux"}, "versions": {"torch": "2"}, "growth": [vars(growth)]}
        return record | {"results": [{**vars(result), "ratio": result.ratio} for result in results]}

    return make
