"""Claim C10: where in depth emotion lives depends on what is measured.

Published work places emotion in the embeddings, in middle layers, in the last layers or everywhere, each with another
measure. Here five measures share one depth axis, one set of texts and two places, the text and the answer: what a probe
can decode, what the best single feature tells, what the model's own end reads out, and what the answer loses or gains
when features or the activation are exchanged (see `depth_measures`). Each has a model with random weights and shuffled
labels beside it, and each is taken of other tasks too.

A profile is summarised by its onset, the depth at which half of its maximum is reached, and by its centre of gravity,
both of what lies above the larger of the two controls.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, get_args

import numpy as np
import pandas as pd

from emomech.causal.questions import Questions, balanced
from emomech.chapters.depth.measures import Measure, Profiles, Task, profiles
from emomech.chapters.depth.pooling import PLACES
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.stats.classification import Confusion
from emomech.stats.depth_profiles import Lead, difference, lead, summaries
from emomech.stats.estimates import Floats, estimated, with_resamples
from emomech.stats.tables import DEPTH, INTERVAL, Schema, frame
from emomech.stats.testing import holm
from emomech.study.study import Study

EMOTION = "emotion"
TASK_NAMES = {"organism-kinds": "kind of a thing", "organism-worth": "worth of an event"}
"""What the embedded controls ask, in words; any other is called as its corpus is."""
MIN_POINTS = 4
"""Fewer hook points tell no depths apart."""
MIN_TEXTS = 8
"""Fewer texts of a label on one side of the split fit and score nothing."""
MIN_RESAMPLES = 800
"""The least p-value is 2 / (draws + 1), and there are up to 20 differences at a place."""
_N = "texts that it is measured on"
_TASK = {"task": "what is asked of the model"}
_PLACE = {"where": "at the text's tokens, or at the answer"}
_MEASURE = {"measure": "what is measured"}
_SUMMARY = {"summary": "depth of half the maximum, or the depth weighted by the profile"}
_P = {
    "p": "of no difference, by bootstrap",
    "p_corrected": "the same, corrected for all differences at this place (Holm)",
}
PROFILE = Schema(
    keys={"condition": "the trained model, or a control", **_TASK, **_PLACE, **_MEASURE, "depth": DEPTH},
    values={"value": "0: chance or no effect; 1: all", **INTERVAL, "n": _N},
)
LEADS = Schema(
    keys=_TASK | _PLACE | _MEASURE,
    values={
        "depth": "where the trained model exceeds the larger of the two controls most",
        "trained": "its value there",
        "control": "the larger control's value there",
        "difference": "by how much it exceeds it",
        "low": "lower end of an interval that allows for the choice of the depth",
        "high": "upper end of it",
        "n": _N,
    },
)
SUMMARIES = Schema(
    keys=_TASK | _PLACE | _MEASURE | _SUMMARY,
    values={"depth": "of the profile above both controls; undefined where there is none", **INTERVAL, "n": _N},
)
MEASURE_DIFFERENCES = Schema(
    keys=_TASK | _PLACE | _SUMMARY | {"first": "one measure", "second": "and another"},
    values={"difference": "how much deeper the first lies, in model depths", **INTERVAL, **_P, "n": "texts"},
)
TASK_DIFFERENCES = Schema(
    keys=_PLACE | _SUMMARY | _MEASURE | _TASK,
    values={"difference": "how much deeper it lies than for emotion, in model depths", **INTERVAL, **_P, "n": "texts"},
)
SETTING = Schema(
    keys=_TASK,
    values={
        "labels": "how many answers there are",
        "accuracy": "balanced accuracy of the model's own answers",
        **INTERVAL,
        "chance": "balanced accuracy of a guess",
        "n_discover": "texts that probes, features and attribution learn from",
        "n": "texts that are reported on",
        "n_edited": "texts of these that are intervened on",
        "untested": "why nothing can be said of it; empty if it can",
    },
)


@dataclass(frozen=True)
class Depth:
    """Five measures of a task's answer by depth, and where each begins and has its weight."""

    profile: Annotated[pd.DataFrame, PROFILE]
    leads: Annotated[pd.DataFrame, LEADS]
    summaries: Annotated[pd.DataFrame, SUMMARIES]
    measure_differences: Annotated[pd.DataFrame, MEASURE_DIFFERENCES]
    task_differences: Annotated[pd.DataFrame, TASK_DIFFERENCES]
    setting: Annotated[pd.DataFrame, SETTING]


