"""Selectivity against scipy, against brute-force permutation, and on data without any effect."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import mannwhitneyu, rankdata

from emomech.stats.estimates import Estimate, bootstrap_weights, standard_interval
from emomech.stats.selectivity import Selectivity, Strata
from emomech.stats.testing import permuted_within

N, F = 240, 40


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def sparse_features(rng: np.random.Generator, n: int = N) -> sp.csr_array:
    dense = np.round(rng.exponential(size=(n, F)), 1) * (rng.random((n, F)) < 0.3)
    dense[:, -1] = 0
    return sp.csr_array(dense)


def one_stratum(n: int = N) -> Strata:
    return Strata.of(np.array([""] * n))


def test_statistic_is_that_of_mann_and_whitney(rng: np.random.Generator) -> None:
    features, labels = sparse_features(rng), rng.integers(0, 2, N)
    statistics = Selectivity.of(features, labels, one_stratum()).statistic()[0, 1]
    dense = features.toarray()[:, :-1]
    for feature, statistic in zip(dense.T, statistics, strict=True):
        oracle = mannwhitneyu(
            feature[labels == 1], feature[labels == 0], use_continuity=False, method="asymptotic", alternative="greater"
        )
        assert _upper_tail(statistic) == pytest.approx(oracle.pvalue, rel=1e-3)


def _upper_tail(z: float) -> float:
    from scipy.stats import norm

    return float(norm.sf(z))


def test_statistic_has_the_moments_of_permutation_inside_strata(rng: np.random.Generator) -> None:
    features, labels = sparse_features(rng), rng.integers(0, 3, N)
    strata = Strata.of(rng.choice(["to", "the", "cat", "once"], N))
    shuffled = permuted_within(labels, strata.index, np.random.default_rng(1), 3000)
    drawn = np.stack([Selectivity.of(features, row, strata).statistic()[0] for row in shuffled[:1500]])
    assert np.abs(drawn.mean(0)).max() < 0.15
    assert np.abs(drawn.std(0) - 1).max() < 0.1


def test_what_the_stratum_explains_is_not_selective(rng: np.random.Generator) -> None:
    names = rng.choice(["good", "bad"], N)
    fires = (names == "good").astype(float)
    features, labels = sp.csr_array(fires[:, None]), (names == "good").astype(int)
    assert Selectivity.of(features, labels, Strata.of(names)).statistic().max() == 0
    assert Selectivity.of(features, labels, one_stratum()).statistic().max() > 10


def test_a_planted_feature_is_the_one_selected(rng: np.random.Generator) -> None:
    dense, labels = sparse_features(rng).toarray(), rng.integers(0, 3, N)
    dense[:, 7] += (labels == 2) * rng.exponential(size=N)
    selectivity = Selectivity.of(sp.csr_array(dense), labels, one_stratum())
    statistic = np.abs(selectivity.statistic()[0]).max(0)
    assert statistic.argmax() == 7
    assert selectivity.n_selective(selectivity.null(200, seed=0).threshold).tolist() == [1]


def test_without_an_effect_one_study_in_twenty_shows_a_feature() -> None:
    false = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        selectivity = Selectivity.of(sparse_features(rng, 120), rng.integers(0, 3, 120), one_stratum(120))
        false += bool(selectivity.n_selective(selectivity.null(100, seed).threshold)[0])
    assert 0 < false <= 13


def test_the_null_counts_what_its_own_threshold_lets_through(rng: np.random.Generator) -> None:
    selectivity = Selectivity.of(sparse_features(rng), rng.integers(0, 3, N), one_stratum())
    null = selectivity.null(200, seed=0)
    assert null.largest.shape == (200, selectivity.n_active)
    assert (null.n_selective() > 0).sum() == 10
    row = permuted_within(selectivity.labels, selectivity.strata.index, np.random.default_rng(0), 200)[7]
    again = Selectivity.ranked(selectivity.ranks, row, selectivity.strata).statistic()[0]
    np.testing.assert_allclose(null.largest[7], np.abs(again).max(0), atol=1e-4)


def test_unit_weights_are_the_full_sample(rng: np.random.Generator) -> None:
    selectivity = Selectivity.of(sparse_features(rng), rng.integers(0, 3, N), one_stratum())
    np.testing.assert_allclose(selectivity.statistic(np.ones((150, N)))[149], selectivity.statistic()[0], atol=1e-4)


def test_half_of_the_examples_are_a_study_of_their_own(rng: np.random.Generator) -> None:
    features, labels = sparse_features(rng), rng.integers(0, 2, N)
    first = np.arange(N) < N / 2
    part = Selectivity.of(features, labels, one_stratum())
    ranks = replace(part.ranks, above=part.ranks.above[:, np.flatnonzero(first)])
    alone = Selectivity.ranked(ranks, labels[first], one_stratum(N // 2)).statistic()[0]
    assert np.abs(part.statistic(first[None].astype(float))[0] - alone).max() < 0.5


def test_bootstrap_draws_lie_around_the_statistic_with_unit_variance(rng: np.random.Generator) -> None:
    dense, labels = sparse_features(rng).toarray(), rng.integers(0, 2, N)
    dense[:, :5] += 0.5 * labels[:, None] * rng.exponential(size=(N, 5))
    selectivity = Selectivity.of(sp.csr_array(dense), labels, one_stratum())
    drawn = selectivity.statistic(bootstrap_weights([str(i) for i in range(N)], 400, seed=0))
    np.testing.assert_allclose(drawn.mean(0), selectivity.statistic()[0], atol=0.25)
    assert 0.8 < drawn.std(0).mean() < 1.1


def test_interval_of_a_count_holds_the_count_that_a_study_expects() -> None:
    """Near the threshold a count is uncertain: at least nine of ten intervals hold its expectation."""
    studies = [study_of_weak_effects(seed) for seed in range(120)]
    expected = np.mean([estimate.value for estimate in studies])
    assert 3 < expected < 17
    covered = np.mean([estimate.low <= expected <= estimate.high for estimate in studies])
    assert covered >= 0.9


def study_of_weak_effects(seed: int) -> Estimate:
    rng = np.random.default_rng(seed)
    labels = np.arange(200) % 2
    dense = rng.exponential(size=(200, 40)) * (rng.random((200, 40)) < 0.5)
    dense[:, :20] += np.linspace(0, 1.2, 20) * labels[:, None] * (rng.random((200, 20)) < 0.5)
    selectivity = Selectivity.of(sp.csr_array(dense), labels, one_stratum(200))
    drawn = bootstrap_weights([str(i) for i in range(200)], 100, seed)
    count = selectivity.n_selective(3.2, np.concatenate([np.ones((1, 200)), drawn])).astype(float)
    return standard_interval(count[0], count[1:], 200, (0, 40))


def test_sparse_products_are_the_dense_sums_that_they_stand_for(rng: np.random.Generator) -> None:
    features, labels, strata = sparse_features(rng), rng.integers(0, 3, N), Strata.of(rng.choice(["a", "b", "c"], N))
    dense = features.toarray()[:, :-1]
    ranks, member = strata.centre(rankdata(dense, axis=0)), np.eye(3)[labels]
    weights = bootstrap_weights([str(i) for i in range(N)], 3, seed=0)
    for w, found in zip(weights, Selectivity.of(features, labels, strata).statistic(weights), strict=True):
        total = (w[:, None] * strata.centre(member)).T @ ranks
        expected = total / np.sqrt((w[:, None] * strata.variance(member)).T @ ranks**2)
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_no_active_feature_selects_none() -> None:
    selectivity = Selectivity.of(sp.csr_array((20, 4)), np.arange(20) % 2, one_stratum(20))
    assert selectivity.n_active == 0
    assert selectivity.n_selective(selectivity.null(10, 0).threshold).tolist() == [0]
