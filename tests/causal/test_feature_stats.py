"""What is usual is the mean over the tokens that are meant, and a matched feature fires as the one that it stands beside."""

import planted
import pytest
import torch

from emomech.causal.feature_stats import matched, references
from emomech.causal.questions import Questions
from emomech.core.hook_points import FeatureId, HookPoint, by_point
from emomech.models.activations import collect

POINT = HookPoint(3)


@pytest.fixture(scope="module")
def questions() -> Questions:
    return Questions.of(planted.study(160), range(48))


@pytest.mark.parametrize("where", ["everywhere", "text", "answer"])
def test_means_are_over_the_tokens_that_are_meant(questions: Questions, where) -> None:
    found = references(questions, planted.saes(), where)[POINT]
    first = {"everywhere": 1, "text": 1, "answer": -1}[where]
    places = [list(range(len(t.ids)))[first : -1 if where == "text" else None] for t in questions.texts]
    x = collect(questions.lm, [POINT], questions.texts, places)[POINT]
    features = planted.saes()[POINT].encode(x)
    torch.testing.assert_close(found.mean, x.mean(0))
    torch.testing.assert_close(found.features, features.mean(0))
    torch.testing.assert_close(found.fires, (features > 0).float().mean(0))
    torch.testing.assert_close(found.peak, features.amax(0))
    error = (x - planted.saes()[POINT].decode(features, x)).mean(0)
    torch.testing.assert_close(found.error, error, atol=1e-5, rtol=1e-4)
    assert found.norm == pytest.approx(float((x - x.mean(0)).norm(dim=1).median()), rel=1e-5)
    assert len(found.drawn) == min(512, len(x))


def test_matched_features_are_others_of_the_same_point_that_fire_alike(questions: Questions) -> None:
    usual = references(questions, planted.saes())
    chosen = [FeatureId(POINT, i) for i in usual[POINT].alive.tolist()[:4]]
    found = matched(chosen, usual, seed=0, n_near=1)
    assert len(found) == len({*found, *chosen}) - len(chosen) == 4
    for one, other in zip(chosen, found, strict=True):
        ratio = usual[POINT].fires[one.index] / usual[POINT].fires[other.index]
        assert other.point == POINT and 0.2 < ratio < 5
    assert matched(chosen, usual, seed=1) == matched(chosen, usual, seed=1)


def test_there_are_fewer_matches_where_a_point_runs_out(questions: Questions) -> None:
    usual = references(questions, planted.saes())
    everything = [FeatureId(POINT, i) for i in usual[POINT].alive.tolist()]
    assert matched(everything, usual, seed=0) == []


def test_features_are_gathered_in_order_of_depth() -> None:
    first, second = HookPoint(0, "resid_pre"), HookPoint(0)
    assert list(by_point([FeatureId(second, 3), FeatureId(first, 1), FeatureId(second, 2)]).items()) == [
        (first, [1]),
        (second, [3, 2]),
    ]
