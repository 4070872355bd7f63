"""Implementations that take turns: a missing one is reported with the way out, and processes are reused."""

from pathlib import Path

import numpy as np
import pytest

from emomech.bench import comparisons, environments
from emomech.bench.interleaved import PLAIN, Entry, Processes, Turns
from emomech.core.errors import EmomechError


def test_what_is_not_installed_is_named_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "version", lambda name: "0.0")
    with Processes(tmp_path, 1) as processes:
        outcomes = processes.compare([Entry(name, "any") for name in environments.PEERS])
    assert {outcome.seconds for outcome in outcomes.values()} == {environments.NOT_INSTALLED}


def test_a_real_process_is_kept_and_each_task_has_memory_of_its_own(tmp_path: Path) -> None:
    features = comparisons.write_random_features(tmp_path, 2, n=60, d_sae=20)
    entry = Entry(environments.SKLEARN, "scores", {"features": features}, n_units=2)
    with Processes(tmp_path, 2) as processes:
        first, second = (processes.compare([entry])[environments.SKLEARN] for _ in range(2))
        assert len(processes._workers) == 1 and processes.on(tmp_path / "other")._workers is processes._workers
    assert first.held and second.held and abs(first.held - second.held) < 0.2 * first.held
    assert len(first.turns) == 2 and first.seconds == pytest.approx(np.median(first.turns) / 2)
    assert first.answer is not None
    np.testing.assert_array_equal(first.answer, second.answer)


def test_a_peer_that_fails_is_reported_and_the_package_itself_is_not_forgiven(tmp_path: Path) -> None:
    nowhere = {"features": []}
    with Processes(tmp_path, 1) as processes:
        outcome = processes.compare([Entry(environments.SKLEARN, "scores", nowhere)])[environments.SKLEARN]
        assert isinstance(outcome.seconds, str) and outcome.seconds.startswith("does not run here: its process ended")
        assert "FileNotFoundError" in outcome.seconds
        with pytest.raises(EmomechError, match="plain: its process ended with exit code 1"):
            processes.compare([Entry(PLAIN, "scores", nowhere)])


def test_wall_time_without_a_warm_up_is_that_of_one_turn(tmp_path: Path) -> None:
    features = comparisons.write_random_features(tmp_path, 2, n=60, d_sae=20)
    with Processes(tmp_path, 3) as processes:
        entry = Entry(environments.SKLEARN, "scores", {"features": features})
        outcome = processes.compare([entry], Turns(1, warm_up=False, clock="wall"))[environments.SKLEARN]
    assert len(outcome.turns) == 1 and outcome.turns[0] > 0
