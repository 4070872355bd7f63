"""Changes are paired by seed, and their intervals hold their level with few seeds."""

import numpy as np
import pytest

from emomech.causal.concentration import EFFECTIVE
from emomech.chapters.scarcity.embedded_models import Comparison
from emomech.chapters.scarcity.seeds import (
    EMOTION,
    LESS,
    LOGARITHM,
    OTHERS,
    SCARCE,
    SeedValues,
    changes,
    contrast_rows,
    criterion,
    deciding,
)


def model(seed: int, *values: float) -> SeedValues:
    return SeedValues(seed, {EFFECTIVE: np.array(values)})


def test_models_are_paired_by_seed() -> None:
    scarce = [model(0, 4, 2, 2), model(1, 8, 3, np.nan), model(7, 99, 9, 9)]
    frequent = [model(1, 4, 2, 2), model(0, 2, 1, 1), model(8, 0, 0, 0)]
    found = {(m, who): e for m, who, e in changes(scarce, frequent, 0, [1, 2])}
    assert (found[EFFECTIVE, SCARCE].value, found[EFFECTIVE, SCARCE].n) == (3, 2)
    assert found[EFFECTIVE, OTHERS].value == found[EFFECTIVE, LESS].value - 1 == 1
    assert found[LOGARITHM, SCARCE].value == pytest.approx(np.log(2))
    assert found[LOGARITHM, LESS].value == pytest.approx(np.log(2) - (np.log(2) + np.log(1.5)) / 2)


def test_emotions_that_rise_by_one_factor_do_not_differ() -> None:
    scarce, frequent = ([model(s, 2.0 * k, 5.0 * k, 9.0 * k) for s in (0, 1)] for k in (3, 1))
    found = {(m, who): e for m, who, e in changes(scarce, frequent, 0, [1, 2])}
    assert found[LOGARITHM, LESS].value == pytest.approx(0)
    assert list(changes([model(0, 1.0)], [model(1, 1.0)], 0, [0])) == []


def test_the_scarcest_models_decide() -> None:
    models = {"a": model(0, 2, 1), "b": model(1, 2, 1), "c": model(0, 4, 1), "d": model(1, 4, 1)}
    models |= {"e": model(0, 1, 1), "f": model(1, 1, 1)}
    comparisons = {("x", 0.05): Comparison("ab", "ef", 0.2), ("x", 0.02): Comparison("cd", "ef", 0.2)}
    rows = list(contrast_rows(models, comparisons, ("x", "y")))
    found = deciding(rows, {"x": EMOTION})
    assert set(found) == {criterion(EMOTION, SCARCE), criterion(EMOTION, LESS)}
    assert found[criterion(EMOTION, SCARCE)].value == pytest.approx(np.log(4))
