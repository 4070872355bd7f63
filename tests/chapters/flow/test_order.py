"""Centres of gravity need a profile; a control without one shows no order, and one with the same shows the same."""

import numpy as np
import pytest

from emomech.chapters.flow.order import FLOOR, StageProfiles

DEPTH = np.linspace(0, 1, 5)
LATE, EARLY = np.array([0.0, 0.0, 0.0, 0.04, 0.04]), np.array([0.04, 0.04, 0.0, 0.0, 0.0])


def profiles(syntax: np.ndarray, emotion: np.ndarray, semantics: np.ndarray = LATE) -> StageProfiles:
    rng = np.random.default_rng(0)
    noise = np.concatenate([np.zeros((1, 5)), rng.normal(0, 1e-4, (40, 5))])
    stages = {"syntax": syntax, "semantics": semantics, "emotion": emotion}
    return StageProfiles(DEPTH, {stage: profile + noise for stage, profile in stages.items()}, 100)


def test_centres_and_differences() -> None:
    found = profiles(EARLY, LATE)
    assert found.centres()["syntax"][0] == pytest.approx(0.125)
    assert found.differences()["emotion − syntax"][0] == pytest.approx(0.75)
    assert found.differences()["emotion − semantics"][0] == 0


def test_a_stage_at_the_floor_has_no_centre() -> None:
    found = profiles(EARLY, np.full(5, FLOOR))
    assert found.present() == {"syntax", "semantics"}
    assert np.isnan(found.centres()["emotion"]).all()
    assert np.isnan(found.differences()["emotion − syntax"]).all()
    assert np.isfinite(found.differences_unchecked()["emotion − syntax"]).all()


@pytest.mark.parametrize(("weight", "left"), [(1, 0), (0.5, 0), (0.125, 0.375), (0, 0.75)])
def test_a_weak_control_counts_in_proportion(weight: float, left: float) -> None:
    control = profiles(weight * EARLY, weight * LATE)
    assert profiles(EARLY, LATE).beyond(control)["emotion − syntax"][0] == pytest.approx(left)
