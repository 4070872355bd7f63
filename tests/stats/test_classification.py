"""Scores against scikit-learn, intervals against their coverage, calibration of known predictors."""

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

from emomech.stats.classification import Confusion, balanced_accuracy, calibration_error, reliability
from emomech.stats.estimates import posterior_interval


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_confusion_scores_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    gold, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    confusion = Confusion.of(gold, predicted, 4)
    assert confusion.balanced_accuracy()[0] == pytest.approx(balanced_accuracy_score(gold, predicted))
    assert confusion.macro_f1()[0] == pytest.approx(f1_score(gold, predicted, average="macro"))
    np.testing.assert_allclose(confusion.recall()[0], recall_score(gold, predicted, average=None))
    np.testing.assert_allclose(confusion.precision()[0], precision_score(gold, predicted, average=None))


def test_weights_are_repetitions(rng: np.random.Generator) -> None:
    gold, predicted = rng.integers(0, 3, 50), rng.integers(0, 3, 50)
    weights = rng.integers(0, 4, (3, 50))
    accuracies = Confusion.of(gold, predicted, 3, weights).balanced_accuracy()
    for row, value in zip(weights, accuracies, strict=True):
        drawn = np.repeat(np.arange(50), row)
        assert value == pytest.approx(balanced_accuracy_score(gold[drawn], predicted[drawn]))


def test_a_class_that_does_not_occur_has_no_recall() -> None:
    confusion = Confusion.of(np.array([0, 0]), np.array([0, 2]), 3)
    assert np.isnan(confusion.recall()[0, 1])
    assert confusion.balanced_accuracy()[0] == 0.5


def test_recall_without_an_error_is_still_uncertain() -> None:
    confusion = Confusion.of(np.repeat([0, 1], [40, 10]), np.zeros(50, dtype=int), 3)
    drawn = confusion.recall_draws(4000, seed=0)
    best = posterior_interval(1.0, drawn[:, 0], 40)
    assert best.high == 1
    assert best.low == pytest.approx(beta(40.5, 0.5).ppf(0.025), abs=0.01)
    worst = posterior_interval(0.0, drawn[:, 1], 10)
    assert worst.low == 0 and worst.high == pytest.approx(beta(0.5, 10.5).ppf(0.975), abs=0.02)
    assert np.isnan(drawn[:, 2]).all()


def test_dependent_texts_make_recall_less_certain() -> None:
    confusion = Confusion.of(np.zeros(80, dtype=int), np.arange(80) % 2, 2)
    alone, paired = (confusion.recall_draws(4000, seed=0, independent=share)[:, 0].std() for share in (1, 0.5))
    assert paired == pytest.approx(alone * np.sqrt(2), rel=0.05)


def test_intervals_of_balanced_accuracy_hold_it_at_their_rate(rng: np.random.Generator) -> None:
    recall, covered = np.array([0.95, 0.6, 0.98]), 0
    gold = np.repeat(np.arange(3), (40, 40, 20))
    for seed in range(200):
        predicted = np.where(rng.random(100) < recall[gold], gold, (gold + 1) % 3)
        confusion = Confusion.of(gold, predicted, 3)
        estimate = posterior_interval(confusion.balanced_accuracy()[0], confusion.recall_draws(400, seed).mean(1), 100)
        covered += estimate.low <= recall.mean() <= estimate.high
    assert 180 <= covered <= 199


def test_standing_is_balanced_accuracy_with_dependent_texts_counted_as_one(rng: np.random.Generator) -> None:
    gold, predicted = rng.integers(0, 3, 120), rng.integers(0, 3, 120)
    alone = balanced_accuracy(gold, predicted, 3, list(map(str, range(120))), 0)
    paired = balanced_accuracy(gold, predicted, 3, [str(i // 2) for i in range(120)], 0)
    assert alone.value == paired.value == pytest.approx(balanced_accuracy_score(gold, predicted))
    assert paired.high - paired.low > 1.2 * (alone.high - alone.low)


def test_reliability_of_a_calibrated_predictor_is_the_diagonal(rng: np.random.Generator) -> None:
    confidence = rng.random(20_000)
    bins = reliability(confidence, rng.random(20_000) < confidence)
    assert len(bins) == 10
    assert all(abs(b.confidence - b.accuracy) < 0.05 for b in bins)
    assert calibration_error(bins) < 0.02


def test_calibration_error_is_the_mean_gap() -> None:
    bins = reliability(np.array([0.9, 0.9, 0.5, 0.5]), np.array([True, False, True, False]), n_bins=2)
    assert calibration_error(bins) == pytest.approx(0.2)
