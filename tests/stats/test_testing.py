"""Tests and corrections against SciPy and by hand; permutations keep their invariants."""

from typing import Literal

import numpy as np
import pytest
from scipy.stats import binom, ttest_1samp
from scipy.stats import t as student

from emomech.stats.testing import (
    FALSE_DISCOVERIES,
    benjamini_hochberg,
    deranged,
    discovery_threshold,
    false_discovery_rates,
    holm,
    mcnemar,
    mean_and_t,
    p_values,
    permuted,
    permuted_within,
    rank_correlation,
    t_test,
    two_sided,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_permutation_keeps_the_number_of_every_label(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1, 2], [20, 10, 5])
    exchanged = permuted(labels, rng)
    assert (exchanged != labels).any()
    assert np.bincount(exchanged).tolist() == [20, 10, 5]


def test_a_derangement_leaves_no_label_and_spreads_the_others(rng: np.random.Generator) -> None:
    labels = np.repeat([0, 1, 2], 10)
    exchanged = deranged(labels, 3, rng)
    assert (exchanged != labels).all()
    counts = [np.bincount(exchanged[labels == label], minlength=3).tolist() for label in range(3)]
    assert counts == [[0, 5, 5], [5, 0, 5], [5, 5, 0]]


def test_permutation_keeps_the_labels_of_every_stratum(rng: np.random.Generator) -> None:
    labels, strata = rng.integers(0, 3, 240), rng.integers(0, 4, 240)
    permutations = permuted_within(labels, strata, rng, 5)
    assert len({tuple(row) for row in permutations.tolist()}) == 5
    for row in permutations:
        assert (row != labels).any()
        for stratum in range(4):
            assert sorted(row[strata == stratum]) == sorted(labels[strata == stratum])


def test_every_order_inside_a_stratum_is_equally_likely() -> None:
    permutations = permuted_within(np.array([0, 1, 2, 7]), np.array([5, 5, 5, 0]), np.random.default_rng(0), 6000)
    orders, counts = np.unique(permutations, axis=0, return_counts=True)
    assert len(orders) == 6 and (orders[:, 3] == 7).all()
    assert np.abs(counts - 1000).max() < 100


@pytest.mark.parametrize("alternative", ["two-sided", "greater"])
def test_p_values_of_means_are_those_of_scipy(
    alternative: Literal["two-sided", "greater"], rng: np.random.Generator
) -> None:
    values = rng.normal(0.3, 1, (12, 4))
    for axis in (0, 1):
        expected = ttest_1samp(values, 0, axis=axis, alternative=alternative).pvalue
        np.testing.assert_array_equal(t_test(values, axis, alternative), expected)


def test_values_that_are_all_alike_are_zero_or_not_for_certain() -> None:
    assert t_test(np.array([[0.0, 2.0, -2.0]] * 5)).tolist() == [1, 0, 0]
    assert t_test(np.array([[0.0, 2.0, -2.0]] * 5), alternative="greater").tolist() == [1, 0, 1]


def test_adjusted_p_values_are_those_of_stepping_up_by_hand(rng: np.random.Generator) -> None:
    p = rng.random(12) ** 2
    order = np.argsort(p)
    by_hand = [min(p[order[k]] * 12 / (k + 1) for k in range(place, 12)) for place in range(12)]
    np.testing.assert_allclose(benjamini_hochberg(p)[order], by_hand)
    with_gap = benjamini_hochberg(np.insert(p, 3, np.nan))
    assert np.isnan(with_gap[3])
    np.testing.assert_array_equal(np.delete(with_gap, 3), benjamini_hochberg(p))


@pytest.mark.parametrize("p", [[], [np.nan, np.nan]])
def test_no_test_has_no_discovery(p: list[float]) -> None:
    assert np.isnan(benjamini_hochberg(np.array(p))).all()


