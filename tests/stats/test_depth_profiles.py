"""Onsets and leads of profiles that are known, coverage of a null, and Holm's correction done by hand."""

import numpy as np
import pytest

from emomech.stats.depth_profiles import difference, lead, onset, summaries
from emomech.stats.testing import holm

DEPTH = np.linspace(0, 1, 5)


def draws(profile: list[float], noise: float = 0.0, n: int = 400, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = np.array(profile) + noise * rng.normal(size=(n + 1, len(profile)))
    found[0] = profile
    return found


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
    found = summaries(DEPTH, trained, control)
    assert found["onset"][0] == pytest.approx(0.625)
    assert found["centre of gravity"][0] == pytest.approx((0.75 + 1) / 2)
    assert summaries(DEPTH, trained, 0 * control)["onset"][0] == 0


def test_a_lead_is_found_where_it_is_largest_and_only_where_there_is_one() -> None:
    found = lead(draws([0, 0.1, 0.6, 0.4, 0], 0.05), draws([0, 0.1, 0.1, 0.1, 0], 0.05, seed=1), 50)
    assert (found.at, found.trained, found.control) == (2, 0.6, 0.1)
    assert found.difference.value == pytest.approx(0.5) and found.shows
    assert not lead(draws([0, 0.02, 0, 0, 0], 0.05), draws([0.0] * 5, 0.05, seed=1), 50).shows
    assert not lead(draws([0, 0.005, 0, 0, 0]), draws([0.0] * 5), 50).shows  # too small to be placed


def test_the_choice_of_the_depth_is_allowed_for() -> None:
    """Of profiles of noise alone hardly more than 5 % show, though the largest of nine is taken."""
    rng, shows = np.random.default_rng(0), 0
    for _ in range(300):
        profile = 0.1 * rng.normal(size=9)
        noise = profile + 0.1 * rng.normal(size=(301, 9))
        noise[0] = profile
        shows += lead(noise, np.zeros((301, 9)), 1).shows
    assert shows / 300 < 0.05


def test_differences_are_found_at_their_rate_where_there_are_none() -> None:
    rng, found = np.random.default_rng(0), 0
    for _ in range(300):
        value = rng.normal()
        gain = np.append(value, value + rng.normal(size=400))
        found += difference(gain, np.zeros(401), 1)[1] < 0.05
    assert 0.01 < found / 300 < 0.1


def test_a_difference_has_its_interval_and_is_undefined_where_either_is() -> None:
    found, p = difference(draws([0.5], 0.01)[:, 0], draws([0.2], 0.01, seed=1)[:, 0], 9)
    assert 0.25 < found.low < found.value < found.high < 0.35 and found.n == 9
    assert p == pytest.approx(2 / 401)
    found, p = difference(np.full(401, np.nan), np.zeros(401), 9)
    assert np.isnan([found.low, p]).all()
    assert difference(np.zeros(401), np.zeros(401), 9)[1] == 1


def test_holm_rejects_what_stepping_down_by_hand_rejects() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = rng.random(6) ** 3
        rejected, left = set(), sorted(range(6), key=lambda i: p[i])
        while left and p[left[0]] * len(left) < 0.05:
            rejected.add(left.pop(0))
        assert set(np.flatnonzero(holm(p) < 0.05).tolist()) == rejected
    assert holm(np.array([0.01, np.nan, 0.04])).tolist()[::2] == [0.02, 0.04]
