"""Does moving causal features make the model better at inferring emotions, and at what cost to its language?

Features are selected on a few labelled texts of the `discover` split, operation and dose on `tune`, and results are
measured on `report`. The label of a text never decides how it is steered. A gain may come only from answering some
labels more often. A bias of the logits, fitted on the same labelled texts, gives such a gain without steering, so it is
the baseline to beat.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import pandas as pd

from emomech.causal.steering.experiment import SIZES, Experiment
from emomech.causal.steering.recognition import Texts
from emomech.chapters.steering import rows
from emomech.core.errors import UsageError
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
    emotions: Annotated[pd.DataFrame, EMOTIONS]
    items: Annotated[pd.DataFrame, ITEMS]
    trials: Annotated[pd.DataFrame, TRIALS]
    language: Annotated[pd.DataFrame, LANGUAGE]
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
) -> Steering:
    """Steer with `n_features` features of each emotion, selected on `n_labelled` texts of each.

    Doses are chosen on `n_tune` texts of each emotion, results are measured on `n_report` of each. If a gain could not
    be shown, all tables except `setting` are empty.
    """
    try:
        texts = Texts.of(study, max(*SIZES, n_labelled), n_tune, n_report, n_resamples)
    except UsageError as error:
        return _tables([_recognition(study, str(error))])
    if reason := texts.untested():
        return _tables([_recognition(study, reason, texts)])
    experiment = Experiment(study, texts, n_labelled, n_features)
    source, language = rows.language(study, experiment)
    unsteered = (
        "" if experiment.chosen.dose else "the best dose is 0, because no other dose that was tried raises accuracy"
    )
    cost = {
        "part": LANGUAGE_MODELLING,
        "texts": source,
        "untested": unsteered,
        "n": language[0]["n"] if language else 0,
    }
    results = experiment.methods()
    return _tables(
        [_recognition(study, "", texts), cost],
        methods=rows.methods(texts, results),
        differences=rows.differences(results),
        emotions=rows.emotions(results, texts.report.labels),
        items=rows.items(results, texts.report.questions.examples),
        trials=rows.trials(experiment),
        language=language,
        efficiency=rows.efficiency(experiment),
        chosen=rows.chosen(experiment),
    )


def _tables(setting: Iterable[Row], **others: Iterable[Row]) -> Steering:
    """Make the tables from their rows; a table without rows is empty."""
    known, tables = schemas(Steering), {"setting": setting, **others}
    return filled(Steering, **{name: frame(known[name], of_table) for name, of_table in tables.items()})


def _recognition(study: Study, untested: str, texts: Texts | None = None) -> Row:
    row = {"part": RECOGNITION, "texts": study.corpus.name, "n": 0, "untested": untested}
    if texts is None or not len(texts.report):
        return row
    score = texts.report.balanced_accuracy
    return {**row, "balanced_accuracy": score, "chance": 1 / len(texts.report.labels), "n": score.n}
