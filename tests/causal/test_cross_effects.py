"""Changes equal those of the model's answers, and correlations are Pearson's."""

import numpy as np
import planted
import pytest

from emomech.causal.cross_effects import changes, coactivation, correlation, strengths
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_stats import feature_stats
from emomech.causal.questions import Questions, log_odds
from emomech.causal.sample import Sample
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.saes.edits import MoveFeatures

LAST = HookPoint(planted.N_BLOCKS - 1)
NAMES = planted.feature_names()


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.of(Questions.of(planted.study(160), range(80)), 20, 0)


@pytest.fixture(scope="module")
def dictionary(sample: Sample) -> Dictionary:
    saes = {LAST: planted.saes()[LAST]}
    return Dictionary.of(sample.questions, saes)


def test_changes_are_of_each_text(sample: Sample) -> None:
    """Without its feature no text of an emotion is recognised, and the texts of all other emotions are."""
    which = NAMES.index(f"emotion:{sample.labels[2]}")
    edits = {LAST: MoveFeatures(planted.saes()[LAST], [which], offset=-1.0)}
    (surer, right), (unchanged, _) = changes(sample, [edits, {}])
    assert np.abs(unchanged).max() < 1e-4 and changes(sample, []) == []
    logits = sample.questions.logits(edits)
    np.testing.assert_allclose(surer, log_odds(logits, sample.questions.gold) - sample.questions.log_odds(), atol=1e-5)
    own = sample.questions.gold == 2
    assert (right[own] == -1).all() and (right[~own] == 0).all()


def test_strength_is_the_mean_over_tokens_as_a_share_of_the_peak(sample: Sample, dictionary: Dictionary) -> None:
    features = [FeatureId(LAST, NAMES.index(name)) for name in ("background:0", "emotion:joy")]
    strength = strengths(sample.questions, dictionary, features)
    for text in (0, 5):
        one = sample.questions.take([text])
        means = feature_stats(one, dictionary.saes)[LAST].features
        for column, feature in enumerate(features):
            peak = dictionary.stats[LAST].peak[feature.index]
            assert strength[text, column] == pytest.approx(float(means[feature.index] / peak), abs=1e-5)


def test_correlation_is_that_of_the_drawn_texts() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = x + rng.normal(size=40)
    drawn = rng.integers(0, 40, 40)
    weights = np.stack([np.ones(40), np.bincount(drawn, minlength=40).astype(float)])
    expected = [np.corrcoef(x, y)[0, 1], np.corrcoef(x[drawn], y[drawn])[0, 1]]
    assert correlation(x, y, weights) == pytest.approx(expected)
    assert np.isnan(correlation(np.ones(40), y, weights)).all()


def test_shared_features_are_counted_and_left_out(sample: Sample, dictionary: Dictionary) -> None:
    joy, fear, common = (FeatureId(LAST, NAMES.index(n)) for n in ("emotion:joy", "emotion:fear", "background:1"))
    pairs = coactivation(sample, dictionary, [[joy, common], [common, fear], [common], [joy]])
    alone, _ = coactivation(sample, dictionary, [[joy], [fear], [], []])[0, 1]
    both, shared = pairs[0, 1]
    assert shared == 1
    np.testing.assert_allclose(both, alone)
    assert np.isnan(pairs[1, 2][0]).all()
