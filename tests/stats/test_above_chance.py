"""Above chance: an interval that a random answerer leaves as rarely as it should, at any number of texts."""

import numpy as np
import pytest

from emomech.stats.above_chance import above_chance


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