_Summaries = dict[tuple[str, str, str, str], tuple[Floats, int]]
"""Draws of a summary and the texts behind it, by task, place, measure and summary."""


def depth(
    study: Study, *, n_texts: int = 280, n_edited: int = 70, n_features: int = 16, n_resamples: int = 1000
) -> Depth:
    """Measure the emotion task and the study's control tasks at every hook point that has an SAE.

    About `n_texts` texts of a task are read on each side of the split and `n_edited` intervened on, the same number of
    each label; `n_features` features are moved at once; `n_resamples` bootstrap draws of clusters stand behind
    each interval. Raises UsageError for so few draws that no difference could outlast the correction for their number.
    """
    if n_resamples < MIN_RESAMPLES:
        raise UsageError(
            f"n_resamples {n_resamples}: expected at least {MIN_RESAMPLES}; with fewer no p-value is small enough to "
            "stay below 0.05 when it is corrected for all differences at a place."
        )
    asked = {EMOTION: study, **{TASK_NAMES.get(s.spec.corpus, s.corpus.name): s for s in study.controls}}
    points = list(study.saes)
    at = np.array([point.depth(study.lm.n_layers) for point in points])
    tasks, setting = {}, []
    for number, (name, one) in enumerate(asked.items()):
        found = _task(one, points, (n_texts, n_edited, n_features, n_resamples), study.spec.seed + number)
        row = _setting(found) if isinstance(found, Task) else _unasked(len(one.corpus.labels), found)
        setting.append((name, *row))
        if isinstance(found, Task) and not row[-1]:
            tasks[name] = found
    measured = {name: profiles(task, study.saes) for name, task in tasks.items()}
    leads = {name: _leads(tasks[name], here) for name, here in measured.items()}
    summarised = _summarised(at, tasks, measured, leads)
    return Depth(
        profile=_profile(at, tasks, measured),
        leads=frame(LEADS, _lead_rows(at, leads)),
        summaries=frame(SUMMARIES, [(*key, estimated(draws, n), n) for key, (draws, n) in summarised.items()]),
        measure_differences=_measure_differences(summarised, list(tasks)),
        task_differences=_task_differences(summarised, [name for name in tasks if name != EMOTION]),
        setting=frame(SETTING, setting),
    )


