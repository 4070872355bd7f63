"""Other draws of the texts: whole clusters are divided, and what is decodable stays so."""

import numpy as np
import planted
import pytest

from emomech.chapters.depth.lenses import final_stream, lens_rows, prediction_rows
from emomech.chapters.depth.measures import Measured, MeasuredTask, measure
from emomech.chapters.depth.redraws import _half, redraws
from emomech.chapters.depth.setting import select_task

DEPTHS = np.linspace(0, 1, len(planted.POINTS))


@pytest.fixture(scope="module")
def measured() -> tuple[MeasuredTask, Measured]:
    task = select_task(planted.study(400), planted.POINTS, (96, 24, 16, 20), seed=0)
    assert isinstance(task, MeasuredTask)
    return task, measure(task, planted.saes())


def test_half_of_the_clusters_is_taken() -> None:
    clusters = np.array([str(i // 3) for i in range(60)])
    rows = _half(clusters, np.random.default_rng(0))
    assert rows.sum() == 30 and all(len(set(rows[clusters == name])) == 1 for name in set(clusters))


def test_profiles_on_other_draws_are_those_of_the_page(measured: tuple[MeasuredTask, Measured]) -> None:
    first, second = redraws(*measured, 2, seed=0)
    assert set(first) == {(where, name) for _, where, name in measured[1].profiles}
    assert any(not np.array_equal(first[key], second[key]) for key in first)
    for key, values in first.items():
        own = measured[1].profiles["trained", *key][0]
        assert np.abs(values - own).max() < 0.45 and np.abs(values - own).mean() < 0.2


def test_lens_rows_and_predictions_agree_at_the_last_depth(measured: tuple[MeasuredTask, Measured]) -> None:
    rows = list(lens_rows(*measured, DEPTHS))
    assert len(rows) == 3 * len(DEPTHS)
    read_out = measured[1].profiles["trained", "answer", "read-out"][0]
    plain = [row["accuracy"].value for row in rows[: len(DEPTHS)]]  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_allclose((np.array(plain) - 0.25) / 0.75, read_out)
    predicted = list(prediction_rows(*measured, DEPTHS))
    assert predicted[-1]["correlation"] == pytest.approx(1)


def test_the_final_stream_of_unchanged_activations_is_that_of_the_model(
    measured: tuple[MeasuredTask, Measured],
) -> None:
    task, of = measured
    last = planted.POINTS[-1]
    questions = task.report.questions.take(range(6))
    own = {p: of.trained.scored["answer"][p].activation[:6] for p in planted.POINTS}
    for x in own.values():
        assert x.shape == (6, planted.D_MODEL)
    for point in planted.POINTS:
        np.testing.assert_allclose(final_stream(questions, point, own[point]), own[last], atol=1e-4)
