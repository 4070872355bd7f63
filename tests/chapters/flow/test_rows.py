"""Rows of phases: only stages that are present are counted."""

import numpy as np

from emomech.chapters.flow.order import StageProfiles
from emomech.chapters.flow.rows import phase_rows

DEPTH = np.linspace(0, 1, 6)


def whole(size: float) -> StageProfiles:
    steps = size * np.array([[1.0, 1.0, 2.0, 2.0, 4.0, 4.0]])
    return StageProfiles(DEPTH, {stage: np.repeat(steps, 30, 0) for stage in ("syntax", "emotion")}, 100)


def test_three_steps_are_best_described_by_three_phases() -> None:
    profiles = whole(0.01)
    pairs = np.stack([p[:2].reshape(1, 2, 6) for p in profiles.explained.values()], -1)
    found = {row["form"]: row for row in phase_rows("trained", "words", profiles, pairs)}
    assert set(found) == {"K=1", "K=2", "K=3", "K=4", "K=5", "ramp"}
    assert found["K=3"]["error"] == 0 and found["K=1"]["error"] == 1
    assert found["K=3"]["starts"] == "0.00 0.40 0.80"


def test_without_a_stage_there_are_no_phases() -> None:
    profiles = whole(0.0)
    assert not list(phase_rows("trained", "words", profiles, np.zeros((1, 2, 6, 2))))
