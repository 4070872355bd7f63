"""Texts of a task are selected in equal numbers, and a task that cannot be tested has a row with the reason."""

from dataclasses import replace

import numpy as np
import planted

from emomech.chapters.depth.measures import MeasuredTask
from emomech.chapters.depth.setting import (
    LENS_TEXTS,
    MIN_POINTS,
    SETTING,
    lens_texts,
    select_task,
    setting_row,
    untested_row,
)
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


def test_the_lens_is_fitted_on_texts_that_nothing_is_read_on() -> None:
    study = planted.study(400)
    task = select_task(study, planted.POINTS, SIZES, seed=0)
    assert isinstance(task, MeasuredTask)
    read = {e.text for questions in (task.discover, task.report.questions) for e in questions.examples}
    assert len(task.lens) >= LENS_TEXTS and not read & {e.text for e in task.lens.examples}


def test_without_texts_to_spare_the_lens_is_fitted_on_those_of_the_probe() -> None:
    study = planted.study(400)
    kept = tuple(e for e in study.corpus.examples if study.corpus.split(e, 0) != "tune")
    few = planted.study(400).replaced(
        corpus=replace(study.corpus, examples=kept), prompts=[planted.question(e) for e in kept]
    )
    assert len(lens_texts(few)) >= LENS_TEXTS
