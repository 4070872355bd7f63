"""Intervals over pairs of sets hold their level when sources and targets differ, and need three sets."""

import itertools

import numpy as np

from emomech.stats.crossed_sets import mean_over_pairs


def test_few_sets_have_no_interval() -> None:
    two = mean_over_pairs({("a", "b"): 0.2, ("b", "a"): 0.4})
    assert np.isclose(two.value, 0.3) and np.isnan(two.low) and two.n == 2
    assert np.isnan(mean_over_pairs({}).value)


def test_intervals_hold_their_level_where_sources_and_targets_differ() -> None:
    rng, missed, pairs = np.random.default_rng(0), 0, list(itertools.permutations("abcde", 2))
    for _ in range(500):
        source, target = (dict(zip("abcde", rng.normal(0, 1, 5), strict=True)) for _ in range(2))
        missed += mean_over_pairs({(a, b): source[a] + target[b] + rng.normal() for a, b in pairs}).excludes(0)
    assert missed <= 0.06 * 500
