"""Units are chosen on some texts and scored on others, sparse or not, and divided again with the same sizes."""

import numpy as np
import planted
import pytest
from scipy.sparse import csr_array

from emomech.chapters.fidelity import causal, readers, stability
from emomech.chapters.fidelity.units import best_units, choices_of, families_of


@pytest.fixture(scope="module")
def families() -> list:
    return families_of(planted.study(480).corpus, 0)


def test_sparse_and_dense_units_give_the_same(families: list) -> None:
    x = np.maximum(np.random.default_rng(0).normal(size=(480, 12)), 0)
    x[:, 3] += 2 * np.array([e.label == "joy" for e in planted.study(480).corpus.examples])
    dense, sparse = (list(best_units(families, [units] * len(families))) for units in (x, csr_array(x)))
    assert [(unit.unit, unit.auroc, unit.f1) for unit in dense] == [(unit.unit, unit.auroc, unit.f1) for unit in sparse]
    assert next(unit for unit in dense if unit.value == "joy").unit == 3


def test_a_division_keeps_its_sizes_and_moves_texts(families: list) -> None:
    again = families[0].divided_again(1)
    assert again.chooses.sum() == families[0].chooses.sum()
    assert (again.member[again.chooses].sum(0) == families[0].member[families[0].chooses].sum(0)).all()
    assert (again.chooses != families[0].chooses).any()


def test_a_choice_is_scored_on_the_other_texts(families: list) -> None:
    x = np.random.default_rng(1).normal(size=(480, 5))
    (choices, *_) = choices_of(families, [x] * len(families))
    value, choice = next(iter(choices.items()))
    (unit, *_) = best_units(families[:1], [x])
    assert choice.auroc_elsewhere(families[0], value, x) == pytest.approx(unit.auroc.value)


def test_a_dimension_has_two_halves_and_a_feature_one() -> None:
    found = readers.readers_of(planted.study(480), dict.fromkeys(planted.POINTS, 4))
    sae, _ = found[readers.DIMENSIONS, planted.POINTS[0]]
    assert readers.halves(sae, 3) == [3, 3 + planted.D_MODEL]
    assert readers.halves(planted.saes()[planted.POINTS[0]], 3) == [3]
    assert stability.reached([0.3, 0.1, -0.2, -0.3]) == -0.2


def test_a_study_without_enough_texts_is_not_ablated() -> None:
    assert causal.answers(planted.study(480), None) == (None, "too few texts of each emotion")
