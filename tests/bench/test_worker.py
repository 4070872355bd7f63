"""Processes of implementations: they answer, count their own memory, and a failure is reported."""

import sys
from pathlib import Path

import numpy as np
import pytest

from emomech.bench import comparisons, workloads
from emomech.bench.worker import Worker
from emomech.core.errors import EmomechError


def test_an_implementation_is_a_process_that_answers_and_whose_failure_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "emomech").mkdir()
    (tmp_path / "emomech" / "__init__.py").write_text("raise SystemError('taken for this package')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    features = comparisons.write_random_features(tmp_path, 2, n=60, d_sae=20)
    held = np.ones(2**29, dtype=np.uint8)  # a process does not count what its parent holds
    worker = Worker.start("a loop", sys.executable, "emomech.bench.peers.sklearn")
    try:
        worker.prepare("scores", tmp_path, {"features": features})
        worker.ready()
        assert worker.turn() > 0
        assert held.nbytes > worker.end(tmp_path / "answer.npy") >= worker.floor > 2**20
        assert np.load(tmp_path / "answer.npy").shape == (2, workloads.N_LABELS)
        worker.prepare("scores", tmp_path / "nowhere", {})
        with pytest.raises(EmomechError, match=r"a loop: its process ended with exit code 1: FileNotFoundError"):
            worker.ready()
    finally:
        worker.close()


def test_what_a_library_prints_while_it_is_imported_is_no_answer(tmp_path: Path) -> None:
    talking = tmp_path / "python"
    talking.write_text(f"#!/bin/sh\necho 'Triton is not installed.'\nexec {sys.executable} \"$@\"\n")
    talking.chmod(0o755)
    features = comparisons.write_random_features(tmp_path, 2, n=60, d_sae=20)
    worker = Worker.start("a loop", str(talking), "emomech.bench.peers.sklearn")
    try:
        worker.prepare("scores", tmp_path, {"features": features})
        worker.ready()
        assert worker.turn() > 0
    finally:
        worker.close()
