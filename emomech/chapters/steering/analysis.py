"""Does moving causal features make the model better at inferring emotions, and at what cost to its language?

Features are selected on a few labelled texts of the `discover` split, operation and dose on `tune`, and results are
measured on `report`. The label of a text never decides how it is steered. A gain may come only from answering some
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
from emomech.core.errors import UsageError
from emomech.stats.paired_answers import showable_rise
from emomech.stats.tables import INTERVAL, Row, Schema, filled, frame, schemas
from emomech.study.study import Study

RECOGNITION, LANGUAGE_MODELLING = "recognition", "language modelling"
_FLIPS = {
    "put_right": "texts that were wrong and become right",
    "put_wrong": "texts that were right and become wrong",
}
_DISPLACED = "distance that activations are moved, as a share of their norm: mean over tokens and hook points"
SETTING = Schema(
    keys={"part": "question that is asked of steering"},
    values={
        "texts": "texts that it is measured on",
        "balanced_accuracy": "balanced accuracy of the unedited model",
        **INTERVAL,
        "chance": "balanced accuracy of guessing",
        "n": "texts",
        "wrong": "texts that the unedited model gets wrong",
        "showable": "smallest rise that could be shown with a chance of 80 %, if no text were made wrong",
        "untested": "why it cannot be tested here; empty if it can",
    },
)
METHODS = Schema(
    keys={"method": "the method"},
    values={
        "operation": "what the method does",
        "positions": "tokens that it applies to",
        "dose": "dose that was chosen on the tune split",
        "displacement": _DISPLACED,
        "balanced_accuracy": "balanced accuracy with the method",
        **INTERVAL,
        "macro_f1": "macro-F1 with the method",
        "f1_low": "lower end of its 95 % interval",
        "f1_high": "upper end of its 95 % interval",
        **_FLIPS,
        "p": "p-value of the exact McNemar test that equally many texts become right and wrong",
        "n": "texts",
        "untested": "why it cannot be tested here; empty if it can",
    },
)
DIFFERENCES = Schema(
    keys={
        "method": "the method",
        "versus": "the method it is compared with",
        "measure": "balanced accuracy or macro-F1",
    },
    values={"difference": "difference of the gains, on the same texts", **INTERVAL, "n": "texts"},
)
LEADS = Schema(
    keys={"versus": "the method that the causal features are compared with"},
    values={
        "lead": "rise of balanced accuracy beyond it, mean over draws of the labelled texts",
        **INTERVAL,
        "draws": "draws of the labelled texts",
        "n": "texts",
    },
)
SHARES = Schema(
    keys={"quantity": "what is counted"},
    values={"share": "share less one half, with its exact interval", **INTERVAL, "n": "texts that count"},
)
TRENDS = Schema(
    keys={"side": "whether the features are turned down or up from no steering"},
    values={
        "trend": "slope of the log-odds of the own label per step of half the dose, in nats",
        **INTERVAL,
        "n": "texts",
    },
)
RESPONSE = Schema(
    keys={"dose": "dose in peaks; negative doses turn the features down"},
    values={
        "log_odds": "rise of the log-odds of the own label, in nats",
        **INTERVAL,
        "gain": "rise of accuracy",
        "n": "texts",
    },
)
STEERABILITY = Schema(
    keys={"text": "number of the reported text"},
    values={
        "slope": "slope of the log-odds of its own label over the doses, in nats per step",
        "right": "whether it is right without steering",
    },
)
EMOTIONS = Schema(
    keys={"method": "the method", "emotion": "gold emotion"},
    values={
        "recall": "recall of the unedited model",
        "change": "rise of recall",
        **INTERVAL,
        "said_before": "share of all texts that the unedited model gives this emotion",
        "said_after": "the same share with the method",
        "n": "texts",
    },
)
ITEMS = Schema(
    keys={
        "method": "the method",
        "breakdown": "property by which the texts are divided",
        "group": "value of this property",
    },
    values={
        "accuracy": "accuracy of the unedited model",
        "change": "rise of accuracy",
        **INTERVAL,
        **_FLIPS,
        "n": "texts",
    },
)
TRIALS = Schema(
    keys={"operation": "how the features are moved", "trial": "number of the trial"},
    values={
        "dose": "largest dose of any emotion's features, in peaks",
        "displacement": _DISPLACED,
        "tune_accuracy": "balanced accuracy on the texts that choose the dose; not a result",
        "chosen": "whether it is the best of its operation",
        "gain": "rise of balanced accuracy on the reported texts, of the chosen trials",
        **INTERVAL,
    },
)
LANGUAGE = Schema(
    keys={"units": "the features that are moved", "dose": "dose in peaks of a feature"},
    values={
        "displacement": _DISPLACED,
        "loss": "rise of the next-token loss on neutral text, relative",
        **INTERVAL,
        "kl": "Kullback-Leibler divergence of the predictions from the unsteered model's, nats per token",
        "agreement": "share of tokens with the same likeliest next token",
        "gain": "rise of balanced accuracy on the reported texts",
        "gain_low": "lower end of its 95 % interval",
        "gain_high": "upper end of its 95 % interval",
        "chosen": "whether it is the dose that was chosen",
        "n": "neutral texts",
    },
)
CONTROL_TASKS = Schema(
    keys={"task": "control task", "dose": "dose in peaks of a feature"},
    values={
        "accuracy": "accuracy without steering",
        "lost": "balanced accuracy lost by steering",
        **INTERVAL,
        "chosen": "whether it is the dose that was chosen",
        "n": "texts of the task",
    },
)
EFFICIENCY = Schema(
    keys={"method": "the method", "n_labelled": "labelled texts of each emotion"},
    values={
        "dose": "dose that was chosen on the tune split",
        "gain": "rise of balanced accuracy",
        **INTERVAL,
        "n": "texts",
    },
)
CHOSEN = Schema(
    keys={"emotion": "emotion that the feature supports", "rank": "place by its support"},
    values={
        "hook_point": "hook point of the SAE",
        "feature": "number of the feature",
        "support": "estimated loss of log-odds without it, in nats",
        "peak": "largest value of the feature",
    },
)


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
    experiment = Experiment(study, texts, n_labelled, n_features)
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
        language=language,
        control_tasks=cost.control_tasks(study, experiment),
        efficiency=rows.efficiency(experiment),
        chosen=rows.chosen(experiment),
        **_evidence(experiment, results, n_label_draws),
    )


def _evidence(experiment: Experiment, results: Sequence[MethodResult], n_draws: int) -> Mapping[str, Iterable[Row]]:
    """Rows of the tables that decide, by table."""
    report, response = experiment.texts.report, DoseResponse.of(experiment)
    drawn = right_over_draws(experiment, results, n_draws)
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
