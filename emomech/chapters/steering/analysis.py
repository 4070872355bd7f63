"""Does moving causal features make the model better at inferring emotions, and at what cost to its language?

Features are selected on a few labelled texts of the `discover` split, operation and dose on `tune`, and results are
measured on `report`. Doses of single features are also fitted by gradient, with a penalty on their cost for neutral
text. The label of a text never decides how it is steered. A gain may come only from answering some
labels more often. A bias of the logits gives such a gain without steering, so it is the baseline to beat. Every method
gets exactly the same labelled texts, and these texts are drawn again many times.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from emomech.causal.steering.dose_response import DoseResponse
from emomech.causal.steering.experiment import FEATURES, SIZES, Experiment, MethodResult
from emomech.causal.steering.recognition import Texts
from emomech.causal.steering.redraws import right_once, right_over_draws
from emomech.chapters.stability import STABILITY
from emomech.chapters.steering import cost, evidence, rows
from emomech.chapters.steering.tables import (
    CHOSEN,
    CONTROL_TASKS,
    DIFFERENCES,
    EFFICIENCY,
    EMOTIONS,
    FITS,
    FITTED,
    ITEMS,
    LANGUAGE,
    LEADS,
    METHODS,
    RESPONSE,
    SETTING,
    SHARES,
    STEERABILITY,
    TRENDS,
    TRIALS,
    TURNED,
)
from emomech.core.errors import UsageError
from emomech.stats.paired_answers import showable_rise
from emomech.stats.tables import Row, filled, frame, schemas
from emomech.study.study import Study

RECOGNITION, LANGUAGE_MODELLING = "recognition", "language modelling"


@dataclass(frozen=True)
class Steering:
    """What steering gains, what the same labelled texts gain without it, and what steering costs."""

    setting: Annotated[pd.DataFrame, SETTING]
    methods: Annotated[pd.DataFrame, METHODS]
    differences: Annotated[pd.DataFrame, DIFFERENCES]
    leads: Annotated[pd.DataFrame, LEADS]
    stability: Annotated[pd.DataFrame, STABILITY]
    shares: Annotated[pd.DataFrame, SHARES]
    trends: Annotated[pd.DataFrame, TRENDS]
    response: Annotated[pd.DataFrame, RESPONSE]
    steerability: Annotated[pd.DataFrame, STEERABILITY]
    emotions: Annotated[pd.DataFrame, EMOTIONS]
    items: Annotated[pd.DataFrame, ITEMS]
    trials: Annotated[pd.DataFrame, TRIALS]
    fits: Annotated[pd.DataFrame, FITS]
    fitted: Annotated[pd.DataFrame, FITTED]
    turned: Annotated[pd.DataFrame, TURNED]
    language: Annotated[pd.DataFrame, LANGUAGE]
    control_tasks: Annotated[pd.DataFrame, CONTROL_TASKS]
    efficiency: Annotated[pd.DataFrame, EFFICIENCY]
    chosen: Annotated[pd.DataFrame, CHOSEN]


def steering(
    study: Study,
    *,
    n_labelled: int = 5,
    n_features: int = 5,
    n_tune: int = 20,
    n_report: int = 40,
    n_resamples: int = 1000,
    n_label_draws: int = 20,
) -> Steering:
    """Steer with `n_features` features of each emotion, selected on `n_labelled` texts of each.

    Doses are chosen on `n_tune` texts of each emotion, results are measured on `n_report` of each. The labelled texts
    are drawn `n_label_draws` times. If a gain could not be shown, all tables except `setting` are empty.
    """
    try:
        texts = Texts.of(study, max(*SIZES, n_labelled), n_tune, n_report, n_resamples)
    except UsageError as error:
        return _tables([_recognition(study, str(error))])
    if reason := texts.untested():
        return _tables([_recognition(study, reason, texts)])
    experiment = Experiment(study, texts, n_labelled, n_features, n_label_draws)
    source, language = cost.language(study, experiment)
    setting = [
        _recognition(study, "", texts),
        _language_modelling(experiment, source, language[0]["n"] if language else 0),
    ]
    results = experiment.methods()
    return _tables(
        setting,
        methods=rows.methods(texts, results),
        differences=rows.differences(results),
        emotions=rows.emotions(results, texts.report.labels),
        items=rows.items(results, texts.report.questions.examples),
        trials=rows.trials(experiment),
        fits=cost.fits(study, experiment),
        fitted=rows.fitted(experiment),
        turned=rows.turned(results, texts.report.labels),
        language=language,
        control_tasks=cost.control_tasks(study, experiment),
        efficiency=rows.efficiency(experiment),
        chosen=rows.chosen(experiment),
        **_evidence(experiment, results),
    )


def _evidence(experiment: Experiment, results: Sequence[MethodResult]) -> Mapping[str, Iterable[Row]]:
    """Rows of the tables that decide, by table."""
    report, response = experiment.texts.report, DoseResponse.of(experiment)
    drawn = right_over_draws(experiment, results)
    redrawn = {**drawn, evidence.NONE: report.right[None]}
    own = drawn[FEATURES][0]
    return {
        "leads": evidence.leads(report.gold, {**redrawn, **right_once(results)}, report.resamples, report.seed),
        "stability": evidence.leads_by_draw(report.gold, redrawn),
        "shares": evidence.shares(report.right, own, response),
        "trends": evidence.trends(response),
        "response": evidence.responses(response),
        "steerability": evidence.steerability(response, report.right),
    }


def _tables(setting: Iterable[Row], **others: Iterable[Row]) -> Steering:
    """Make the tables from their rows; a table without rows is empty."""
    known, tables = schemas(Steering), {"setting": setting, **others}
    return filled(Steering, **{name: frame(known[name], of_table) for name, of_table in tables.items()})


def _recognition(study: Study, untested: str, texts: Texts | None = None) -> Row:
    row = {"part": RECOGNITION, "texts": study.corpus.name, "n": 0, "wrong": 0, "untested": untested}
    if texts is None or not len(texts.report):
        return row
    score = texts.report.balanced_accuracy
    room = {"wrong": texts.n_wrong, "showable": showable_rise(texts.n_wrong, len(texts.report))}
    return {**row, "balanced_accuracy": score, "chance": 1 / len(texts.report.labels), "n": score.n, **room}


def _language_modelling(experiment: Experiment, source: str, n: object) -> Row:
    none = "the best dose is 0, because no other dose that was tried raises accuracy"
    untested = "" if experiment.chosen.dose else none
    return {"part": LANGUAGE_MODELLING, "texts": source, "n": n, "wrong": 0, "untested": untested}