def _task(study: Study, points: Sequence[HookPoint], sizes: tuple[int, int, int, int], seed: int) -> Task | str:
    """Gather the texts of a task, or say why it cannot be tested."""
    n_texts, n_edited, n_features, n_resamples = sizes
    n_labels = len(study.corpus.labels)
    if len(points) < MIN_POINTS:
        return f"there are SAEs at {len(points)} hook points, and fewer than {MIN_POINTS} tell no depths apart"
    sides = [balanced(study, split, max(1, n_texts // n_labels)) for split in ("discover", "report")]
    if (fewest := min(map(len, sides)) // n_labels) < MIN_TEXTS:
        return f"only {fewest} texts of each label stand on one side of the split, {MIN_TEXTS} are needed"
    try:
        discover, report = (Questions.of(study, rows) for rows in sides)
    except UsageError as error:
        return str(error)
    weights = with_resamples(report.clusters, n_resamples, seed)
    return Task(discover, report, max(1, n_edited // n_labels), n_features, weights, seed)


def _unasked(n_labels: int, reason: str) -> tuple[object, ...]:
    return (n_labels, *[float("nan")] * 3, 1 / n_labels, 0, 0, 0, reason)


def _setting(task: Task) -> tuple[object, ...]:
    """How well the model does the task, and whether that is better than chance: a row of the setting."""
    gold, n = task.report.gold, len(task.report.labels)
    draws = Confusion.of(gold, task.report.logits().argmax(1), n, task.weights).balanced_accuracy()
    found = estimated(draws, len(gold))
    at_chance = f"the model's answers are no better than chance: {found} against {1 / n:.2f}"
    untested = "" if found.low > 1 / n else at_chance
    counts = (len(task.discover), len(gold), len(task.edited))
    return (n, found, 1 / n, *counts, untested)


def _n(task: Task, measure: str) -> int:
    """Texts that a measure is taken of."""
    return len(task.edited) if measure.startswith("effect") else len(task.report)


def _profile(at: Floats, tasks: Mapping[str, Task], measured: Mapping[str, Profiles]) -> pd.DataFrame:
    rows = [
        (condition, name, where, measure, at[i], estimated(draws[:, i], n), n)
        for name, here in measured.items()
        for (condition, where, measure), draws in here.items()
        for n in [_n(tasks[name], measure)]
        for i in range(len(at))
    ]
    return frame(PROFILE, rows)


def _measured_at(here: Profiles) -> Iterator[tuple[str, Measure, Floats, Floats]]:
    """Place, measure, the trained model's profile and that of the larger control."""
    for where in PLACES:
        for measure in get_args(Measure):
            if ("trained", where, measure) in here:
                controls = here["random weights", where, measure], here["shuffled labels", where, measure]
                yield where, measure, here["trained", where, measure], np.maximum(*controls)


def _leads(task: Task, here: Profiles) -> dict[tuple[str, str], Lead]:
    return {(w, m): lead(trained, control, _n(task, m)) for w, m, trained, control in _measured_at(here)}


def _lead_rows(at: Floats, leads: Mapping[str, Mapping[tuple[str, str], Lead]]) -> list[tuple[object, ...]]:
    rows = []
    for name, here in leads.items():
        for (where, measure), found in here.items():
            gain = found.difference
            values = (at[found.at], found.trained, found.control, gain, gain.n)
            rows.append((name, where, measure, *values))
    return rows


def _summarised(
    at: Floats,
    tasks: Mapping[str, Task],
    measured: Mapping[str, Profiles],
    leads: Mapping[str, Mapping[tuple[str, str], Lead]],
) -> _Summaries:
    """Summarise every profile; what does not exceed its controls has neither onset nor centre."""
    found: _Summaries = {}
    for name, here in measured.items():
        for where, measure, trained, control in _measured_at(here):
            shows = leads[name][where, measure].shows
            for summary, draws in summaries(at, trained, control).items():
                values = draws if shows else np.full_like(draws, np.nan)
                found[name, where, measure, summary] = (values, _n(tasks[name], measure))
    return found


def _compared(first: tuple[Floats, int], second: tuple[Floats, int]) -> tuple[float, float, float, float, int]:
    """Difference, its interval, p-value, texts."""
    found, p = difference(first[0], second[0], min(first[1], second[1]))
    return found.value, found.low, found.high, p, found.n


def _corrected(schema: Schema, rows: Sequence[tuple[object, ...]], together: Sequence[str]) -> pd.DataFrame:
    """Make a table of rows without a corrected p-value, which is added among rows that share the columns `together`."""
    names = [name for name in schema.columns if name != "p_corrected"]
    table = pd.DataFrame(rows, columns=names).assign(p_corrected=np.nan)
    for _, group in table.groupby(list(together)):
        table.loc[group.index, "p_corrected"] = holm(group.p.to_numpy(dtype=float))
    return table[list(schema.columns)]


def _measure_differences(found: _Summaries, tasks: Sequence[str]) -> pd.DataFrame:
    rows = []
    for name in tasks:
        for where in PLACES:
            measures = [m for m in get_args(Measure) if (name, where, m, "onset") in found]
            for summary in ("onset", "centre of gravity"):
                for first, second in combinations(measures, 2):
                    values = _compared(*(found[name, where, m, summary] for m in (first, second)))
                    rows.append((name, where, summary, first, second, *values))
    return _corrected(MEASURE_DIFFERENCES, rows, ("task", "where"))


def _task_differences(found: _Summaries, controls: Sequence[str]) -> pd.DataFrame:
    rows = []
    for (name, where, measure, summary), theirs in found.items():
        if name in controls and (EMOTION, where, measure, summary) in found:
            values = _compared(theirs, found[EMOTION, where, measure, summary])
            rows.append((where, summary, measure, name, *values))
    return _corrected(TASK_DIFFERENCES, rows, ("where",))
