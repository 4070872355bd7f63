"""The emotion task comes first, and control tasks have the names that the tables show."""

from dataclasses import replace

import planted

from emomech.chapters.tasks import EMOTION, TASK_NAMES, tasks_of


def test_the_emotion_task_is_first_and_an_unknown_control_is_named_by_its_corpus() -> None:
    again = planted.study(48, seed=1)
    again = again.replaced(corpus=replace(again.corpus, name="again"))
    study = planted.study(48).replaced(controls=[again])
    tasks = tasks_of(study)
    assert list(tasks) == [EMOTION, "again"]
    assert tasks[EMOTION] is study and tasks["again"] is again


def test_embedded_control_tasks_have_names() -> None:
    assert set(TASK_NAMES) == {"organism-kinds", "organism-worth"}
    assert all(" " in name for name in TASK_NAMES.values())
