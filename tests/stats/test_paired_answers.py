"""Exact shares are those of SciPy, rises equal counts by hand, and intervals hold their level with few flips."""

import numpy as np
import pytest
from scipy.stats import binomtest

from emomech.stats.classification import Confusion
from emomech.stats.estimates import bootstrap_weights
from emomech.stats.paired_answers import LEAST_RIGHT, balanced_rises, rise, share_beyond_half, showable_rise

GOLD = np.repeat(np.arange(3), 40)
WEIGHTS = bootstrap_weights([str(i) for i in range(120)], 200, 0)


def test_the_exact_interval_excludes_one_half_where_mcnemar_does() -> None:
    for n in range(1, 20):
        for hits in range(n + 1):
            low, high = share_beyond_half(hits, n).low, share_beyond_half(hits, n).high
            assert (low > 0 or high < 0) == (binomtest(hits, n).pvalue <= 0.05)
    assert (
        share_beyond_half(LEAST_RIGHT, LEAST_RIGHT).low > 0 >= share_beyond_half(LEAST_RIGHT - 1, LEAST_RIGHT - 1).low
    )
    assert (share_beyond_half(0, 0).low, share_beyond_half(0, 0).high) == (-0.5, 0.5)


def test_a_rise_needs_room() -> None:
    assert np.isnan(showable_rise(LEAST_RIGHT - 1, 100))
    assert LEAST_RIGHT / 280 < showable_rise(25, 280) < 25 / 280
    assert showable_rise(25, 70) == pytest.approx(4 * showable_rise(25, 280))


def test_rises_are_differences_of_balanced_accuracy() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 3, (4, 120)), rng.integers(0, 3, (1, 120))
    rises = balanced_rises(GOLD, first == GOLD, second == GOLD, WEIGHTS)
    for draw in range(4):
        a, b = (Confusion.of(GOLD, p, 3, WEIGHTS).balanced_accuracy() for p in (first[draw], second[0]))
        np.testing.assert_allclose(rises[:, draw], a - b)


def test_no_flips_leave_some_uncertainty_and_draws_widen_the_interval() -> None:
    before = np.ones((1, 120), bool)
    none = rise(GOLD, before, before, WEIGHTS)
    assert none.value == 0 and -0.03 < none.low < 0 < none.high < 0.03
    worse = np.repeat(before, 10, 0)
    worse[5:, :30] = False
    assert rise(GOLD, worse, before, WEIGHTS).low < -0.2 < 0 <= rise(GOLD, worse, before, WEIGHTS).high


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_interval_holds_its_level(rate: float) -> None:
    rng, missed = np.random.default_rng(1), 0
    for _ in range(300):
        flips = rng.choice([-1, 0, 1], 120, p=[rate / 2, 1 - rate, rate / 2])
        found = rise(GOLD, (flips > 0)[None], (flips < 0)[None], WEIGHTS)
        missed += found.low > 0 or found.high < 0
    assert missed <= 0.08 * 300
