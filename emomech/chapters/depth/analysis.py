"""Claim C10: where in depth emotion lives depends on what is measured.

Published work places emotion in the embeddings, in middle layers, in the last layers or everywhere, each with a
different measure. Here five measures (see `measures`) share one depth axis, one set of texts and two places, the text
and the answer: what a probe can decode, what the best single feature detects, what the model's own output layers read
out, and what the answer loses or gains when features or the activation are changed. Each measure is repeated in a
network with random weights, with shuffled labels, and for control tasks.

A profile is summarised by its onset, the depth at which half of its maximum is reached, and by its centre of gravity.
Both are computed from the part of the profile above the larger of the two controls.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, TypeAlias, get_args

import numpy as np
import pandas as pd

from emomech.chapters.conditions import RANDOM_WEIGHTS, SHUFFLED_LABELS, TRAINED
from emomech.chapters.depth.measures import DepthProfiles, Measure, MeasuredTask, profiles
from emomech.chapters.depth.pooling import PLACES
from emomech.chapters.depth.setting import SETTING, select_task, setting_row, untested_row
from emomech.chapters.tasks import EMOTION, tasks_of
from emomech.core.errors import UsageError
from emomech.stats.depth_profiles import Lead, difference, lead, summaries
from emomech.stats.estimates import Floats, from_draws
from emomech.stats.tables import DEPTH, INTERVAL, Row, Schema, frame
from emomech.stats.testing import holm
from emomech.study.study import Study

MIN_RESAMPLES = 800
"""The smallest possible p-value is 2 / (draws + 1), and up to 20 differences are corrected for at each place."""
_N = {"n": "number of texts that the measure uses"}
_TASK = {"task": "task that the model is asked"}
_PLACE = {"where": "place that is read: the tokens of the text, or the answer"}
_MEASURE = {"measure": "what is measured"}
_SUMMARY = {
    "summary": "onset, the depth of half the maximum; or centre of gravity, the mean depth weighted by the profile"
}
_P = {
    "p": "bootstrap p-value of no difference",
    "p_corrected": "p-value corrected for all differences at this place (Holm)",
}
PROFILE = Schema(
    keys={"condition": "the trained model, or a control", **_TASK, **_PLACE, **_MEASURE, "depth": DEPTH},
    values={"value": "value of the measure: 0 is chance or no effect, 1 is the maximum", **INTERVAL, **_N},
)
LEADS = Schema(
    keys=_TASK | _PLACE | _MEASURE,
    values={
        "depth": "depth at which the trained model exceeds the larger of the two controls most",
        "trained": "value of the trained model at this depth",
        "control": "value of the larger control at this depth",
        "difference": "value of the trained model minus that of the larger control",
        "low": "lower end of an interval that allows for the choice of the depth",
        "high": "upper end of this interval",
        **_N,
    },
)
SUMMARIES = Schema(
    keys=_TASK | _PLACE | _MEASURE | _SUMMARY,
    values={
        "depth": "summary of the profile above both controls; undefined if the profile does not exceed them",
        **INTERVAL,
        **_N,
    },
)
MEASURE_DIFFERENCES = Schema(
    keys=_TASK | _PLACE | _SUMMARY | {"first": "one measure", "second": "measure that it is compared with"},
    values={
        "difference": "depth of the first minus depth of the second, in units of model depth",
        **INTERVAL,
        **_P,
        "n": "number of texts",
    },
)
TASK_DIFFERENCES = Schema(
    keys=_PLACE | _SUMMARY | _MEASURE | _TASK,
    values={
        "difference": "depth for this task minus depth for emotion, in units of model depth",
        **INTERVAL,
        **_P,
        "n": "number of texts",
    },
)


@dataclass(frozen=True)
class Depth:
    """Five measures of each task's answer by depth, and the onset and centre of gravity of each profile."""

    profile: Annotated[pd.DataFrame, PROFILE]
    leads: Annotated[pd.DataFrame, LEADS]
    summaries: Annotated[pd.DataFrame, SUMMARIES]
    measure_differences: Annotated[pd.DataFrame, MEASURE_DIFFERENCES]
    task_differences: Annotated[pd.DataFrame, TASK_DIFFERENCES]
    setting: Annotated[pd.DataFrame, SETTING]


_Summaries = dict[tuple[str, str, str, str], tuple[Floats, int]]
"""Task, place, measure and summary -> draws of the summary and number of texts."""


def depth(
    study: Study, *, n_texts: int = 280, n_edited: int = 70, n_features: int = 16, n_resamples: int = 1000
) -> Depth:
    """Measure the emotion task and the study's control tasks at every hook point that has an SAE.

    About `n_texts` texts of a task are read on each split and `n_edited` are intervened on, the same number of each
    label; `n_features` features are moved at once; intervals have `n_resamples` bootstrap draws of clusters. Raises
    UsageError for too few draws, with which no p-value could be below 0.05 after the correction.
    """
    if n_resamples < MIN_RESAMPLES:
        raise UsageError(
            f"n_resamples {n_resamples}: expected at least {MIN_RESAMPLES}. With fewer draws no p-value can be below "
            "0.05 after the correction for all differences at a place."
        )
    points = list(study.saes)
    depths = np.array([point.depth(study.lm.n_layers) for point in points])
    tasks, setting = {}, []
    for number, (name, task_study) in enumerate(tasks_of(study).items()):
        task = select_task(task_study, points, (n_texts, n_edited, n_features, n_resamples), study.spec.seed + number)
        row = untested_row(task_study, task) if isinstance(task, str) else setting_row(task)
        setting.append({"task": name, **row})
        if isinstance(task, MeasuredTask) and not row["untested"]:
            tasks[name] = task
    measured = {name: profiles(task, study.saes) for name, task in tasks.items()}
    leads = {name: _leads(tasks[name], task_profiles) for name, task_profiles in measured.items()}
    summarised = _summarised(depths, tasks, measured, leads)
    return Depth(
        profile=_profile(depths, tasks, measured),
        leads=_lead_table(depths, leads),
        summaries=_summary_table(summarised),
        measure_differences=_measure_differences(summarised, list(tasks)),
        task_differences=_task_differences(summarised, [name for name in tasks if name != EMOTION]),
        setting=frame(SETTING, setting),
    )


