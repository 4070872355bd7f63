"""Ratios are divided where the denominator is clearly above a floor, and undefined everywhere else."""

import numpy as np
import pytest

from emomech.stats.floors import MOST_BELOW, above_floor, defined_estimate, floored_estimate, floored_ratio
from emomech.stats.floors import undefined_because as because

RNG = np.random.default_rng(0)
N = 400


def draws(value: float, error: float) -> np.ndarray:
    return np.array([value, *RNG.normal(value, error, N)])


def test_far_above_the_floor_it_is_the_plain_ratio() -> None:
    top, bottom = draws(1, 0.1), draws(4, 0.2)
    np.testing.assert_allclose(floored_ratio(top, bottom, 0.5), top / bottom)
    estimate = floored_estimate(top, bottom, 0.5, 40)
    assert estimate.value == pytest.approx(0.25) and estimate.low < 0.25 < estimate.high and estimate.n == 40


def test_a_denominator_near_zero_gives_no_number() -> None:
    """The case that was seen on a real model: the interval would span thousands."""
    top, bottom = draws(0.2, 0.2), draws(0.1, 0.2)
    plain = np.quantile(top[1:] / bottom[1:], [0.025, 0.975])
    assert np.ptp(plain) > 20
    assert np.isnan(floored_ratio(top, bottom, 0.5)).all()
    assert str(floored_estimate(top, bottom, 0.5, 40)) == "undefined"


def test_the_value_and_all_but_a_few_resamples_have_to_be_above() -> None:
    few = int(MOST_BELOW * N)
    for n_below, defined in ((0, True), (few, True), (few + 1, False)):
        bottom = np.ones(1 + N)
        bottom[1 : 1 + n_below] = 0.5
        assert above_floor(bottom, 0.5) == defined
        shares = floored_ratio(np.ones(1 + N), bottom, 0.5)
        assert np.isnan(shares).sum() == (n_below if defined else 1 + N)
        assert np.isfinite(floored_estimate(np.ones(1 + N), bottom, 0.5, 9).low) == defined
    assert not above_floor(np.array([0.5, *np.ones(N)]), 0.5)
    assert not above_floor(np.array([np.nan, *np.ones(N)]), 0.5)


def test_columns_are_judged_one_by_one_and_broadcast() -> None:
    bottom = np.stack([draws(4, 0.1), draws(0.1, 0.1)], 1)
    shares = floored_ratio(np.ones((1 + N, 2)), bottom, 0.5)
    assert np.isfinite(shares[:, 0]).all() and np.isnan(shares[:, 1]).all()
    assert floored_ratio(np.ones((1 + N, 3)), bottom[:, :1], 0.5).shape == (1 + N, 3)


def test_a_negative_denominator_is_below_and_a_negative_floor_is_refused() -> None:
    assert np.isnan(floored_ratio(np.ones(1 + N), draws(-4, 0.1), 0.0)).all()
    with pytest.raises(ValueError, match="floor -1: expected at least 0"):
        above_floor(np.ones(3), -1)


def test_undefined_resamples_are_not_left_out_in_silence() -> None:
    values = draws(1, 0.1)
    assert defined_estimate(values, 5).value == 1
    values[1:20] = np.nan
    assert str(defined_estimate(values, 5)) == "undefined"
    assert str(defined_estimate(np.array([np.nan, 1.0, 1.0]), 5)) == "undefined"


def test_without_resamples_the_value_decides() -> None:
    assert above_floor(np.array([1.0]), 0.5) and not above_floor(np.array([0.4]), 0.5)


def test_the_reason_is_given_in_words() -> None:
    assert because(draws(4, 0.1), 0.5, "nats", 40) == ""
    assert "is not clearly above 0.5 nats" in because(draws(0.4, 0.1), 0.5, "nats", 40)
