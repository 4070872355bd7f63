"""The tasks of a study, by the names that its tables show: the emotion task first, then the control tasks."""

from collections.abc import Mapping

from emomech.study.study import Study

EMOTION = "emotion"
TASK_NAMES: Mapping[str, str] = {"organism-kinds": "kind of a thing", "organism-worth": "worth of an event"}
"""Corpus preset of an embedded control task -> name of the task."""


def tasks_of(study: Study) -> dict[str, Study]:
    """Name of each task -> study that asks it; a control task without a name in `TASK_NAMES` is named by its corpus."""
    controls = {TASK_NAMES.get(control.spec.corpus, control.corpus.name): control for control in study.controls}
    return {EMOTION: study, **controls}
