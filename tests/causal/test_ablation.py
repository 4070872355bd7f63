"""Ablating and keeping are complements, nothing moved is nothing changed, and small helpers count as they say."""

import numpy as np
import planted
import pytest
import torch
from scipy.stats import ttest_1samp

from emomech.causal.ablation import Asked, reached
from emomech.causal.dictionary import MoveFeaturesAndError, Parts
from emomech.causal.questions import Questions
from emomech.core.hook_points import HookPoint, by_point
from emomech.stats.testing import p_values, rank_correlation

POINT = HookPoint(3)


@pytest.fixture(scope="module")
def questions() -> Questions:
    return Questions.of(planted.study(160), range(24))


@pytest.fixture(scope="module")
def parts(questions: Questions) -> Parts:
    return Parts.of(questions, planted.saes())


def test_asked_in_small_batches_is_asked_at_once(questions: Questions) -> None:
    np.testing.assert_allclose(Asked.of(questions).base, questions.log_odds(), atol=1e-4)


def test_to_keep_all_and_to_ablate_none_change_nothing(questions: Questions, parts: Parts) -> None:
    losses = Asked.of(questions).losses([parts.ablate([]), parts.keep_only(parts.alive)])
    np.testing.assert_array_equal(losses, np.zeros_like(losses))


def test_to_keep_some_is_to_ablate_the_others(questions: Questions, parts: Parts) -> None:
    some = parts.alive[::3]
    others = [part for part in parts.alive if part not in set(some)]
    kept, ablated = Asked.of(questions).losses([parts.keep_only(some), parts.ablate(others)])
    np.testing.assert_array_equal(kept, ablated)
    assert sum(map(len, by_point(others).values())) == len(parts.alive) - len(some)


def test_features_and_error_at_their_means_are_the_mean_activation(parts: Parts) -> None:
    usual, sae = parts.usual[POINT], planted.saes()[POINT]
    edit = parts.keep_only([], error=False)[POINT]
    found = edit(usual.drawn[None])[0]
    torch.testing.assert_close(found, usual.mean.expand_as(found), atol=1e-4, rtol=1e-4)
    mask = torch.zeros(1, len(usual.drawn), dtype=torch.bool)
    left = MoveFeaturesAndError(sae, [1], mask=mask, error=usual.error)(usual.drawn[None])
    torch.testing.assert_close(left[0], usual.drawn)


def test_dimensions_are_reconstructed_and_ablated_to_the_mean(questions: Questions) -> None:
    dimensions = Parts.dimensions(questions, [POINT])
    usual, sae = dimensions.usual[POINT], dimensions.saes[POINT]
    torch.testing.assert_close(sae.decode(sae.encode(usual.drawn), usual.drawn), usual.drawn)
    one = dimensions.alive[0]
    found = dimensions.ablate([one])[POINT](usual.drawn[None])[0]
    expected = usual.drawn.clone()
    expected[:, one.index] = usual.mean[one.index]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert len(dimensions.alive) <= planted.D_MODEL


def test_the_size_that_reaches_a_level_is_the_first() -> None:
    curve = np.array([[1.0, 0.0], [4.0, 8.0], [5.0, 10.0]])
    weights = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    assert reached(curve, curve[-1], 0.8, weights).tolist() == [1, 1, -1]
    assert reached(curve[:1], curve[-1], 0.8, weights).tolist() == [-1, -1, -1]


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
