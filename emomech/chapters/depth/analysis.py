"""Claim C10: where in depth emotion lives depends on what is measured.

Published work places emotion in the embeddings, in middle layers, in the last layers or everywhere, each with a
different measure. Here six measures (see `measures`) share one depth axis, one set of texts and two places, the text
and the answer: what a probe can decode, what the best single feature detects, what the model's own output layers read
out, directly or after the mean Jacobian, and what the answer loses or gains when features or the activation are
changed. Each measure is repeated in a network with random weights, with shuffled labels, and for control tasks.

A profile is located by its onset, the depth at which the part above the larger of the two controls reaches half of its
maximum. How far apart the onsets lie, beyond what noise alone gives, decides the claim (see `onsets`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.chapters.depth.lenses import LENSES, PREDICTIONS, lens_rows, prediction_rows
from emomech.chapters.depth.located import (
    COMPARISONS,
    LEADS,
    ONSETS,
    PAIRS,
    SPREADS,
    Places,
    comparison_table,
    lead_table,
    onset_table,
    pair_table,
    redrawn_rows,
    spread_table,
)
from emomech.chapters.depth.measures import Measured, MeasuredTask, measure
from emomech.chapters.depth.redraws import redraws
from emomech.chapters.depth.setting import SETTING, select_task, setting_row, untested_row
from emomech.chapters.stability import STABILITY
from emomech.chapters.tasks import EMOTION, tasks_of
from emomech.core import progress
from emomech.core.errors import UsageError
from emomech.stats.estimates import Floats, from_draws
from emomech.stats.tables import DEPTH, INTERVAL, Schema, frame
from emomech.study.study import Study

MIN_RESAMPLES = 800
"""The smallest possible p-value is 2 / (draws + 1), and up to 15 pairs are corrected for at each place."""
PROFILE = Schema(
    keys={
        "condition": "the trained model, or a control",
        "task": "task that the model is asked",
        "where": "place that is read: the tokens of the text, or the answer",
        "measure": "what is measured",
        "depth": DEPTH,
    },
    values={
        "value": "value of the measure: 0 is chance or no effect, 1 is the maximum",
        **INTERVAL,
        "n": "number of texts that the measure uses",
    },
)


@dataclass(frozen=True)
class Depth:
    """Six measures of each task's answer by depth, the onset of each profile, and how far apart the onsets lie."""

    profile: Annotated[pd.DataFrame, PROFILE]
    leads: Annotated[pd.DataFrame, LEADS]
    onsets: Annotated[pd.DataFrame, ONSETS]
    spreads: Annotated[pd.DataFrame, SPREADS]
    comparisons: Annotated[pd.DataFrame, COMPARISONS]
    pairs: Annotated[pd.DataFrame, PAIRS]
    lenses: Annotated[pd.DataFrame, LENSES]
    predictions: Annotated[pd.DataFrame, PREDICTIONS]
    stability: Annotated[pd.DataFrame, STABILITY]
    setting: Annotated[pd.DataFrame, SETTING]


def depth(
    study: Study,
    *,
    n_texts: int = 280,
    n_edited: int = 70,
    n_features: int = 16,
    n_resamples: int = 1000,
    n_draws: int = 5,
) -> Depth:
    """Measure the emotion task and the study's control tasks at every hook point that has an SAE.

    About `n_texts` texts of a task are read on each split and `n_edited` are intervened on, the same number of each
    label; `n_features` features are moved at once; intervals have `n_resamples` bootstrap draws of clusters. The spread
    is measured on `n_draws` draws of the texts, the page's own among them. Raises UsageError for too few resamples.
    """
    if n_resamples < MIN_RESAMPLES:
        raise UsageError(
            f"n_resamples {n_resamples}: expected at least {MIN_RESAMPLES}. With fewer draws no p-value can be below "
            "0.05 after the correction for all pairs at a place."
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
    measured = {
        name: measure(task, study.saes) for name, task in progress.counted(tasks.items(), "measuring tasks", "task")
    }
    places = {name: _places(tasks[name], of_task) for name, of_task in measured.items()}
    emotion = (tasks[EMOTION], measured[EMOTION]) if EMOTION in tasks else None
    again = redraws(*emotion, n_draws - 1, study.spec.seed) if emotion else []
    return Depth(
        profile=_profile(depths, tasks, measured),
        leads=lead_table(places, depths),
        onsets=onset_table(places, depths),
        spreads=spread_table(places),
        comparisons=comparison_table(places),
        pairs=pair_table(places, depths),
        lenses=frame(LENSES, lens_rows(*emotion, depths) if emotion else ()),
        predictions=frame(PREDICTIONS, prediction_rows(*emotion, depths) if emotion else ()),
        stability=frame(STABILITY, redrawn_rows(places[EMOTION], again) if emotion else ()),
        setting=frame(SETTING, setting),
    )


def _n(task: MeasuredTask, measure: str) -> int:
    """Number of texts that a measure uses."""
    return len(task.edited) if measure.startswith("effect") else len(task.report)


def _places(task: MeasuredTask, measured: Measured) -> Places:
    n = {name: _n(task, name) for _, _, name in measured.profiles}
    return Places.of(measured.profiles, n, measured.undefined)


def _profile(depths: Floats, tasks: Mapping[str, MeasuredTask], measured: Mapping[str, Measured]) -> pd.DataFrame:
    rows = [
        {
            "condition": condition,
            "task": name,
            "where": where,
            "measure": of,
            "depth": depths[i],
            "value": from_draws(draws[:, i], n),
            "n": n,
        }
        for name, of_task in measured.items()
        for (condition, where, of), draws in of_task.profiles.items()
        for n in [_n(tasks[name], of)]
        for i in range(len(depths))
    ]
    return frame(PROFILE, rows)
