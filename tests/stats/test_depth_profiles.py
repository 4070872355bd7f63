"""Onsets, leads and segments of known profiles, and coverage of a null."""

from itertools import combinations

import numpy as np
import pytest

from emomech.stats.depth_profiles import (
    centre_of_gravity,
    difference,
    lead,
    onset,
    ramp_error,
    segment,
    step_error,
    summaries,
)

DEPTH = np.linspace(0, 1, 5)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def draws(profile: list[float], noise: float = 0.0, n: int = 400, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = np.array(profile) + noise * rng.normal(size=(n + 1, len(profile)))
    rows[0] = profile
    return rows


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ([0, 0, 0, 1, 1], 0.625),
        ([1, 1, 1, 1, 1], 0.0),
        ([0, 0.25, 0.5, 0.75, 1], 0.5),
        ([0, 1, 0, 0, 0.5], 0.125),
        ([0, 0, 0, 0, 0], np.nan),
    ],
)
def test_the_onset_is_where_half_of_the_maximum_is_reached(profile, expected) -> None:
    assert onset(DEPTH, np.array([profile]))[0] == pytest.approx(expected, nan_ok=True)


def test_what_the_control_shows_too_is_not_summarised() -> None:
    trained, control = draws([0.5, 0.5, 0.5, 1, 1]), draws([0.5, 0.5, 0.5, 0, 0])
    summary = summaries(DEPTH, trained, control)
    assert summary["onset"][0] == pytest.approx(0.625)
    assert summary["centre of gravity"][0] == pytest.approx((0.75 + 1) / 2)
    assert summaries(DEPTH, trained, 0 * control)["onset"][0] == 0


def test_a_lead_is_found_where_it_is_largest_and_only_where_there_is_one() -> None:
    largest = lead(draws([0, 0.1, 0.6, 0.4, 0], 0.05), draws([0, 0.1, 0.1, 0.1, 0], 0.05, seed=1), 50)
    assert (largest.at, largest.trained, largest.control) == (2, 0.6, 0.1)
    assert largest.difference.value == pytest.approx(0.5) and largest.shows
    assert not lead(draws([0, 0.02, 0, 0, 0], 0.05), draws([0.0] * 5, 0.05, seed=1), 50).shows
    assert not lead(draws([0, 0.005, 0, 0, 0]), draws([0.0] * 5), 50).shows  # too small to be placed


def test_the_choice_of_the_depth_is_allowed_for() -> None:
    """Hardly more than 5 % of pure noise profiles show a lead, although it is the largest of nine."""
    rng, shows = np.random.default_rng(0), 0
    for _ in range(300):
        profile = 0.1 * rng.normal(size=9)
        noise = profile + 0.1 * rng.normal(size=(301, 9))
        noise[0] = profile
        shows += lead(noise, np.zeros((301, 9)), 1).shows
    assert shows / 300 < 0.05


def test_differences_are_found_at_their_rate_where_there_are_none() -> None:
    rng, rejected = np.random.default_rng(0), 0
    for _ in range(300):
        value = rng.normal()
        gain = np.append(value, value + rng.normal(size=400))
        rejected += difference(gain, np.zeros(401), 1)[1] < 0.05
    assert 0.01 < rejected / 300 < 0.1


def test_a_difference_has_its_interval_and_is_undefined_where_either_is() -> None:
    estimate, p = difference(draws([0.5], 0.01)[:, 0], draws([0.2], 0.01, seed=1)[:, 0], 9)
    assert 0.25 < estimate.low < estimate.value < estimate.high < 0.35 and estimate.n == 9
    assert p == pytest.approx(2 / 401)
    estimate, p = difference(np.full(401, np.nan), np.zeros(401), 9)
    assert np.isnan([estimate.low, p]).all()
    assert difference(np.zeros(401), np.zeros(401), 9)[1] == 1


def test_centre_of_gravity_is_the_weighted_depth() -> None:
    depth = np.array([0.0, 0.5, 1.0])
    assert centre_of_gravity(depth, np.array([1.0, 0, 1])) == 0.5
    assert np.isnan(centre_of_gravity(depth, np.zeros(3)))


def test_segments_are_the_best_of_all(rng: np.random.Generator) -> None:
    profile = rng.normal(size=(8, 2))

    def cost(starts: tuple[int, ...]) -> float:
        parts = np.split(profile, starts)
        return sum(((part - part.mean(0)) ** 2).sum() for part in parts)

    for k in (1, 2, 3, 4):
        best = min(combinations(range(1, 8), k - 1), key=cost)
        assert segment(profile, k) == [0, *best]


def test_three_steps_are_told_from_a_ramp(rng: np.random.Generator) -> None:
    depth = np.linspace(0, 1, 12)
    steps = np.repeat(np.array([[1.0, 0], [0.2, 1], [0, 0.3]]), 4, 0)
    ramp = np.stack([depth, 1 - depth], 1)

    def draw(truth: np.ndarray) -> np.ndarray:
        return truth + rng.normal(scale=0.05, size=truth.shape)

    fit, held_out = draw(steps), draw(steps)
    assert step_error(fit, held_out, 3) < min(
        step_error(fit, held_out, 1), step_error(fit, held_out, 2), ramp_error(fit, held_out, depth)
    )
    fit, held_out = draw(ramp), draw(ramp)
    assert ramp_error(fit, held_out, depth) < step_error(fit, held_out, 3)
