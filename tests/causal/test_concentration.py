"""Counts of features equal those computed by hand, and noise does not change them."""

import numpy as np
import planted
import pytest

from emomech.causal.concentration import (
    EFFECTIVE,
    RECALL,
    TOTAL,
    LabelMeasures,
    effective_number,
    features_to,
    measure_features,
)
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import text_support
from emomech.causal.questions import Questions, log_odds
from emomech.causal.sample import Sample
from emomech.core.hook_points import FeatureId, HookPoint


def names(n: int) -> list[str]:
    return [str(i) for i in range(n)]


@pytest.mark.parametrize(("support", "number"), [([1, 1, 1, 1], 4), ([5, 0, 0], 1), ([3, 1], 1.6), ([2, 2, -2], 1 / 3)])
def test_without_noise_it_is_the_participation_ratio(support: list[float], number: float) -> None:
    rows = np.tile(np.array(support, dtype=float), (6, 1))
    draws = effective_number(rows, names(6), np.ones((1, 6)))
    assert draws[0] == pytest.approx(number)


def test_noise_is_not_counted_as_features() -> None:
    """Two features of size one and 100 of size zero, all with noise: a naive count exceeds two, this count is two."""
    rng = np.random.default_rng(0)
    plain, ours = [], []
    for _ in range(30):
        rows = rng.normal(0, 1, (120, 102))
        rows[:, :2] += 1
        mean = np.maximum(rows.mean(0), 0)
        plain.append(mean.sum() ** 2 / (mean**2).sum())
        ours.append(effective_number(rows, names(120), np.ones((1, 120)))[0])
    assert np.mean(plain) > 6
    assert np.nanmedian(ours) == pytest.approx(2, abs=0.4)


def test_resamples_scatter_around_the_value() -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(1, 1, (80, 30))
    weights = np.concatenate([np.ones((1, 80)), rng.multinomial(80, np.full(80, 1 / 80), 400).astype(float)])
    draws = effective_number(rows, names(80), weights)
    assert draws[0] == pytest.approx(30, rel=0.1)
    assert np.mean(draws[1:]) == pytest.approx(draws[0], rel=0.05)


def test_texts_of_one_cluster_are_no_pair() -> None:
    rows = np.random.default_rng(2).normal(1, 1, (20, 5))
    twice = np.repeat(rows, 2, axis=0)
    one = effective_number(rows, names(20), np.ones((1, 20)))
    two = effective_number(twice, list(np.repeat(names(20), 2)), np.ones((1, 40)))
    assert two[0] == pytest.approx(one[0])


def test_what_supports_nothing_has_no_number() -> None:
    assert np.isnan(effective_number(-np.ones((6, 3)), names(6), np.ones((1, 6)))[0])


@pytest.mark.parametrize(
    ("curve", "share", "k"),
    [([1, 2, 4, 8], 0.5, 4), ([1, 2, 4, 8], 0.9, 7.2), ([6, 8, 8, 8], 0.5, 2 / 3), ([1, 9, 2, 8], 0.9, 1.775)],
)
def test_features_to_a_share_of_the_end(curve: list[float], share: float, k: float) -> None:
    assert features_to(np.array([curve], dtype=float), [1, 2, 4, 8], share)[0] == pytest.approx(k)


def test_a_curve_that_ends_below_zero_reaches_no_share() -> None:
    assert np.isnan(features_to(np.array([[1.0, -1.0]]), [1, 2], 0.5)[0])
    assert np.isnan(features_to(np.zeros((1, 0)), [], 0.5)[0])


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.of(Questions.of(planted.study(160), range(80)), 50, 0)


def test_the_total_effect_is_the_fall_of_the_log_odds(sample: Sample) -> None:
    """Compared with the model's logits with and without the edit."""
    point = HookPoint(planted.N_BLOCKS - 1)
    saes = {point: planted.saes()[point]}
    dictionary = Dictionary.of(sample.questions, saes)
    features = [[FeatureId(point, planted.feature_names().index(f"emotion:{label}"))] for label in sample.labels]
    measures = measure_features(sample, dictionary, features, text_support(dictionary, sample.questions), curve=False)
    for label, chosen in enumerate(features):
        own = sample.questions.take(sample.rows(label))
        before, after = own.logits(), own.logits(dictionary.ablate(chosen))
        fall = log_odds(before, own.gold) - log_odds(after, own.gold)
        assert measures.values[TOTAL][0, label] == pytest.approx(fall.mean(), abs=1e-5)
        assert measures.values[EFFECTIVE][0, label] == pytest.approx(1)


def test_what_is_not_recognised_keeps_its_recall_alone() -> None:
    values = {name: np.ones((3, 2)) for name in (EFFECTIVE, RECALL)}
    measures = LabelMeasures(values, []).where_recognised([True, False])
    assert np.isnan(measures.values[EFFECTIVE][:, 1]).all()
    assert (measures.values[EFFECTIVE][:, 0] == 1).all() and (measures.values[RECALL] == 1).all()


def test_a_contrast_leaves_out_what_is_undefined() -> None:
    measures = LabelMeasures({EFFECTIVE: np.array([[5.0, 1.0, 3.0], [np.nan, 1.0, np.nan]])}, [])
    assert measures.contrast(EFFECTIVE, 0)[0] == 3
    np.testing.assert_array_equal(np.isnan(measures.contrast(EFFECTIVE, 1)), [False, True])
    assert measures.contrast(EFFECTIVE, 1)[0] == -3
