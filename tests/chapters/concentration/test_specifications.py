"""Contrasts, medians and their intervals equal those by hand."""

import numpy as np
import pytest
from scipy import stats

from emomech.chapters.concentration.specifications import (
    ALL_OTHERS,
    COUNT,
    DIFFUSE,
    EVERY,
    MEAN,
    ROLES,
    SAME_VALENCE,
    SILENT,
    WEAKER,
    WHOLE,
    Comparison,
    Measured,
    Quantity,
    contrasts,
    difference,
    effects,
    estimate,
    median,
    median_values,
    over_groups,
    summaries,
    with_features,
)

LABELS = ("disgust", "anger", "joy")
VALENCE = {"disgust": "bad", "anger": "bad", "joy": "good"}
COMPARED = Comparison.of(LABELS, "disgust", VALENCE, (40, 12))


def measured(values: list[list[float]], estimator: str = MEAN) -> Measured:
    """Two equal draws of quantities (quantity, label) at several places, all features and silent ones in turn."""
    quantities = tuple(Quantity(f"block {i // 2}", estimator, (EVERY, SILENT)[i % 2]) for i in range(len(values)))
    return Measured(quantities, np.repeat(np.array(values)[:, None], 3, axis=1))


def test_a_contrast_is_a_share_of_the_others_or_of_the_floor() -> None:
    values = np.array([[[2.0, 4.0, 4.0]], [[0.1, 0.2, 0.0]], [[1.0, np.nan, 2.0]], [[np.nan, 1.0, 1.0]]])
    found = contrasts(values, 0, np.array([1, 2]), floor=0.5)[:, 0]
    np.testing.assert_allclose(found, [-0.5, 0.0, -0.5, np.nan])


def test_no_features_against_some_is_no_difference_in_spread() -> None:
    values = np.array([[[0.0, 3.0, 0.0]], [[0.0, 0.0, 0.0]]])
    np.testing.assert_array_equal(with_features(values), [[[np.nan, 3, np.nan]], [[0, 0, 0]]])


def test_the_median_needs_half_of_the_specifications() -> None:
    rows = np.array([[1.0, 1.0], [3.0, 5.0], [np.nan, 9.0], [np.nan, 9.0]])
    assert median(rows).tolist() == [2, 3]
    assert np.isnan(median(np.concatenate([rows, np.full((1, 2), np.nan)]))).all()
    assert np.isnan(median(np.zeros((0, 2)))).all()


def test_one_specification_does_not_move_the_median() -> None:
    rows = np.tile([[0.5, 0.5]], (9, 1))
    rows[0] = -100
    assert median(rows)[0] == 0.5


def test_the_interval_is_students_for_few_clusters() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        x = rng.normal(size=8)
        weights = np.concatenate([np.ones((1, 8)), rng.multinomial(8, np.full(8, 1 / 8), 200)])
        found = estimate((weights @ x) / 8, 8)
        covered += found.low <= 0 <= found.high
    assert covered / 400 > 0.925
    assert np.isnan(estimate(np.ones(20), 1).low)
    draws = np.concatenate([[0.0], stats.norm.ppf(np.linspace(0.001, 0.999, 999))])
    assert estimate(draws, 10_000).high == pytest.approx(1.96, abs=0.02)


def test_groups_are_all_others_and_those_of_the_same_valence() -> None:
    assert {name: rows.tolist() for name, rows in COMPARED.groups.items()} == {ALL_OTHERS: [1, 2], SAME_VALENCE: [1]}
    assert list(Comparison.of(LABELS, "joy", VALENCE, (40, 12)).groups) == [ALL_OTHERS]
    found = over_groups(measured([[2, 4, 8]]), COMPARED, WEAKER)
    np.testing.assert_allclose(found[:, 0], [-2 / 3, -0.5])


def test_a_difference_uses_the_specifications_that_both_have() -> None:
    its, control = measured([[2, 4, 4], [1, 4, 4], [9, 4, 4]]), measured([[3, 4, 4], [np.nan, 4, 4]])
    draws, n = difference(its, control, COMPARED, WEAKER)
    assert (draws[0], n) == (-0.25, 2)
    undefined, _ = difference(its, measured([[np.nan, 4, 4], [np.nan, 4, 4]]), COMPARED, WEAKER)
    assert np.isnan(undefined).all()


def test_summaries_hold_every_comparison_once() -> None:
    both = [measured([[2, 4, 4], [3, 4, 4]]), measured([[8, 4, 4], [6, 4, 4]], COUNT)]
    its = Measured(both[0].quantities + both[1].quantities, np.concatenate([m.values for m in both]))
    rows = list(summaries(its, {"control": {"": both[0]}}, COMPARED, LABELS))
    found = {(r["part"], r["what"], r["versus"], r["member"]): r["contrast"].value for r in rows}  # pyright: ignore[reportAttributeAccessIssue]
    assert len(found) == len(rows)
    assert found[WEAKER, WHOLE, "", ""] == -0.375 and found[WEAKER, SILENT, "", ""] == -0.25
    assert found[DIFFUSE, WHOLE, "", ""] == 0.75 and found[WEAKER, WHOLE, "control", ""] == 0
    assert (DIFFUSE, WHOLE, "control", "") not in found
    assert found[WEAKER, WHOLE, ROLES, "joy"] == pytest.approx(-0.375 - np.median([4 / 3 - 1, 4 / 3.5 - 1]))
    assert median_values(its, COMPARED)["weaker, writing no label"] == -0.25
    assert {r["member"] for r in effects(its, COMPARED, "others")} == {"others"}


def test_labels_that_are_not_recognised_have_no_value() -> None:
    values = measured([[2, 4, 4]]).recognised([True, False, True]).values
    assert np.isnan(values[..., 1]).all() and np.isfinite(values[..., [0, 2]]).all()
