"""Statistics cover the chosen tokens only, and a matched feature fires about as often and as strongly."""

import planted
import pytest
import torch

from emomech.causal.feature_stats import feature_stats, matched
from emomech.causal.questions import Questions
from emomech.core.hook_points import FeatureId, HookPoint, by_point
from emomech.models.activations import collect

POINT = HookPoint(3)


@pytest.fixture(scope="module")
def questions() -> Questions:
    return Questions.of(planted.study(160), range(48))


@pytest.mark.parametrize("where", ["everywhere", "text", "answer"])
def test_means_are_over_the_tokens_that_are_meant(questions: Questions, where) -> None:
    stats = feature_stats(questions, planted.saes(), where)[POINT]
    first = {"everywhere": 1, "text": 1, "answer": -1}[where]
    places = [list(range(len(t.ids)))[first : -1 if where == "text" else None] for t in questions.texts]
    x = collect(questions.lm, [POINT], questions.texts, places)[POINT]
    features = planted.saes()[POINT].encode(x)
    torch.testing.assert_close(stats.mean, x.mean(0))
    torch.testing.assert_close(stats.features, features.mean(0))
    torch.testing.assert_close(stats.fires, (features > 0).float().mean(0))
    torch.testing.assert_close(stats.peak, features.amax(0))
    error = (x - planted.saes()[POINT].decode(features, x)).mean(0)
    torch.testing.assert_close(stats.error, error, atol=1e-5, rtol=1e-4)
    assert stats.norm == pytest.approx(float((x - x.mean(0)).norm(dim=1).median()), rel=1e-5)
    assert len(stats.drawn) == min(512, len(x))


def test_matched_features_are_others_of_the_same_point_that_fire_alike(questions: Questions) -> None:
    stats = feature_stats(questions, planted.saes())
    chosen = [FeatureId(POINT, i) for i in stats[POINT].alive.tolist()[:4]]
    matches = matched(chosen, stats, seed=0, n_near=1)
    assert len(matches) == len({*matches, *chosen}) - len(chosen) == 4
    for one, other in zip(chosen, matches, strict=True):
        ratio = stats[POINT].fires[one.index] / stats[POINT].fires[other.index]
        assert other.point == POINT and 0.2 < ratio < 5
    assert matched(chosen, stats, seed=1) == matched(chosen, stats, seed=1)


def test_there_are_fewer_matches_where_a_point_runs_out(questions: Questions) -> None:
    stats = feature_stats(questions, planted.saes())
    everything = [FeatureId(POINT, i) for i in stats[POINT].alive.tolist()]
    assert matched(everything, stats, seed=0) == []


def test_features_are_gathered_in_order_of_depth() -> None:
    first, second = HookPoint(0, "resid_pre"), HookPoint(0)
    assert list(by_point([FeatureId(second, 3), FeatureId(first, 1), FeatureId(second, 2)]).items()) == [
        (first, [1]),
        (second, [3, 2]),
    ]
