"""Selectivity against scipy, against brute-force permutation, and on data without any effect."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import mannwhitneyu, rankdata

from emomech.selectivity import Selectivity, Strata, rank

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


def test_ranks_are_midranks_of_the_features_that_fire(rng: np.random.Generator) -> None:
    features = sparse_features(rng)
    dense = features.toarray()
    expected = rankdata(dense[:, dense.any(0)], axis=0)
    np.testing.assert_allclose(rank(features), expected)


def test_ranks_of_features_that_never_fire_are_none() -> None:
    assert rank(sp.csr_array((5, 3))).shape == (5, 0)


def test_statistic_is_that_of_mann_and_whitney(rng: np.random.Generator) -> None:
    features, labels = sparse_features(rng), rng.integers(0, 2, N)
    found = Selectivity.of(features, labels, one_stratum()).statistic()[0, 1]
    dense = features.toarray()[:, :-1]
    for feature, statistic in zip(dense.T, found, strict=True):
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
    shuffled = strata.permute(labels, 3000, seed=1)
    drawn = np.stack([Selectivity.of(features, row, strata).statistic()[0] for row in shuffled[:1500]])
    assert np.abs(drawn.mean(0)).max() < 0.15
    assert np.abs(drawn.std(0) - 1).max() < 0.1


def test_permutation_keeps_the_labels_of_every_stratum(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 3, N)
    names = rng.choice(["a", "b", "c"], N)
    for row in Strata.of(names).permute(labels, 5, seed=0):
        for name in "abc":
            assert sorted(row[names == name]) == sorted(labels[names == name])
        assert (row != labels).any()


def test_what_the_stratum_explains_is_not_selective(rng: np.random.Generator) -> None:
    names = rng.choice(["good", "bad"], N)
    fires = (names == "good").astype(float)
    features, labels = sp.csr_array(fires[:, None]), (names == "good").astype(int)
    assert Selectivity.of(features, labels, Strata.of(names)).statistic().max() == 0
    assert Selectivity.of(features, labels, one_stratum()).statistic().max() > 10


def test_a_planted_feature_is_the_one_selected(rng: np.random.Generator) -> None:
    dense, labels = sparse_features(rng).toarray(), rng.integers(0, 3, N)
    dense[:, 7] += (labels == 2) * rng.exponential(size=N)
    found = Selectivity.of(sp.csr_array(dense), labels, one_stratum())
    statistic = np.abs(found.statistic()[0]).max(0)
    assert statistic.argmax() == 7
    assert found.n_selective(found.threshold(200, seed=0)).tolist() == [1]


def test_without_an_effect_one_study_in_twenty_shows_a_feature() -> None:
    false = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found = Selectivity.of(sparse_features(rng, 120), rng.integers(0, 3, 120), one_stratum(120))
        false += bool(found.n_selective(found.threshold(100, seed))[0])
    assert 0 < false <= 13


def test_unit_weights_are_the_full_sample(rng: np.random.Generator) -> None:
    found = Selectivity.of(sparse_features(rng), rng.integers(0, 3, N), one_stratum())
    np.testing.assert_allclose(found.statistic(np.ones((150, N)))[149], found.statistic()[0], atol=1e-4)


def test_an_example_drawn_twice_is_not_two_examples(rng: np.random.Generator) -> None:
    found = Selectivity.of(sparse_features(rng), rng.integers(0, 2, N), one_stratum())
    np.testing.assert_allclose(found.statistic(np.full((1, N), 2.0)), found.statistic(), atol=1e-4)


def test_resamples_of_no_effect_keep_unit_variance(rng: np.random.Generator) -> None:
    from emomech.stats import bootstrap_weights

    spread = []
    for seed in range(30):
        draw = np.random.default_rng(seed)
        found = Selectivity.of(sparse_features(draw), draw.integers(0, 2, N), one_stratum())
        spread.append(found.statistic(bootstrap_weights([str(i) for i in range(N)], 20, seed)).std())
    assert 0.9 < np.mean(spread) < 1.1


def test_no_active_feature_selects_none() -> None:
    found = Selectivity.of(sp.csr_array((20, 4)), np.arange(20) % 2, one_stratum(20))
    assert found.n_active == 0
    assert found.n_selective(found.threshold(10, 0)).tolist() == [0]