def test_the_least_t_that_is_a_discovery_is_one(rng: np.random.Generator) -> None:
    t, n = np.concatenate([rng.normal(0, 1, (2, 50)), np.full((2, 3), 9.0)], 1), np.array([40, 60])
    least = discovery_threshold(t, n)
    p = np.asarray(student.sf(t, n[:, None] - 1))
    assert least == t[benjamini_hochberg(p.ravel()).reshape(p.shape) <= FALSE_DISCOVERIES].min()
    assert discovery_threshold(t[:, :1] * 0, n) == discovery_threshold(t[:, :0], n) == np.inf


@pytest.mark.parametrize(("right", "wrong"), [(0, 0), (5, 0), (12, 3), (40, 44)])
def test_mcnemar_is_the_exact_test_of_a_fair_coin(right: int, wrong: int) -> None:
    before = np.array([False] * right + [True] * wrong + [True] * 7)
    after = np.array([True] * right + [False] * wrong + [True] * 7)
    expected = min(1.0, 2 * binom(right + wrong, 0.5).cdf(min(right, wrong))) if right + wrong else 1.0
    assert mcnemar(before, after) == pytest.approx(expected)


@pytest.mark.parametrize(("draws", "p"), [([1.0] * 99, 0.02), ([-1.0] * 10 + [1.0] * 89, 0.22), ([0.0] * 9, 1.0)])
def test_a_p_value_of_draws_is_never_below_what_their_number_allows(draws: list[float], p: float) -> None:
    assert two_sided(np.array([*draws, np.nan])) == pytest.approx(p)
    assert two_sided(-np.array(draws)) == pytest.approx(p)


def test_holm_rejects_what_stepping_down_by_hand_rejects() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = rng.random(6) ** 3
        rejected, remaining = set(), sorted(range(6), key=lambda i: p[i])
        while remaining and p[remaining[0]] * len(remaining) < 0.05:
            rejected.add(remaining.pop(0))
        assert set(np.flatnonzero(holm(p) < 0.05).tolist()) == rejected
    assert holm(np.array([0.01, np.nan, 0.04])).tolist()[::2] == [0.02, 0.04]


def test_differences_that_are_none_rarely_count() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 1, 200)
    rates = false_discovery_rates([np.concatenate([[v], v + rng.normal(0, 1, 400)]) for v in values])
    assert (rates <= FALSE_DISCOVERIES).sum() <= 2
    rates = false_discovery_rates([np.concatenate([[v], v + rng.normal(0, 1, 400)]) for v in (6.0, 0.1, np.nan)])
    assert rates[0] < 0.05 < rates[1]
    assert np.isnan(rates[2])


def test_p_values_are_those_of_cluster_means() -> None:
    loss = np.array([[1.0, 2.0, 3.0, 3.5, 5.0, 6.0], [0.0] * 6, [2.0] * 6, [1.0, -1.0, 1.0, -1.0, 1.0, -1.0]])
    clusters = ["a", "a", "b", "b", "c", "d"]
    expected = ttest_1samp([1.5, 3.25, 5.0, 6.0], 0).pvalue
    assert p_values(loss, clusters)[:3] == pytest.approx([expected, 1.0, 0.0])
    assert p_values(loss, clusters)[3] > 0.5


def test_rank_correlation_needs_values_that_differ() -> None:
    rising = np.arange(5.0)
    assert rank_correlation(rising, rising**3) == pytest.approx(1)
    assert np.isnan(rank_correlation(rising, np.ones(5))) and np.isnan(rank_correlation(rising[:4], rising[:4]))


def test_t_is_students() -> None:
    rng = np.random.default_rng(0)
    effect, gold = rng.normal(0.3, 1, (60, 3)), np.repeat([0, 1], 30)
    mean, t = mean_and_t(effect, gold, np.ones((1, 60)))
    np.testing.assert_allclose(mean[0, 1], effect[30:].mean(0))
    np.testing.assert_allclose(t[0, 1], np.asarray(ttest_1samp(effect[30:], 0).statistic))
