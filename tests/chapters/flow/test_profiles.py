"""Depth profiles on a model whose features are known, and the resamples behind their intervals."""

from dataclasses import replace

import numpy as np
import planted
import pytest

from emomech.chapters.flow.profiles import (
    FamilyProfile,
    Labelled,
    PlaceProfiles,
    ReadActivations,
    Resamples,
    measure,
    with_labels_permuted_in_strata,
)
from emomech.chapters.flow.reads import FamilyReads, choose_reads
from emomech.models.tokens import tokenize

FAMILIES = ("role", "voice", "semantic_role", "desirability", "entity", "emotion")
N_DIVISIONS = 2


def reads_of_planted(n: int = 480) -> tuple[ReadActivations, list[FamilyReads], Resamples]:
    study = planted.study(n)
    questions = tokenize(study.lm, study.prompts)
    tested, _ = choose_reads(study.corpus.examples, questions, seed=0)
    clusters = [example.cluster for example in study.corpus.examples]
    resamples = Resamples.of(clusters, 10, N_DIVISIONS, seed=0)
    return ReadActivations.of(study.lm, list(study.saes), questions, tested), tested, resamples


def measured(reads: ReadActivations, tested: list[FamilyReads], resamples: Resamples) -> dict[str, PlaceProfiles]:
    labelled = [Labelled.of(family, resamples, 20, seed=0) for family in tested]
    return {place.where: place for place in measure(reads, planted.saes(), labelled)}


@pytest.fixture(scope="module")
def profiles() -> dict[str, PlaceProfiles]:
    return measured(*reads_of_planted())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_explains_features_where_its_own_are(profiles: dict[str, PlaceProfiles], family: str) -> None:
    found = next(f for f in profiles["answer"].families if f.family == family).explained[0]
    inside = [i in planted.BANDS[family] for i in range(planted.N_BLOCKS + 1)]
    assert found[inside].min() > 0.02
    assert np.abs(found[np.logical_not(inside)]).max() < 0.01


def test_shuffled_labels_explain_nothing() -> None:
    reads, tested, resamples = reads_of_planted(240)
    shuffled = [with_labels_permuted_in_strata(reading, seed=1) for reading in tested]
    found = measured(reads, shuffled, resamples)
    values = np.array([f.explained[0] for place in found.values() for f in place.families])
    assert len(values) == 13 and np.abs(np.median(values)) < 0.01


def test_shuffling_keeps_how_many_labels_each_word_has() -> None:
    _, tested, _ = reads_of_planted(240)
    for reading in tested:
        shuffled = with_labels_permuted_in_strata(reading, seed=1)
        for word in np.unique(reading.strata):
            here = reading.strata == word
            assert sorted(shuffled.label[here]) == sorted(reading.label[here])
    assert any((with_labels_permuted_in_strata(reading, 1).label != reading.label).any() for reading in tested)


def test_a_stage_is_the_mean_of_its_families_and_draws_have_the_noise_of_permutations() -> None:
    resamples = Resamples.of(["a", "b", "c", "d"], 3, 1, seed=0)

    def family(name: str, value: float) -> FamilyProfile:
        return FamilyProfile(name, np.full((6, 2), value), np.array([[0.0, 0.0], [0.2, 0.0]]))

    pair = [family("role", 0.4), family("voice", 0.2), family("emotion", 0.0)]
    place = PlaceProfiles("words", np.array([0.0, 1.0]), pair, n_reads=100)
    syntax = place.stages(resamples).explained["syntax"]
    np.testing.assert_allclose(syntax, [[0.3, 0.3], [0.2, 0.3], [0.4, 0.3], [0.2, 0.3]])
    assert place.halves(resamples)["syntax"].shape == (1, 2, 2)


def test_halves_divide_clusters_and_together_are_all() -> None:
    clusters = [str(i // 2) for i in range(40)]
    resamples = Resamples.of(clusters, 30, N_DIVISIONS, seed=0)
    assert resamples.weights.shape == (1 + 2 * N_DIVISIONS + 30, 40)
    assert (resamples.weights[0] == 1).all()
    assert (resamples.halves(resamples.weights).sum(1) == 1).all()
    assert (resamples.weights[:, ::2] == resamples.weights[:, 1::2]).all()
    assert (resamples.first[::2] == resamples.first[1::2]).all() and resamples.first.sum() == 20
    assert (resamples.with_draws(resamples.weights)[1:].sum(1) == 40).all()


def test_labels_are_compared_across_the_halves_of_the_texts() -> None:
    _, tested, resamples = reads_of_planted(240)
    labelled = Labelled.of(tested[0], resamples, 20, seed=0)
    assert (labelled.resampled.first == resamples.first[tested[0].text]).all()
    assert len(labelled.permuted.factors) == 20
    moved = replace(resamples, first=~resamples.first)
    np.testing.assert_allclose(Labelled.of(tested[0], moved, 20, 0).resampled.factors, labelled.resampled.factors)
