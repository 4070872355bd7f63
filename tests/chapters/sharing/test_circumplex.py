"""Profiles that follow an axis, profiles that do not, and the number of orders of the names."""

import numpy as np
import pytest

from emomech.chapters.sharing.circumplex import axes, fit
from emomech.data.grammar.events import VALENCE

LABELS = tuple(VALENCE)


def test_axes_are_where_the_circumplex_has_the_labels() -> None:
    found = axes(("joy", "sadness", "surprise"))
    assert found["valence"].tolist() == [1, -1, 0]
    assert found["arousal"].tolist() == [1, -1, 1]
    assert axes(("joy", "pride")) == {}


def test_what_follows_an_axis_is_told_from_what_does_not() -> None:
    valence, rng = axes(LABELS)["valence"], np.random.default_rng(0)
    follows = fit(valence + 0.1 * rng.normal(size=(30, len(LABELS))), valence)
    assert follows.value > 0.9
    assert follows.p == pytest.approx(follows.least_p) == pytest.approx(1 / 105)
    assert follows.value > follows.high
    other = fit(rng.normal(size=(30, len(LABELS))), valence)
    assert other.p > 0.05
    assert other.low < other.value < other.high


def test_the_fit_is_the_mean_squared_correlation() -> None:
    profiles, axis = np.random.default_rng(1).normal(size=(5, 7)), axes(LABELS)["arousal"]
    expected = np.mean([np.corrcoef(profile, axis)[0, 1] ** 2 for profile in profiles])
    assert fit(profiles, axis).value == pytest.approx(expected)


def test_nothing_to_fit_is_undefined() -> None:
    assert np.isnan(fit(np.ones((3, 7)), axes(LABELS)["valence"]).value)
    assert np.isnan(fit(np.zeros((0, 7)), axes(LABELS)["valence"]).p)
    assert np.isnan(fit(np.random.default_rng(0).normal(size=(3, 3)), np.ones(3)).value)
