"""Texts of a task are selected in equal numbers, and a task that cannot be tested has a row with the reason."""

import numpy as np
import planted

from emomech.chapters.depth.measures import MeasuredTask
from emomech.chapters.depth.setting import MIN_POINTS, SETTING, select_task, setting_row, untested_row
from emomech.stats.tables import frame

SIZES = (128, 48, 4, 20)


def test_a_task_has_the_same_number_of_texts_of_each_label() -> None:
    task = select_task(planted.study(400), planted.POINTS, SIZES, seed=0)
    assert isinstance(task, MeasuredTask)
    for questions in (task.discover, task.report.questions):
        assert set(np.bincount(questions.gold)) == {SIZES[0] // 4}
    assert len(task.edited) == SIZES[1] and task.edited_weights.shape == (1 + SIZES[3], SIZES[1])
    row = setting_row(task)
    assert row["untested"] == "" and row["n"] == SIZES[0] and row["n_edited"] == SIZES[1]


def test_a_task_at_few_hook_points_is_untested() -> None:
    study = planted.study(48)
    reason = select_task(study, planted.POINTS[: MIN_POINTS - 1], SIZES, seed=0)
    assert isinstance(reason, str) and "3 hook points" in reason
    table = frame(SETTING, [{"task": "emotion", **untested_row(study, reason)}])
    assert np.isnan(table.accuracy[0]) and table.n[0] == 0 and table.untested[0] == reason
