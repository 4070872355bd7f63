"""Onsets of known profiles, their spread beyond noise, and the same at the level of a control."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from emomech.chapters.conditions import RANDOM_WEIGHTS, SHUFFLED_LABELS, TRAINED
from emomech.chapters.depth.onsets import FLOOR, Located, Spread, crossing, depth_of, onset, rising

RNG, N_DRAWS = np.random.default_rng(0), 400
STEPS = np.arange(9)


def profile(begins: float, height: float = 0.9, noise: float = 0.02) -> np.ndarray:
    """Draws of a profile that is half-way up at a step; the first is exact."""
    exact = height * np.clip((STEPS - begins + 1) / 2, 0, 1)
    return np.concatenate([exact[None], exact + noise * RNG.normal(size=(N_DRAWS, 9))])


def located(trained: dict[str, np.ndarray], control: dict[str, np.ndarray] | None = None) -> Located:
    none = {name: profile(0, 0.0) for name in trained}
    of = {TRAINED: trained, RANDOM_WEIGHTS: control or none, SHUFFLED_LABELS: none}
    every = {(condition, m): draws for condition, measures in of.items() for m, draws in measures.items()}
    return Located.of(every, dict.fromkeys(trained, 70))


def test_up_to_the_maximum_it_is_isotonic_regression() -> None:
    for draw in RNG.normal(size=(20, 9)):
        last = int(draw.argmax())
        expected = IsotonicRegression().fit_transform(np.arange(last + 1), draw[: last + 1])
        fitted = rising(draw[None])[0]
        np.testing.assert_allclose(fitted[: last + 1], expected)
        assert (fitted[last:] == fitted[last]).all()
    assert np.isnan(rising(np.array([[0.1, np.nan, 0.3]]))).all()


def test_onsets_are_where_a_share_of_the_maximum_is_reached() -> None:
    assert onset(profile(4.0), 0.5)[0] == pytest.approx(4)
    assert onset(profile(4.0), 0.25)[0] == pytest.approx(3.5)
    assert onset(profile(4.0, height=0.3), 0.5)[0] == pytest.approx(4)
    assert np.isnan(onset(profile(4.0, height=FLOOR), 0.5)[0])
    assert crossing(np.array([[0.9, 1.0]]), np.array([0.5])).tolist() == [0]
    assert depth_of(onset(profile(4.0), 0.5), np.linspace(0, 1, 9), 70).value == pytest.approx(0.5)


def test_the_spread_is_that_of_the_onsets_less_noise() -> None:
    spread = located({"a": profile(3), "b": profile(4), "c": profile(5)}).spread()
    assert spread.draws[0] == pytest.approx(2) and 0 < spread.noise < 0.3
    assert spread.excess.value == pytest.approx(2 - spread.noise) and spread.excess.low > 1.5


def test_noise_alone_is_no_spread() -> None:
    onsets = [np.concatenate([[4 + 0.5 * RNG.normal()], 4 + 0.5 * RNG.normal(size=N_DRAWS)]) for _ in range(5)]
    assert Spread.of(onsets, 70).excess.low < 0


def test_with_fewer_than_two_measures_nothing_is_said() -> None:
    for none in (located({"a": profile(3)}), located({"a": profile(3), "b": profile(4, 0.05)})):
        assert none.counted == ["a"]
        assert np.isnan([none.spread().excess.value, none.beyond(RANDOM_WEIGHTS).low]).all()
    undefined = np.where(np.arange(1 + N_DRAWS) % 5 == 1, np.nan, 4.0)
    assert np.isnan(Spread.of([undefined, undefined], 70).excess.value)


def test_a_control_is_judged_at_the_level_of_the_trained_model() -> None:
    trained = {"a": profile(3), "b": profile(5)}
    assert located(trained).beyond(RANDOM_WEIGHTS).value == pytest.approx(2, abs=0.3)
    same = located(trained, {name: 0.6 * draws for name, draws in trained.items()})
    assert same.counted == ["a", "b"] and same.beyond(RANDOM_WEIGHTS).low < 0.5
    one = located(trained, {"a": profile(3, 0.6), "b": profile(5, 0.0)})
    assert one.beyond(RANDOM_WEIGHTS).value == pytest.approx(2, abs=0.3)


def test_onsets_on_another_draw() -> None:
    of = located({"a": profile(3), "b": profile(5)}).again({"a": profile(3.5)[0], "b": profile(5, 0.05)[0]})
    assert of["a"] == pytest.approx(3.5, abs=0.1) and np.isnan(of["b"])
