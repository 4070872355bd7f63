"""Implementations that take turns: a missing one is reported with the way out, and processes are reused."""

from pathlib import Path

import numpy as np
import pytest

from emomech.bench import comparisons, environments
from emomech.bench.interleaved import Entry, Processes


def test_what_is_not_installed_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "version", lambda name: "0.0")
    with Processes(tmp_path, 1) as processes:
        outcomes = processes.compare([Entry(name, "any") for name in environments.PEERS])
    assert {outcome.seconds for outcome in outcomes.values()} == {environments.NOT_INSTALLED}


def test_a_real_process_is_kept_and_its_memory_is_that_of_the_first_task(tmp_path: Path) -> None:
    features = comparisons.write_random_features(tmp_path, 2, n=60, d_sae=20)
    entry = Entry(environments.SKLEARN, "scores", {"features": features}, n_units=2)
    with Processes(tmp_path, 2) as processes:
        first, second = (processes.compare([entry])[environments.SKLEARN] for _ in range(2))
    assert first.held is not None and second.held is None
    assert len(first.turns) == 2 and first.seconds == pytest.approx(np.median(first.turns) / 2)
    assert first.answer is not None
    np.testing.assert_array_equal(first.answer, second.answer)
