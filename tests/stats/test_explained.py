"""The share that a label explains: its expectation does not move with the sample, and is 0 without an effect."""

import numpy as np
import pytest
import scipy.sparse as sp

from emomech.stats.explained import contrasts, explained, split
from emomech.stats.ranks import Ranks
from emomech.stats.selectivity import Selectivity, Strata

N_CLASSES, N_WORDS, N_FEATURES = 5, 8, 30


def features(n: int, effect: float, rng: np.random.Generator) -> tuple[sp.csr_array, np.ndarray, Strata]:
    """Sparse features, of which one for each class follows the label and one for each word follows the word."""
    word, label = rng.integers(N_WORDS, size=n), rng.integers(N_CLASSES, size=n)
    x = rng.normal(size=(n, N_FEATURES))
    x[:, :N_CLASSES] += effect * (label[:, None] == np.arange(N_CLASSES))
    x[:, -N_WORDS:] += word[:, None] == np.arange(N_WORDS)
    return sp.csr_array(np.maximum(x - 0.5, 0)), label, Strata.of(word.astype(str))


def share(n: int, effect: float, seed: int) -> float:
    x, label, strata = features(n, effect, np.random.default_rng(seed))
    made = contrasts(label[None], strata, split(n, seed), np.ones((1, n)))
    return float(explained(Ranks.of(x), made)[0])


def mean_and_error(n: int, effect: float, n_studies: int) -> tuple[float, float]:
    values = np.array([share(n, effect, seed) for seed in range(n_studies)])
    return float(values.mean()), float(values.std() / np.sqrt(n_studies))


@pytest.mark.parametrize("effect", [0.0, 0.3, 1.0])
def test_the_expectation_is_the_same_for_400_800_and_2400_texts(effect: float) -> None:
    found = [mean_and_error(n, effect, n_studies) for n, n_studies in ((400, 60), (800, 60), (2400, 30))]
    reference, error = found[-1]
    for value, of_value in found:
        assert abs(value - reference) < 3.5 * np.hypot(error, of_value)
        assert effect or abs(value) < 3.5 * of_value
    assert effect < 1 or reference > 20 * error


def test_a_share_beyond_a_threshold_moves_with_the_number_of_texts() -> None:
    def selective(n: int) -> float:
        x, label, strata = features(n, 0.3, np.random.default_rng(1))
        tested = Selectivity.of(x, label, strata)
        return float(tested.n_selective(tested.null(100, 0).threshold)[0])

    assert selective(6000) >= selective(300) + 3


def test_one_feature_of_two_classes_has_three_times_its_squared_excess_of_auroc() -> None:
    rng, n = np.random.default_rng(0), 4000
    label = np.arange(n) % 2
    x = sp.csr_array((rng.random(n) + 0.3 * label + 1)[:, None])
    ranks = Ranks.of(x)
    auroc = ranks.aurocs(label[:, None] == np.arange(2))[1, 0]
    made = contrasts(label[None], Strata.of(np.zeros(n, dtype=str)), split(n, 0), np.ones((1, n)))
    assert explained(ranks, made)[0] == pytest.approx(3 * (auroc - 0.5) ** 2, rel=0.05)


def test_what_the_stratum_decides_is_not_explained() -> None:
    rng = np.random.default_rng(0)
    word = rng.integers(4, size=600)
    x = sp.csr_array(np.eye(4)[word])
    label = np.where(rng.random(600) < 0.8, word % 2, 1 - word % 2)
    for strata, least in ((Strata.of(word.astype(str)), -0.01), (Strata.of(np.zeros(600, dtype=str)), 0.1)):
        value = float(explained(Ranks.of(x), contrasts(label[None], strata, split(600, 0), np.ones((1, 600))))[0])
        assert value >= least and (least > 0 or value < 0.01)


def test_weights_of_some_examples_are_a_study_of_these_examples() -> None:
    _, label, strata = features(400, 1.0, np.random.default_rng(3))
    first, weights = split(400, 0), (np.arange(400) < 200).astype(float)
    whole = contrasts(label[None], strata, first, weights[None])
    part = contrasts(label[None, :200], Strata(strata.index[:200]), first[:200], np.ones((1, 200)))
    np.testing.assert_allclose(whole.factors[:, :200], part.factors, atol=1e-6)
    assert not whole.factors[:, 200:].any()


def test_permuted_labels_are_rows_and_blocks_do_not_change_them() -> None:
    x, label, strata = features(200, 1.0, np.random.default_rng(4))
    labels = np.stack([label] * 150)
    values = explained(Ranks.of(x), contrasts(labels, strata, split(200, 0), np.ones((1, 200))))
    np.testing.assert_allclose(values, values[0], rtol=1e-4)


def test_features_that_do_not_vary_explain_nothing() -> None:
    label = np.arange(20) % 2
    made = contrasts(label[None], Strata.of(np.zeros(20, dtype=str)), split(20, 0), np.ones((1, 20)))
    assert explained(Ranks.of(sp.csr_array((20, 3))), made).tolist() == [0.0]


def test_halves_are_halves() -> None:
    assert split(11, 0).sum() in (5, 6)
    assert (split(50, 1) != split(50, 2)).any()
