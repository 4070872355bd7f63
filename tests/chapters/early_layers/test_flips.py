"""Intervals for rare flips are exact, hold their level, and count texts and not methods."""

import numpy as np
import pytest

from emomech.chapters.early_layers.flips import difference, mean_flips, rise_of_loss
from emomech.stats.estimates import Estimate


def test_no_flip_among_few_texts_is_no_safety() -> None:
    few, many = (mean_flips(np.zeros(n), list(map(str, range(n)))) for n in (56, 400))
    assert few.value == 0 and few.high == pytest.approx(1 - 0.025 ** (1 / 56)) and few.high > 0.05
    assert many.high < 0.01


def test_texts_of_one_cluster_count_once() -> None:
    lost = np.repeat([1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10)
    alone = mean_flips(lost, list(map(str, range(100))))
    together = mean_flips(lost, [str(i // 10) for i in range(100)])
    assert alone.value == together.value == pytest.approx(0.1) and together.high > alone.high


@pytest.mark.parametrize("rate", [0.005, 0.03, 0.2])
def test_the_interval_covers(rate: float) -> None:
    rng, names = np.random.default_rng(0), list(map(str, range(150)))
    hits = 0
    for _ in range(300):
        lost = (rng.random(150) < rate).astype(float) - (rng.random(150) < rate / 2)
        estimate = mean_flips(lost, names)
        hits += estimate.low <= rate / 2 <= estimate.high
    assert hits >= 0.93 * 300


def test_a_difference_combines_both_intervals() -> None:
    combined = difference(Estimate(0.3, 0.2, 0.4, 9), Estimate(0.1, 0.0, 0.2, 9))
    assert (combined.low, combined.high) == pytest.approx((0.2 - 0.02**0.5 + 0, 0.2 + 0.02**0.5))


def test_a_rise_has_the_interval_of_a_ratio() -> None:
    before = np.array([10.0, 12, 9, 11, 10, 8])
    rise = rise_of_loss(before, 1.1 * before)
    assert (rise.value, rise.low, rise.high) == pytest.approx((0.1, 0.1, 0.1))
    noisy = rise_of_loss(before, before + np.array([1, -1, 0.5, 0, 0.2, -0.4]))
    assert noisy.low < 0 < noisy.high
    assert not np.isfinite(rise_of_loss(before[:1], before[:1]).low) and not np.isfinite(mean_flips(before[:0], []).low)
