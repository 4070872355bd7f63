"""Counts of shared features, and what independent choice among relevant features makes of them."""

import numpy as np
import pytest

from emomech.chapters.sharing import relations, stability
from emomech.chapters.sharing.independence import (
    Counts,
    chosen_share,
    independent_numbers,
    poisson_binomial,
    track_draws,
)


def counts(member: np.ndarray, active: int = 1000) -> Counts:
    """Counts of features with given emotions (feature, emotion), in one draw."""
    return Counts(member[None], np.ones((1, len(member))), np.array([float(active)]))


def excess(member: np.ndarray) -> float:
    return float(relations.leads(counts(member), None)[0, 0])


@pytest.mark.parametrize("n_relevant", [300, 3000])
def test_independent_choice_is_no_pool_however_many_features_are_relevant(n_relevant: int) -> None:
    rng, rates = np.random.default_rng(0), np.array([0.1, 0.2, 0.3, 0.2, 0.1, 0.3, 0.2])
    values = [excess(rng.random((n_relevant, 7)) < rates) for _ in range(30)]
    assert abs(np.mean(values)) < 0.01


def test_two_emotions_each_are_a_pool_one_each_is_none_and_one_or_many_is_fewer() -> None:
    rng = np.random.default_rng(1)
    order = rng.random((400, 7)).argsort(1)
    assert excess(order < 2) > 0.2
    assert excess(order < 1) == 0
    assert excess(np.where(rng.random((400, 1)) < 0.4, order < 5, order < 1)) < -0.1


def test_the_fit_reproduces_the_marginal_shares() -> None:
    rates = np.array([[0.5, 0.2, 0.4]])
    chosen = 1 - (1 - rates).prod(1)
    assert chosen_share(rates / chosen) == pytest.approx(chosen)
    numbers = independent_numbers(rates / chosen, chosen)
    assert numbers.sum() == pytest.approx(1)
    assert numbers[0] == pytest.approx(poisson_binomial(rates)[0, 1:] / chosen)
    assert independent_numbers(np.array([[0.5, 0.5]]), np.array([0.0])).tolist() == [[1, 0]]


def test_probabilities_of_numbers_agree_with_counting() -> None:
    rates = np.array([[0.1, 0.5, 0.7]])
    drawn = np.random.default_rng(2).random((100_000, 3)) < rates
    assert poisson_binomial(rates)[0] == pytest.approx(np.bincount(drawn.sum(1)) / len(drawn), abs=0.01)


def test_counts_agree_with_counting_by_hand() -> None:
    member = np.random.default_rng(3).random((40, 3)) < 0.4
    made = counts(member, active=50)
    by_hand = [sum(sum(row) == k for row in member.tolist()) / 50 for k in (1, 2, 3)]
    assert made.numbers()[0].tolist() == pytest.approx(by_hand)
    alone = [sum(row[e] and sum(row) == 1 for row in member.tolist()) / 50 for e in range(3)]
    assert made.specific()[0].tolist() == pytest.approx(alone)
    overlap = (member[:, 0] & member[:, 2]).sum() / (member[:, 0] | member[:, 2]).sum()
    assert made.jaccard_excess()[0][0, 0, 2] == pytest.approx(overlap)
    assert made.pair_rows("abc")[1]["n"] == (member[:, 0] & member[:, 2]).sum()


def test_few_features_have_no_structure() -> None:
    assert np.isnan(relations.leads(counts(np.eye(7, dtype=bool)), None)).all()


def test_features_of_one_side_are_told_from_others() -> None:
    member = np.repeat([[1, 1, 0, 0], [1, 0, 1, 0]], [30, 10], 0).astype(bool)
    share, expected = counts(member).of_one_side(np.array([0, 0, 1, 1]))
    assert share.tolist() == [0.03]
    assert 0 < expected[0] < share[0]


def test_a_draw_counts_tracks_as_a_whole() -> None:
    drawn = track_draws(5, 4, 0)
    assert drawn[0].tolist() == [1] * 5
    assert drawn.sum(1).tolist() == [5] * 4


def test_quantities_have_the_names_of_the_criteria() -> None:
    member = np.random.default_rng(4).random((60, 4)) < 0.3
    own, again = counts(member), Counts(np.stack([member] * 3), np.ones((3, 60)), np.full(3, 1000.0))
    values = stability.quantities(
        {"trained": own, "random weights": own}, {"trained": again, "random weights": again}, (own, again)
    )
    assert set(values) == {"pool", "sets", "stepwise", "pool, random weights", "sets, random weights"}
    assert values["pool"] == pytest.approx([excess(member)] * 4)
    assert values["sets, random weights"] == [0] * 4
