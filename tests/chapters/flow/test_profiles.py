"""Depth profiles on a model whose features are known, and the resamples behind their intervals."""

import numpy as np
import planted
import pytest

from emomech.chapters.flow.profiles import (
    N_HALVES,
    FamilyProfile,
    PlaceProfiles,
    ReadActivations,
    Resamples,
    measure,
    with_labels_permuted_in_strata,
)
from emomech.chapters.flow.reads import FamilyReads, choose_reads
from emomech.models.tokens import tokenize

FAMILIES = ("role", "voice", "semantic_role", "desirability", "entity", "emotion")


def reads_of_planted(n: int = 480) -> tuple[ReadActivations, list[FamilyReads], Resamples]:
    study = planted.study(n)
    questions = tokenize(study.lm, study.prompts)
    tested, _ = choose_reads(study.corpus.examples, questions, seed=0)
    clusters = [example.cluster for example in study.corpus.examples]
    return ReadActivations.of(study.lm, list(study.saes), questions, tested), tested, Resamples.of(clusters, 10, seed=0)


@pytest.fixture(scope="module")
def profiles() -> dict[str, PlaceProfiles]:
    reads, tested, resamples = reads_of_planted()
    return {p.where: p for p in measure(reads, planted.saes(), tested, resamples, n_permutations=60, seed=0)}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_selective_where_its_features_are(profiles: dict[str, PlaceProfiles], family: str) -> None:
    found = next(f for f in profiles["answer"].families if f.family == family)
    expected = [len(planted.CLASSES[family]) * (i in planted.BANDS[family]) for i in range(planted.N_BLOCKS + 1)]
    assert found.n_selective[0].tolist() == expected


def test_with_shuffled_labels_nothing_is_selective() -> None:
    reads, tested, resamples = reads_of_planted(240)
    shuffled = [with_labels_permuted_in_strata(reading, seed=1) for reading in tested]
    found = list(measure(reads, planted.saes(), shuffled, resamples, n_permutations=60, seed=0))
    families = [family for profile in found for family in profile.families]
    assert len(families) == 13
    chance_finds = [family for family in families if family.n_selective[0].any()]
    assert len(chance_finds) <= 3  # one in twenty hook points, and those of one band agree


def test_shuffling_keeps_how_many_labels_each_word_has() -> None:
    _, tested, _ = reads_of_planted(240)
    for reading in tested:
        shuffled = with_labels_permuted_in_strata(reading, seed=1)
        for word in np.unique(reading.strata):
            here = reading.strata == word
            assert sorted(shuffled.label[here]) == sorted(reading.label[here])
    assert any((with_labels_permuted_in_strata(reading, 1).label != reading.label).any() for reading in tested)


def test_a_stage_is_the_mean_of_its_families() -> None:
    def family(name: str, n_selective: list[list[float]]) -> FamilyProfile:
        return FamilyProfile(name, np.array(n_selective), np.array([10.0, 0.0]), np.zeros((20, 2)))

    pair = [family("role", [[4.0, 0.0]]), family("voice", [[2.0, 0.0]]), family("emotion", [[0.0, 0.0]])]
    found = PlaceProfiles("words", np.array([0.0, 1.0]), pair, n_reads=100)
    assert found.stages()["syntax"].tolist() == [[pytest.approx(0.3), 0.0]]
    assert found.centres()["syntax"] == [0.0]


def test_a_stage_of_no_more_than_chance_finds_has_no_centre() -> None:
    depth, active = np.array([0.0, 0.5, 1.0]), np.full(3, 50.0)
    by_chance = np.zeros((100, 3))
    by_chance[:10] = [1.0, 1.0, 0.0]

    def centre(counts: list[float]) -> float:
        family = FamilyProfile("emotion", np.array([counts]), active, by_chance)
        return float(PlaceProfiles("words", depth, [family], n_reads=100).centres()["emotion"][0])

    assert np.isnan(centre([0.0, 0.0, 2.0]))
    assert centre([0.0, 0.0, 3.0]) == 1
    assert centre([2.0, 0.0, 2.0]) == 0.5


def test_stages_that_are_there_are_present_and_shuffled_ones_are_not(profiles: dict[str, PlaceProfiles]) -> None:
    assert profiles["answer"].present() == {"syntax", "semantics", "emotion"}
    reads, tested, resamples = reads_of_planted(240)
    found = [
        place.present()
        for seed in range(3)
        for place in measure(
            reads,
            planted.saes(),
            [with_labels_permuted_in_strata(r, seed) for r in tested],
            resamples,
            n_permutations=60,
            seed=9,
        )
    ]
    assert sum(map(len, found)) <= 4  # of 21, at one in twenty


def test_halves_divide_clusters_and_together_are_all() -> None:
    clusters = [str(i // 2) for i in range(40)]
    resamples = Resamples.of(clusters, 30, seed=0)
    assert resamples.weights.shape == (1 + 2 * N_HALVES + 30, 40)
    assert (resamples.weights[0] == 1).all()
    halves = Resamples.halves(resamples.weights)
    assert (halves.sum(1) == 1).all()
    assert (resamples.weights[:, ::2] == resamples.weights[:, 1::2]).all()
    assert (Resamples.draws(resamples.weights).sum(1) == 40).all()
