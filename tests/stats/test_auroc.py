"""Single units as detectors: against scikit-learn, coverage of intervals, and the bias of choosing the best unit."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from emomech.stats.auroc import Detector, auroc, auroc_difference, auroc_interval, aurocs, members

N = 300


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_aurocs_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    units = np.round(rng.exponential(size=(N, 6)), 1) * (rng.random((N, 6)) < 0.5)
    labels = rng.integers(0, 3, N)
    scores = aurocs(units, members(labels, 3))
    for label in range(3):
        for unit in range(6):
            assert scores[label, unit] == pytest.approx(roc_auc_score(labels == label, units[:, unit]))


def test_a_class_of_none_has_no_auroc(rng: np.random.Generator) -> None:
    scores = aurocs(rng.random((N, 2)), members(np.zeros(N, dtype=int), 2))
    assert np.isnan(scores).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_the_unit_that_stands_for_a_class_is_found_with_its_sign(rng: np.random.Generator, sign: int) -> None:
    labels = rng.integers(0, 2, N)
    units = rng.normal(size=(N, 20))
    units[:, 7] += sign * 4 * labels
    detector = Detector.find(units, members(labels, 2))[1]
    assert (detector.unit, detector.sign) == (7, sign)
    predicted = detector.scores(units) >= detector.threshold
    assert detector.f1(units, labels == 1) == pytest.approx(f1_score(labels, predicted))
    assert detector.f1(units, labels == 1) > 0.9


def test_the_threshold_is_the_best_of_all(rng: np.random.Generator) -> None:
    values = np.round(rng.normal(size=60), 1)
    member = rng.random(60) < 0.4
    detector = Detector.find(values[:, None], members(member.astype(int), 2))[1]
    signed = detector.sign * values
    best = max(f1_score(member, signed >= threshold) for threshold in np.unique(signed))
    assert detector.f1(values[:, None], member) == pytest.approx(best)


def test_what_is_chosen_among_noise_is_noise_on_other_texts(rng: np.random.Generator) -> None:
    chosen, scored = [], []
    for _ in range(30):
        units, labels = rng.normal(size=(2 * N, 200)), rng.integers(0, 2, 2 * N)
        member = members(labels, 2)
        detector = Detector.find(units[:N], member[:N])[1]
        chosen.append(auroc(detector.scores(units[:N]), member[:N, 1]).value)
        scored.append(auroc(detector.scores(units[N:]), member[N:, 1]).value)
    assert np.mean(chosen) > 0.57
    assert 0.48 < np.mean(scored) < 0.52


def test_the_interval_holds_the_truth_at_its_rate(rng: np.random.Generator) -> None:
    shift, covered = 1.5, 0
    truth = np.mean(rng.normal(size=200_000) + shift > rng.normal(size=200_000))
    for _ in range(300):
        values = np.concatenate([rng.normal(size=40) + shift, rng.normal(size=80)])
        member = np.arange(120) < 40
        value = aurocs(values[:, None], member[:, None])[0, 0]
        estimate = auroc_interval(float(value), 40, 80)
        covered += estimate.low <= truth <= estimate.high
    assert 275 <= covered <= 298


def test_the_interval_of_perfection_is_not_a_point() -> None:
    best, worst = auroc_interval(1.0, 20, 30), auroc_interval(0.0, 20, 30)
    assert best.high == 1 and 0.8 < best.low < 0.96
    assert worst.low == 0 and worst.high == pytest.approx(1 - best.low)


def test_a_difference_is_that_of_the_aurocs_and_zero_for_the_same_scores(rng: np.random.Generator) -> None:
    member = rng.random(N) < 0.3
    good, bad = rng.normal(size=N) + 2 * member, np.round(rng.normal(size=N) + 0.5 * member, 1)
    estimate = auroc_difference(good, bad, member, 400, seed=0)
    assert estimate.value == pytest.approx(roc_auc_score(member, good) - roc_auc_score(member, bad))
    assert 0 < estimate.low < estimate.value < estimate.high
    same = auroc_difference(good, good, member, 50, seed=0)
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_the_interval_of_a_difference_holds_zero_at_its_rate(rng: np.random.Generator) -> None:
    covered = 0
    for seed in range(150):
        member = np.arange(120) < 40
        shared = rng.normal(size=120) + member
        first, second = (shared + rng.normal(size=120) for _ in range(2))
        covered += not auroc_difference(first, second, member, 200, seed).excludes(0)
    assert 134 <= covered <= 149
