"""Shared by the tests of the bench: a small workload, its case, implementations in this process, and a record."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emomech.bench import analyses, deep, environments, ours, workloads
from emomech.bench.interleaved import OURS, PLAIN, Entry, Outcome, Processes, Turns
from emomech.bench.result import Result
from emomech.bench.scaling import Growth
from emomech.bench.timing import take_turns, timed

NARROW = {
    "num_hidden_layers": 4,
    "hidden_size": 128,
    "intermediate_size": 192,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


@pytest.fixture(scope="session")
def workload() -> workloads.Workload:
    return workloads.gpt2_shaped(3, n_layers=2, d_model=64, d_sae=512)


@pytest.fixture(scope="session")
def case(workload: workloads.Workload, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workloads.save(workload, tmp_path_factory.mktemp("case"))


@pytest.fixture(scope="session")
def deep_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A case of the deep model, cut to four narrow blocks."""
    return deep.write(tmp_path_factory.mktemp("deep"), analyses.N_TEXTS, NARROW, d_sae=256)


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run the implementations of the package in this process; no peer is installed."""

    def compare(self: Processes, entries: list[Entry], turns: Turns | None = None) -> dict[str, Outcome]:
        outcomes = {}
        for entry in entries:
            if entry.implementation not in (OURS, PLAIN):
                outcomes[entry.implementation] = Outcome(environments.NOT_INSTALLED)
                continue
            call, to_array = ours.tasks()[entry.task](self.case, entry.options)
            results: list[Any] = []
            taken = take_turns({"": timed(lambda call=call, results=results: results.append(call()))}, 1, False)[
                ""
            ].turns
            answer = np.asarray(to_array(results[0]))
            outcomes[entry.implementation] = Outcome(taken[0] / entry.n_units, 110, 1, answer, taken)
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
