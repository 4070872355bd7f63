"""Coverage of intervals, resampling by cluster, and the text form of numbers."""

import numpy as np
import pytest
from scipy.stats import binomtest

from emomech.core.errors import EmomechError
from emomech.stats.estimates import (
    Estimate,
    bootstrap_weights,
    covering,
    exact_interval,
    from_draws,
    interval,
    mean_estimate,
    number_text,
    ratio_estimate,
    standard_interval,
    t_interval,
    wilson_interval,
    with_resamples,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_estimate_reads_as_a_person_would_write_it() -> None:
    assert str(Estimate(-0.123, -0.2, 0.05, 9)) == "−0.12 [−0.20, 0.05]"
    assert str(Estimate(0.02, -0.001, 0.0, 9)) == "0.02 [−0.001, 0.00]"
    assert str(Estimate(float("nan"), 0, 0, 0)) == "undefined"
    assert str(Estimate(0.5, float("nan"), float("nan"), 0)) == "0.50, no interval"


def test_estimate_excludes_only_what_lies_outside() -> None:
    assert Estimate(0.3, 0.1, 0.5, 9).excludes(0)
    assert not Estimate(0.3, -0.1, 0.5, 9).excludes(0)
    assert not Estimate(0.3, float("nan"), float("nan"), 9).excludes(0)


def test_interval_leaves_undefined_replicates_out() -> None:
    estimate = interval(0.5, np.array([*np.linspace(0, 1, 101), np.nan]), 7)
    assert (estimate.low, estimate.high, estimate.n) == (pytest.approx(0.025), pytest.approx(0.975), 7)


def test_interval_of_mostly_undefined_replicates_is_undefined() -> None:
    assert np.isnan(interval(0.5, np.array([0.1, np.nan, np.nan]), 3).low)


def test_standard_interval_lies_around_the_value_and_inside_its_bounds() -> None:
    replicates = np.array([0.2, 0.4] * 50)
    estimate = standard_interval(0.1, replicates, 7, (0, 1))
    assert (estimate.low, estimate.high, estimate.n) == (0, pytest.approx(0.296), 7)
    assert np.isnan(standard_interval(float("nan"), replicates, 7, (0, 1)).low)
    assert np.isnan(standard_interval(0.1, np.array([0.1, np.nan, np.nan]), 7, (0, 1)).high)


def test_interval_covers_the_truth_at_its_rate(rng: np.random.Generator) -> None:
    hits = 0
    for _ in range(200):
        sample = rng.normal(size=60)
        weights = bootstrap_weights([str(i) for i in range(60)], 300, int(rng.integers(1e6)))
        estimate = interval(sample.mean(), (weights @ sample) / weights.sum(1), 60)
        hits += not estimate.excludes(0)
    assert 180 <= hits <= 198


@pytest.mark.parametrize(("hits", "n"), [(0, 12), (12, 12), (7, 12), (1, 1)])
def test_the_wilson_interval_holds_the_shares_that_are_not_too_far_away(hits: int, n: int) -> None:
    estimate = wilson_interval(hits, n)
    assert (estimate.value, estimate.n) == (hits / n, n)
    for end, at_an_end in ((estimate.low, hits == 0), (estimate.high, hits == n)):
        deviation = abs(hits / n - end) / np.sqrt(max(end * (1 - end), 1e-12) / n)
        assert at_an_end or deviation == pytest.approx(1.96, abs=1e-3)
    assert (estimate.low == 0) == (hits == 0) and (estimate.high == 1) == (hits == n)


def test_bootstrap_draws_whole_clusters() -> None:
    weights = bootstrap_weights(["a", "b", "a", "c"], 200, seed=0)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    assert set((weights[:, 0] + weights[:, 1] + weights[:, 3]).tolist()) == {3.0}


def test_means_and_ratios_weigh_examples_as_often_as_they_were_drawn() -> None:
    values, sizes = np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0])
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    estimate = mean_estimate(values, weights)
    assert (estimate.value, estimate.n) == (3.0, 3)
    assert estimate.low == pytest.approx(np.quantile([3, 1, 6], 0.025))
    ratio = ratio_estimate(values, sizes, weights)
    assert ratio.value == 9 / 4
    assert ratio.high == pytest.approx(np.quantile([9 / 4, 1, 3], 0.975))
    assert np.isnan(ratio_estimate(values, np.zeros(3), weights).value)


def test_the_first_row_of_resamples_is_the_examples_themselves() -> None:
    clusters = ["a", "a", "b", "c"]
    weights = with_resamples(clusters, 50, 3)
    assert (weights[0] == 1).all() and (weights[:, 0] == weights[:, 1]).all()
    np.testing.assert_array_equal(weights[1:], bootstrap_weights(clusters, 50, 3))
    values = weights @ np.array([1.0, 1.0, 2.0, 4.0])
    assert from_draws(values, 3) == interval(values[0], values[1:], 3)


def test_an_undefined_value_has_no_interval() -> None:
    assert str(from_draws(np.array([np.nan, 1.0, 2.0]), 5, "posterior")) == "undefined"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Estimate(-0.12, -0.2, 0.034, 9), "−0.12\u00a0[−0.20,\u00a00.03]"),
        ("as it is", "as it is"),
        (1200, "1,200"),
        (np.int64(-1200), "−1,200"),
        (True, "yes"),
        (np.bool_(False), "no"),
        (0.0, "0.00"),
        (0.8349, "0.83"),
        (-0.5, "−0.50"),
        (0.0431, "0.043"),
        (0.00215, "0.0022"),
        (0.00001234, "1.2e−05"),
        (np.float32(12.34), "12.3"),
        (1234.5, "1,234"),
        (float("nan"), "undefined"),
        (float("-inf"), "−∞"),
    ],
)
def test_numbers_as_prose_quotes_them(value: object, text: str) -> None:
    assert number_text(value) == text


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(EmomechError, match="list, expected an estimate, a number or text"):
        number_text([1])


@pytest.mark.parametrize("hits", [0, 1, 5, 20])
def test_an_exact_interval_is_that_of_scipy_and_takes_parts_of_hits(hits: int) -> None:
    exact = binomtest(hits, 20).proportion_ci(method="exact")
    share = exact_interval(hits, 20)
    assert (share.low, share.high) == pytest.approx((exact.low, exact.high))
    assert exact_interval(hits - 0.5, 20).low <= share.low if hits else share.low == 0
    with pytest.raises(ValueError, match="at least one"):
        exact_interval(0, 0)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_a_t_interval_of_few_values_holds_its_level(n: int, rng: np.random.Generator) -> None:
    """Without an effect, it excludes zero in one of 20 studies."""
    excluded = np.mean([t_interval(rng.normal(size=n)).excludes(0) for _ in range(3000)])
    assert excluded == pytest.approx(0.05, abs=0.012)


def test_one_value_has_no_interval() -> None:
    assert t_interval(np.array([1.0])).value == 1 and np.isnan(t_interval(np.array([1.0])).low)
    assert np.isnan(t_interval(np.array([])).value)


def test_an_interval_covers_others() -> None:
    both = covering(Estimate(0.1, 0.0, 0.2, 5), [Estimate(0.1, 0.05, 0.3, 9)])
    assert (both.value, both.low, both.high, both.n) == (0.1, 0.0, 0.3, 5)
    assert np.isnan(covering(both, [Estimate(0.1, np.nan, np.nan, 9)]).low)
    assert covering(both, []) == both
