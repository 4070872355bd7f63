"""Statistics against scikit-learn, brute force and hand-made cases."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import beta, binom
from sklearn.metrics import balanced_accuracy_score, f1_score, precision_score, recall_score

from emomech.causal.sample import doubling
from emomech.stats.classification import Confusion, calibration_error, reliability, standing
from emomech.stats.depth_profiles import centre_of_gravity, ramp_error, segment, step_error
from emomech.stats.estimates import (
    Estimate,
    bootstrap_weights,
    estimated,
    interval,
    mean_estimate,
    posterior_interval,
    ratio_estimate,
    standard_interval,
    with_resamples,
)
from emomech.stats.testing import mcnemar, two_sided


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
    found = interval(0.5, np.array([*np.linspace(0, 1, 101), np.nan]), 7)
    assert (found.low, found.high, found.n) == (pytest.approx(0.025), pytest.approx(0.975), 7)


def test_interval_of_mostly_undefined_replicates_is_undefined() -> None:
    assert np.isnan(interval(0.5, np.array([0.1, np.nan, np.nan]), 3).low)


def test_standard_interval_lies_around_the_value_and_inside_its_bounds() -> None:
    replicates = np.array([0.2, 0.4] * 50)
    found = standard_interval(0.1, replicates, 7, (0, 1))
    assert (found.low, found.high, found.n) == (0, pytest.approx(0.296), 7)
    assert np.isnan(standard_interval(float("nan"), replicates, 7, (0, 1)).low)
    assert np.isnan(standard_interval(0.1, np.array([0.1, np.nan, np.nan]), 7, (0, 1)).high)


def test_interval_covers_the_truth_at_its_rate(rng: np.random.Generator) -> None:
    hits = 0
    for _ in range(200):
        sample = rng.normal(size=60)
        weights = bootstrap_weights([str(i) for i in range(60)], 300, int(rng.integers(1e6)))
        found = interval(sample.mean(), (weights @ sample) / weights.sum(1), 60)
        hits += not found.excludes(0)
    assert 180 <= hits <= 198


def test_bootstrap_draws_whole_clusters() -> None:
    weights = bootstrap_weights(["a", "b", "a", "c"], 200, seed=0)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 2])
    assert set((weights[:, 0] + weights[:, 1] + weights[:, 3]).tolist()) == {3.0}


def test_confusion_scores_are_those_of_scikit_learn(rng: np.random.Generator) -> None:
    gold, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    found = Confusion.of(gold, predicted, 4)
    assert found.balanced_accuracy()[0] == pytest.approx(balanced_accuracy_score(gold, predicted))
    assert found.macro_f1()[0] == pytest.approx(f1_score(gold, predicted, average="macro"))
    np.testing.assert_allclose(found.recall()[0], recall_score(gold, predicted, average=None))
    np.testing.assert_allclose(found.precision()[0], precision_score(gold, predicted, average=None))


def test_weights_are_repetitions(rng: np.random.Generator) -> None:
    gold, predicted = rng.integers(0, 3, 50), rng.integers(0, 3, 50)
    weights = rng.integers(0, 4, (3, 50))
    found = Confusion.of(gold, predicted, 3, weights).balanced_accuracy()
    for row, value in zip(weights, found, strict=True):
        drawn = np.repeat(np.arange(50), row)
        assert value == pytest.approx(balanced_accuracy_score(gold[drawn], predicted[drawn]))


def test_a_class_that_does_not_occur_has_no_recall() -> None:
    found = Confusion.of(np.array([0, 0]), np.array([0, 2]), 3)
    assert np.isnan(found.recall()[0, 1])
    assert found.balanced_accuracy()[0] == 0.5


def test_centre_of_gravity_is_the_weighted_depth() -> None:
    depth = np.array([0.0, 0.5, 1.0])
    assert centre_of_gravity(depth, np.array([1.0, 0, 1])) == 0.5
    assert np.isnan(centre_of_gravity(depth, np.zeros(3)))


def test_segments_are_the_best_of_all(rng: np.random.Generator) -> None:
    profile = rng.normal(size=(8, 2))

    def cost(starts: tuple[int, ...]) -> float:
        parts = np.split(profile, starts)
        return sum(((part - part.mean(0)) ** 2).sum() for part in parts)

    for k in (1, 2, 3, 4):
        best = min(combinations(range(1, 8), k - 1), key=cost)
        assert segment(profile, k) == [0, *best]


def test_three_steps_are_told_from_a_ramp(rng: np.random.Generator) -> None:
    depth = np.linspace(0, 1, 12)
    steps = np.repeat(np.array([[1.0, 0], [0.2, 1], [0, 0.3]]), 4, 0)
    ramp = np.stack([depth, 1 - depth], 1)

    def draw(truth: np.ndarray) -> np.ndarray:
        return truth + rng.normal(scale=0.05, size=truth.shape)

    fit, held = draw(steps), draw(steps)
    assert step_error(fit, held, 3) < min(
        step_error(fit, held, 1), step_error(fit, held, 2), ramp_error(fit, held, depth)
    )
    fit, held = draw(ramp), draw(ramp)
    assert ramp_error(fit, held, depth) < step_error(fit, held, 3)


def test_reliability_of_a_calibrated_predictor_is_the_diagonal(rng: np.random.Generator) -> None:
    confidence = rng.random(20_000)
    bins = reliability(confidence, rng.random(20_000) < confidence)
    assert len(bins) == 10
    assert all(abs(b.confidence - b.accuracy) < 0.05 for b in bins)
    assert calibration_error(bins) < 0.02


def test_calibration_error_is_the_mean_gap() -> None:
    bins = reliability(np.array([0.9, 0.9, 0.5, 0.5]), np.array([True, False, True, False]), n_bins=2)
    assert calibration_error(bins) == pytest.approx(0.2)


def test_recall_without_an_error_is_still_uncertain() -> None:
    found = Confusion.of(np.repeat([0, 1], [40, 10]), np.zeros(50, dtype=int), 3)
    drawn = found.recall_draws(4000, seed=0)
    best = posterior_interval(1.0, drawn[:, 0], 40)
    assert best.high == 1
    assert best.low == pytest.approx(beta(40.5, 0.5).ppf(0.025), abs=0.01)
    worst = posterior_interval(0.0, drawn[:, 1], 10)
    assert worst.low == 0 and worst.high == pytest.approx(beta(0.5, 10.5).ppf(0.975), abs=0.02)
    assert np.isnan(drawn[:, 2]).all()


def test_dependent_texts_make_recall_less_certain() -> None:
    found = Confusion.of(np.zeros(80, dtype=int), np.arange(80) % 2, 2)
    alone, paired = (found.recall_draws(4000, seed=0, independent=share)[:, 0].std() for share in (1, 0.5))
    assert paired == pytest.approx(alone * np.sqrt(2), rel=0.05)


def test_intervals_of_balanced_accuracy_hold_it_at_their_rate(rng: np.random.Generator) -> None:
    recall, held = np.array([0.95, 0.6, 0.98]), 0
    gold = np.repeat(np.arange(3), (40, 40, 20))
    for seed in range(200):
        predicted = np.where(rng.random(100) < recall[gold], gold, (gold + 1) % 3)
        found = Confusion.of(gold, predicted, 3)
        estimate = posterior_interval(found.balanced_accuracy()[0], found.recall_draws(400, seed).mean(1), 100)
        held += estimate.low <= recall.mean() <= estimate.high
    assert 180 <= held <= 199


def test_means_and_ratios_weigh_examples_as_often_as_they_were_drawn() -> None:
    values, sizes = np.array([1.0, 2.0, 6.0]), np.array([1.0, 1.0, 2.0])
    weights = np.array([[1.0, 1.0, 1.0], [3.0, 0.0, 0.0], [0.0, 0.0, 3.0]])
    found = mean_estimate(values, weights)
    assert (found.value, found.n) == (3.0, 3)
    assert found.low == pytest.approx(np.quantile([3, 1, 6], 0.025))
    ratio = ratio_estimate(values, sizes, weights)
    assert ratio.value == 9 / 4
    assert ratio.high == pytest.approx(np.quantile([9 / 4, 1, 3], 0.975))
    assert np.isnan(ratio_estimate(values, np.zeros(3), weights).value)


@pytest.mark.parametrize(("right", "wrong"), [(0, 0), (5, 0), (12, 3), (40, 44)])
def test_mcnemar_is_the_exact_test_of_a_fair_coin(right: int, wrong: int) -> None:
    before = np.array([False] * right + [True] * wrong + [True] * 7)
    after = np.array([True] * right + [False] * wrong + [True] * 7)
    expected = min(1.0, 2 * binom(right + wrong, 0.5).cdf(min(right, wrong))) if right + wrong else 1.0
    assert mcnemar(before, after) == pytest.approx(expected)


def test_sizes_to_try_are_powers_of_two_and_the_whole() -> None:
    assert [doubling(n) for n in (0, 1, 2, 8, 11)] == [[], [1], [1, 2], [1, 2, 4, 8], [1, 2, 4, 8, 11]]


def test_the_first_row_of_resamples_is_the_examples_themselves() -> None:
    clusters = ["a", "a", "b", "c"]
    found = with_resamples(clusters, 50, 3)
    assert (found[0] == 1).all() and (found[:, 0] == found[:, 1]).all()
    np.testing.assert_array_equal(found[1:], bootstrap_weights(clusters, 50, 3))
    values = found @ np.array([1.0, 1.0, 2.0, 4.0])
    assert estimated(values, 3) == interval(values[0], values[1:], 3)


@pytest.mark.parametrize(("draws", "p"), [([1.0] * 99, 0.02), ([-1.0] * 10 + [1.0] * 89, 0.22), ([0.0] * 9, 1.0)])
def test_a_p_value_of_draws_is_never_below_what_their_number_allows(draws: list[float], p: float) -> None:
    assert two_sided(np.array([*draws, np.nan])) == pytest.approx(p)
    assert two_sided(-np.array(draws)) == pytest.approx(p)


def test_standing_is_balanced_accuracy_with_dependent_texts_counted_as_one(rng: np.random.Generator) -> None:
    gold, predicted = rng.integers(0, 3, 120), rng.integers(0, 3, 120)
    alone = standing(gold, predicted, 3, list(map(str, range(120))), 0)
    paired = standing(gold, predicted, 3, [str(i // 2) for i in range(120)], 0)
    assert alone.value == paired.value == pytest.approx(balanced_accuracy_score(gold, predicted))
    assert paired.high - paired.low > 1.2 * (alone.high - alone.low)