def _n(task: MeasuredTask, measure: str) -> int:
    """Number of texts that a measure uses."""
    return len(task.edited) if measure.startswith("effect") else len(task.report)


_Tasks: TypeAlias = Mapping[str, MeasuredTask]
_Measured: TypeAlias = Mapping[str, DepthProfiles]
_Leads: TypeAlias = Mapping[str, Mapping[tuple[str, str], Lead]]
"""Task -> place and measure -> lead over the controls."""


def _profile(depths: Floats, tasks: _Tasks, measured: _Measured) -> pd.DataFrame:
    rows = [
        {
            "condition": condition,
            "task": name,
            "where": where,
            "measure": measure,
            "depth": depths[i],
            "value": from_draws(draws[:, i], n),
            "n": n,
        }
        for name, task_profiles in measured.items()
        for (condition, where, measure), draws in task_profiles.items()
        for n in [_n(tasks[name], measure)]
        for i in range(len(depths))
    ]
    return frame(PROFILE, rows)


def _with_control(task_profiles: DepthProfiles) -> Iterator[tuple[str, Measure, Floats, Floats]]:
    """Place, measure, profile of the trained model, and at each depth the larger of the two controls."""
    for where in PLACES:
        for measure in get_args(Measure):
            if (TRAINED, where, measure) in task_profiles:
                controls = (task_profiles[control, where, measure] for control in (RANDOM_WEIGHTS, SHUFFLED_LABELS))
                yield where, measure, task_profiles[TRAINED, where, measure], np.maximum(*controls)


def _leads(task: MeasuredTask, task_profiles: DepthProfiles) -> dict[tuple[str, str], Lead]:
    return {
        (where, measure): lead(trained, control, _n(task, measure))
        for where, measure, trained, control in _with_control(task_profiles)
    }


def _lead_table(depths: Floats, leads: _Leads) -> pd.DataFrame:
    rows = [
        {
            "task": name,
            "where": where,
            "measure": measure,
            "depth": depths[largest.at],
            "trained": largest.trained,
            "control": largest.control,
            "difference": largest.difference,
            "n": largest.difference.n,
        }
        for name, of_task in leads.items()
        for (where, measure), largest in of_task.items()
    ]
    return frame(LEADS, rows)


def _summarised(depths: Floats, tasks: _Tasks, measured: _Measured, leads: _Leads) -> _Summaries:
    """Summarise every profile; the summaries of a profile that does not exceed its controls are NaN."""
    summarised: _Summaries = {}
    for name, task_profiles in measured.items():
        for where, measure, trained, control in _with_control(task_profiles):
            shows = leads[name][where, measure].shows
            for summary, draws in summaries(depths, trained, control).items():
                values = draws if shows else np.full_like(draws, np.nan)
                summarised[name, where, measure, summary] = (values, _n(tasks[name], measure))
    return summarised


def _summary_table(summarised: _Summaries) -> pd.DataFrame:
    rows = [
        {"task": task, "where": where, "measure": measure, "summary": summary, "depth": from_draws(draws, n), "n": n}
        for (task, where, measure, summary), (draws, n) in summarised.items()
    ]
    return frame(SUMMARIES, rows)


def _difference(first: tuple[Floats, int], second: tuple[Floats, int]) -> dict[str, object]:
    """Columns for the difference between two summaries: value, interval, p-value, number of texts."""
    estimate, p = difference(first[0], second[0], min(first[1], second[1]))
    ends = {"low": estimate.low, "high": estimate.high}
    return {"difference": estimate.value, **ends, "p": p, "n": estimate.n}


def _corrected(schema: Schema, rows: Sequence[Row], together: Sequence[str]) -> pd.DataFrame:
    """Table of the rows with p-values corrected among the rows that are equal in the columns `together`."""
    table = frame(schema, rows)
    for _, group in table.groupby(list(together)):
        table.loc[group.index, "p_corrected"] = holm(group.p.to_numpy(dtype=float))
    return table


def _measure_differences(summarised: _Summaries, tasks: Sequence[str]) -> pd.DataFrame:
    rows: list[Row] = []
    for name in tasks:
        for where in PLACES:
            measures = [measure for measure in get_args(Measure) if (name, where, measure, "onset") in summarised]
            for summary in ("onset", "centre of gravity"):
                for first, second in combinations(measures, 2):
                    pair = (summarised[name, where, measure, summary] for measure in (first, second))
                    keys = {"task": name, "where": where, "summary": summary, "first": first, "second": second}
                    rows.append({**keys, **_difference(*pair)})
    return _corrected(MEASURE_DIFFERENCES, rows, ("task", "where"))


def _task_differences(summarised: _Summaries, controls: Sequence[str]) -> pd.DataFrame:
    rows: list[Row] = []
    for (name, where, measure, summary), of_control in summarised.items():
        if name in controls and (EMOTION, where, measure, summary) in summarised:
            keys = {"where": where, "summary": summary, "measure": measure, "task": name}
            rows.append({**keys, **_difference(of_control, summarised[EMOTION, where, measure, summary])})
    return _corrected(TASK_DIFFERENCES, rows, ("where",))
