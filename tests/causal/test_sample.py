"""A sample says which labels are recognised; its means follow the draws; parts and copies agree with it."""

import numpy as np
import planted
import pytest

from emomech.causal.dictionary import Dictionary
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample, doubling
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import randomised

LAST = HookPoint(planted.N_BLOCKS - 1)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample.of(Questions.of(planted.study(160), range(80)), 50, 0)


def test_a_sample_knows_what_is_recognised(sample: Sample) -> None:
    assert sample.recognised == [True] * 4
    assert sample.accuracy.value == sample.balanced_accuracy.value == 1
    assert sample.right.all()
    null = Sample.of(Questions.of(planted.study(160, null=True), range(80)), 50, 0)
    assert sum(null.recognised) <= 1


def test_means_are_weighted_by_the_draws(sample: Sample) -> None:
    rows = sample.rows(1)
    values = np.arange(len(rows), dtype=float)
    draws = sample.mean_draws(values, rows)
    assert draws[0] == pytest.approx(values.mean())
    for draw in (1, 7):
        assert draws[draw] == pytest.approx(np.average(values, weights=sample.weights[draw, rows]))
    both = sample.mean_draws(np.stack([values, 2 * values]), rows)
    np.testing.assert_allclose(both, np.stack([draws, 2 * draws], 1))


def test_a_mean_and_a_ratio_have_the_interval_of_the_draws(sample: Sample) -> None:
    rows, values = sample.rows(2), np.arange(len(sample), dtype=float)
    mean = sample.mean(values, rows)
    low, high = np.quantile(sample.mean_draws(values[rows], rows)[1:], [0.025, 0.975])
    assert (mean.value, mean.low, mean.high, mean.n) == pytest.approx((values[rows].mean(), low, high, len(rows)))
    assert sample.ratio(2 * values, values).low == pytest.approx(2)
    assert np.isnan(sample.ratio(values, -values).value)


def test_replayed_answers_are_those_of_a_forward_pass_and_no_edit_loses_nothing(sample: Sample) -> None:
    replayed = sample.replayed()
    np.testing.assert_allclose(replayed.base, sample.questions.log_odds(), atol=1e-4)
    assert (replayed.losses([{}, {}]) == 0).all()
    assert sample.losses([]).shape == (0, len(sample))


def test_losses_are_the_fall_of_the_log_odds(sample: Sample) -> None:
    dictionary = Dictionary.of(sample.questions, planted.saes())
    edits = dictionary.ablate([feature for feature in dictionary.alive if feature.point == LAST])
    expected = sample.questions.log_odds() - sample.questions.log_odds(edits)
    np.testing.assert_allclose(sample.losses([edits])[0], expected, atol=1e-4)
    rows = sample.rows(3)
    np.testing.assert_allclose(sample.take(rows).losses([edits])[0], expected[rows], atol=1e-4)


def test_a_part_keeps_answers_and_weights(sample: Sample) -> None:
    rows = np.array([3, 5, 8])
    part = sample.take(rows)
    np.testing.assert_array_equal(part.logits, sample.logits[rows])
    np.testing.assert_array_equal(part.weights, sample.weights[:, rows])
    assert part.resamples.shape == (50, 3) and (part.weights[0] == 1).all()


def test_another_model_answers_anew_and_other_labels_do_not(sample: Sample) -> None:
    other = sample.replayed().on(randomised(sample.questions.lm, 0))
    np.testing.assert_array_equal(other.logits, other.questions.logits())
    assert not np.array_equal(other.logits, sample.logits)
    shuffled = sample.with_gold(np.roll(sample.gold, 1))
    np.testing.assert_array_equal(shuffled.logits, sample.logits)
    assert not shuffled.right.all()


def test_no_questions_are_a_sample_without_texts(sample: Sample) -> None:
    none = Sample.of(sample.questions.take([]), 7, 0)
    assert len(none) == none.n == 0 and none.weights.shape == (8, 0)


def test_sizes_are_powers_of_two_and_the_whole() -> None:
    assert [doubling(n) for n in (0, 1, 2, 8, 11)] == [[], [1], [1, 2], [1, 2, 4, 8], [1, 2, 4, 8, 11]]
