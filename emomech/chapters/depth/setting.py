"""The setting of the depth measures: the texts of each task, and whether the model answers them above chance."""

from collections.abc import Sequence

from emomech.causal.questions import Questions, balanced
from emomech.causal.sample import Sample
from emomech.chapters.depth.measures import MeasuredTask
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.stats.classification import Confusion
from emomech.stats.estimates import from_draws
from emomech.stats.tables import INTERVAL, Schema
from emomech.study.study import Study

MIN_POINTS = 4
"""Fewest hook points between which depths can be compared."""
LENS_TEXTS = 14
"""Texts behind the mean Jacobian."""
MIN_TEXTS = 8
"""Fewest texts of a label on each split."""
SETTING = Schema(
    keys={"task": "task that the model is asked"},
    values={
        "labels": "number of possible answers",
        "accuracy": "balanced accuracy of the model's own answers",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n_discover": "number of texts that probes are fitted on and features are selected on",
        "n": "number of texts that are scored",
        "n_edited": "number of the scored texts that are intervened on",
        "untested": "why the task cannot be tested; empty if it can",
    },
)


def select_task(
    study: Study, points: Sequence[HookPoint], sizes: tuple[int, int, int, int], seed: int
) -> MeasuredTask | str:
    """Select the texts of a task, or return the reason why it cannot be tested."""
    n_texts, n_edited, n_features, n_resamples = sizes
    n_labels = len(study.corpus.labels)
    if len(points) < MIN_POINTS:
        return f"there are SAEs at {len(points)} hook points; comparing depths takes at least {MIN_POINTS}"
    sides = [balanced(study, split, max(1, n_texts // n_labels)) for split in ("discover", "report")]
    if (fewest := min(map(len, sides)) // n_labels) < MIN_TEXTS:
        return f"one side of the split has only {fewest} texts of each label; {MIN_TEXTS} are needed"
    try:
        discover, report = (Questions.of(study, rows) for rows in sides)
    except UsageError as error:
        return str(error)
    lens = lens_texts(study)
    return MeasuredTask(discover, Sample.of(report, n_resamples, seed), lens, max(1, n_edited // n_labels), n_features)


def lens_texts(study: Study) -> Questions:
    """Texts that the J-lens is fitted on, at least `LENS_TEXTS`: of the split that nothing is read on, else `discover`.

    A mean over few texts suffices, because the Jacobian is nearly the same for all of them; the labels are not used.
    """
    n = -(-LENS_TEXTS // len(study.corpus.labels))
    rows = balanced(study, "tune", n)
    return Questions.of(study, rows if len(rows) else balanced(study, "discover", n))


def untested_row(study: Study, reason: str) -> dict[str, object]:
    """Columns of the setting for a task that cannot be tested."""
    n_labels = len(study.corpus.labels)
    counts = {"n_discover": 0, "n": 0, "n_edited": 0}
    return {"labels": n_labels, "chance": 1 / n_labels, **counts, "untested": reason}


def setting_row(task: MeasuredTask) -> dict[str, object]:
    """Columns of the setting: how well the model does the task, and a reason if that is no better than chance."""
    gold, n_labels = task.report.gold, len(task.report.labels)
    draws = Confusion.of(gold, task.report.logits.argmax(1), n_labels, task.report.weights).balanced_accuracy()
    accuracy = from_draws(draws, len(gold))
    at_chance = f"the model's answers are no better than chance: {accuracy} against {1 / n_labels:.2f}"
    return {
        "labels": n_labels,
        "accuracy": accuracy,
        "chance": 1 / n_labels,
        "n_discover": len(task.discover),
        "n": len(gold),
        "n_edited": len(task.edited),
        "untested": "" if task.report.above_chance else at_chance,
    }
