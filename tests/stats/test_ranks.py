"""Ranks of sparse features equal those of dense ones; AUROC and effect size equal those of scikit-learn and NumPy."""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from emomech.stats.auroc import aurocs
from emomech.stats.ranks import Ranks, effect_sizes

N, F, CLASSES = 200, 30, 4


@pytest.fixture
def dense() -> np.ndarray:
    rng = np.random.default_rng(0)
    features = np.round(rng.exponential(size=(N, F)), 1) * (rng.random((N, F)) < 0.2)
    features[:, 3] = 0
    features[:, 4] = 1 + np.arange(N) % 7  # never zero
    return features


@pytest.fixture
def member() -> np.ndarray:
    return np.random.default_rng(1).integers(0, CLASSES, N)[:, None] == np.arange(CLASSES)


def test_ranks_are_midranks_of_the_features_that_fire(dense: np.ndarray) -> None:
    ranks = Ranks.of(sp.csr_array(dense))
    assert ranks.feature.tolist() == [i for i in range(F) if i != 3]
    np.testing.assert_allclose(ranks.above.toarray().T + ranks.zero, rankdata(dense[:, ranks.feature], axis=0))


def test_ranks_of_features_that_never_fire_are_none() -> None:
    ranks = Ranks.of(sp.csr_array((5, 3)))
    assert ranks.above.shape == (0, 5) and ranks.aurocs(np.ones((5, 2), dtype=bool)).shape == (2, 0)


def test_a_zero_that_is_stored_is_a_zero(dense: np.ndarray) -> None:
    stored = sp.csr_array(dense + 1)
    stored.data -= 1
    ranks, expected = Ranks.of(stored), Ranks.of(sp.csr_array(dense))
    np.testing.assert_array_equal(ranks.above.toarray(), expected.above.toarray())


def test_aurocs_are_those_of_scikit_learn(dense: np.ndarray, member: np.ndarray) -> None:
    ranks = Ranks.of(sp.csr_array(dense))
    scores = ranks.aurocs(member)
    for label in range(CLASSES):
        for i, feature in enumerate(ranks.feature):
            assert scores[label, i] == pytest.approx(roc_auc_score(member[:, label], dense[:, feature]), abs=1e-12)
    np.testing.assert_allclose(scores, aurocs(dense[:, ranks.feature], member))


def test_a_class_of_none_has_no_auroc(dense: np.ndarray) -> None:
    assert np.isnan(Ranks.of(sp.csr_array(dense)).aurocs(np.zeros((N, 1), dtype=bool))).all()


def test_effect_sizes_are_differences_in_pooled_deviations(dense: np.ndarray, member: np.ndarray) -> None:
    sizes = effect_sizes(sp.csr_array(dense), member)
    for label in range(CLASSES):
        inside, outside = dense[member[:, label]], dense[~member[:, label]]
        pooled = inside.var(0, ddof=1) * (len(inside) - 1) + outside.var(0, ddof=1) * (len(outside) - 1)
        with np.errstate(invalid="ignore"):
            expected = (inside.mean(0) - outside.mean(0)) / np.sqrt(pooled / (N - 2))
        np.testing.assert_allclose(sizes[label], expected, atol=1e-9)
    assert np.isnan(sizes[:, 3]).all()
