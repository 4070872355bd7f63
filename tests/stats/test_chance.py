"""The exact test against chance: its level for random answerers, its power, and its treatment of clusters."""

import numpy as np
import pytest

from emomech.stats.chance import ABOVE, above_chance, chance_p


def names(n: int) -> list[str]:
    return [str(i) for i in range(n)]


@pytest.mark.parametrize("n_each", [2, 5, 8, 20])
def test_a_random_answerer_passes_as_rarely_as_the_level_says(n_each: int) -> None:
    rng = np.random.default_rng(0)
    gold = np.repeat(np.arange(7), n_each)
    passed = [
        chance_p(gold, rng.integers(0, 7, len(gold)), names(len(gold)), 7, seed).accuracy <= ABOVE
        for seed in range(150)
    ]
    assert np.mean(passed) <= 0.06  # 0.025 expected; the posterior interval passes .33 of them at two texts a class


def test_a_model_that_prefers_one_class_is_at_chance() -> None:
    rng = np.random.default_rng(1)
    gold = np.repeat(np.arange(3), 20)
    preferred = [np.where(rng.random(60) < 0.8, 0, rng.integers(0, 3, 60)) for _ in range(100)]
    results = [chance_p(gold, predicted, names(60), 3) for predicted in preferred]
    assert np.mean([result.accuracy <= ABOVE for result in results]) <= 0.06
    assert np.mean([result.recalls[0] <= ABOVE for result in results]) <= 0.06  # its recall of class 0 is about .87


def test_a_good_model_is_above_chance_in_every_class() -> None:
    gold = np.repeat(np.arange(4), 10)
    predicted = gold.copy()
    predicted[::5] = 0
    result = chance_p(gold, predicted, names(40), 4)
    assert result.accuracy <= ABOVE
    assert (result.recalls <= ABOVE).all()


def test_texts_of_one_cluster_count_once() -> None:
    gold = np.repeat([0, 1], 10)
    clusters = ["a"] * 10 + ["b"] * 10
    assert chance_p(gold, gold, clusters, 2).accuracy > 0.4  # two clusters can only be exchanged in two ways
    assert chance_p(gold, gold, names(20), 2).accuracy <= ABOVE


def test_texts_of_mixed_clusters_are_exchanged_one_by_one() -> None:
    gold = np.tile([0, 1], 10)
    pairs = [str(i // 2) for i in range(20)]
    assert chance_p(gold, gold, pairs, 2).accuracy <= ABOVE


def test_a_class_without_texts_is_not_above_chance() -> None:
    result = chance_p(np.array([0, 0, 1, 1] * 5), np.array([0, 0, 1, 1] * 5), names(20), 3)
    assert result.recalls[2] == 1
    assert result.accuracy <= ABOVE
    assert chance_p(np.array([], dtype=int), np.array([], dtype=int), [], 3).accuracy == 1


def study(n: int, rng: np.random.Generator, known: float = 0.0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    gold, guess = rng.integers(7, size=(2, n))
    return gold, np.where(rng.random(n) < known, gold, guess), list(map(str, range(n)))


@pytest.mark.parametrize("n", [14, 56, 200])
def test_a_random_answerer_is_above_chance_in_one_of_forty_studies_or_fewer(n: int) -> None:
    low = [above_chance(*study(n, np.random.default_rng(seed)), 200, seed).low for seed in range(400)]
    assert np.mean(np.array(low) > 0) < 0.025 + 3 * np.sqrt(0.025 * 0.975 / 400)


def test_one_who_knows_half_of_the_answers_is() -> None:
    found = above_chance(*study(200, np.random.default_rng(0), 0.5), 500, 0)
    assert found.low > 0.2 and found.value == pytest.approx(0.43, abs=0.1) and found.n == 200


def test_one_answer_for_all_is_at_chance() -> None:
    gold, _, clusters = study(60, np.random.default_rng(0))
    found = above_chance(gold, np.zeros(60, dtype=int), clusters, 100, 0)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_texts_of_one_label_cannot_be_tested() -> None:
    assert np.isnan(above_chance(np.zeros(9, dtype=int), np.zeros(9, dtype=int), list("abcdefghi"), 50, 0).value)


def test_clusters_of_one_label_keep_together() -> None:
    gold = np.repeat(np.arange(4), 25)
    own = above_chance(gold, gold, list(map(str, range(100))), 400, 0)
    by_cluster = above_chance(gold, gold, [str(i // 5) for i in range(100)], 400, 0)
    assert by_cluster.low < own.low


def test_pairs_of_two_labels_exchange_texts() -> None:
    gold = np.arange(80) % 2
    assert above_chance(gold, gold, [str(i // 2) for i in range(80)], 400, 0).low > 0.2
