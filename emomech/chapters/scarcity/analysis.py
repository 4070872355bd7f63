"""Claim C9: is an emotion diffuse because it is rare in training?

Embedded models that differ only in how often one emotion is the answer, with several seeds each, are measured as the
chapter on concentration measures one model: on the same texts, at the one hook point at which the features of all
models have the largest effects on other texts. An emotion is compared between models in which it is scarce and models
in which it is frequent. There are two controls: a rival emotion that is made scarce instead, which separates scarcity
from the emotion itself; and, in the same models, the emotions whose share hardly changes.

Seeds are the independent unit: models are paired by seed, and intervals are Student's t over the pairs (`seeds`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.concentration import EFFECTIVE, MEASURES, LabelMeasures, Resplit, SelectedFeatures
from emomech.causal.sample import Sample
from emomech.chapters.scarcity.embedded_models import (
    MIN_SEEDS,
    Comparisons,
    OpenedModel,
    common_point,
    compare_shares,
    open_model,
    rival_of,
    select_features,
)
from emomech.chapters.scarcity.seeds import EMOTION, RIVAL, SeedValues, contrast_rows, deciding
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.core import progress
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.organism import records
from emomech.presets import lookup
from emomech.stats.estimates import Floats, from_draws
from emomech.stats.tables import INTERVAL, Row, Schema, frame
from emomech.study.identity import depends_on
from emomech.study.study import Study

ALL_MODELS = ",".join(
    f"organism-{condition}{seed}"
    for condition in ("disgust02", "disgust05", "disgust18", "anger02")
    for seed in ("", "-seed1", "-seed2")
)
_MEASURE = (
    "effective number of features; number of features that reach half and nine tenths of the total effect; total "
)
_MEASURE += "effect, in nats of the log-odds; or recall"
SETTING = Schema(
    keys={"emotion": "emotion that the claim is about"},
    values={
        "rival": "emotion that is made scarce instead; empty if there is none",
        "hook_point": "place in the model at which the features of all models are counted",
        "n_models": "number of models that are measured",
        "n": "number of texts of each emotion",
        "untested": "why the claim cannot be tested; empty if it can",
    },
)
MODELS = Schema(
    keys={"model": "embedded model"},
    values={
        "scarce": "emotion that has a small share of the answers in training; empty if there is none",
        "share": "share of the claim's emotion among the answers in training",
        "seed": "seed of the weights and of the training texts",
        "accuracy": "balanced accuracy",
        **INTERVAL,
        "n": "number of texts of each emotion",
        "untested": "why the model is not measured; empty if it is",
    },
)
VALUES = Schema(
    keys={"model": "embedded model", "emotion": "emotion of the texts", "measure": _MEASURE},
    values={
        "share": "share of this emotion among the answers in training",
        "value": "value of the measure; undefined for an emotion that the model does not recognise",
        **INTERVAL,
        "n": "number of texts",
    },
)
CONTRASTS = Schema(
    keys={
        "emotion": "emotion that is made scarce",
        "share": "its share of the answers in the models where it is scarce",
        "who": "this emotion; the other emotions in the same models; or the first minus the second",
        "measure": f"{_MEASURE}; or the logarithm of the effective number",
    },
    values={
        "frequent": "its share of the answers in the models where it is frequent",
        "difference": "value where it is scarce minus value where it is frequent, mean over seeds",
        **INTERVAL,
        "n": "number of seeds, each with a model where it is scarce and one where it is frequent",
    },
)


@dataclass(frozen=True)
class Scarcity:
    """How the features of an emotion change if it is rare in training."""

    setting: Annotated[pd.DataFrame, SETTING]
    models: Annotated[pd.DataFrame, MODELS]
    values: Annotated[pd.DataFrame, VALUES]
    contrasts: Annotated[pd.DataFrame, CONTRASTS]
    stability: Annotated[pd.DataFrame, STABILITY]


@dataclass(frozen=True, eq=False)
class _MeasuredModel:
    """A model and its measures of every emotion at the common hook point."""

    model: OpenedModel
    sample: Sample
    measures: LabelMeasures
    again: Sequence[Floats]
    """Effective number of every emotion (label) on other splits of the texts."""

    def seeds(self, draw: int = 0) -> SeedValues:
        """The values on the study's texts, or, for a draw above 0, the effective numbers on another split."""
        if draw:
            return SeedValues(self.model.seed, {EFFECTIVE: self.again[draw - 1]})
        return SeedValues(self.model.seed, {name: values[0] for name, values in self.measures.values.items()})


@depends_on(state=records.state)
def scarcity(
    study: Study,
    *,
    models: str = ALL_MODELS,
    emotion: str = "disgust",
    n_texts: int = 24,
    n_resamples: int = 1000,
    n_draws: int = 5,
) -> Scarcity:
    """Measure every model that exists on the study's texts; `models` are presets or folders, separated by commas.

    `n_draws` is the number of splits of the texts on which a direction has to hold; 1: only the study's own.

    The result depends on the records of all embedded models, so a kept run is stale when one of them is trained again.
    """
    names = lookup.listed(models)
    reasons: dict[str, str] = {}
    selected: list[tuple[OpenedModel, SelectedFeatures]] = []
    for name in progress.counted(names, "studying models", "model"):
        try:
            model = open_model(study, name)
        except UsageError as error:
            reasons[name] = str(error)
            continue
        features = select_features(model, n_texts, n_resamples)
        if isinstance(features, str):
            reasons[name] = features
        else:
            selected.append((model, features))
    point = common_point([features for _, features in selected])
    measured = [
        _measured(model, found, point, n_draws)
        for model, found in progress.counted(selected, "measuring models", "model")
        if point
    ]
    opened = [model for model, _ in selected]
    rival = rival_of(opened, emotion)
    comparisons = compare_shares(opened, emotion, rival)
    setting = {
        "emotion": emotion,
        "rival": rival,
        "hook_point": str(point or ""),
        "n_models": len(selected),
        "n": measured[0].sample.n if measured else 0,
        "untested": _untested(emotion, comparisons, reasons),
    }
    return Scarcity(
        setting=frame(SETTING, [setting]),
        models=_models(names, measured, emotion, reasons),
        values=_values(measured),
        contrasts=frame(CONTRASTS, _contrasts(measured, comparisons)),
        stability=frame(STABILITY, _stability(measured, comparisons, {emotion: EMOTION, rival: RIVAL}, n_draws)),
    )


def _measured(model: OpenedModel, selected: SelectedFeatures, point: HookPoint, n_draws: int) -> _MeasuredModel:
    """Measure a model at the common hook point, on the study's texts and on other splits of them."""
    blank = np.where(selected.sample.recognised, 0.0, np.nan)
    again = [Resplit.of(selected, draw).effective_numbers(point) + blank for draw in range(n_draws - 1)]
    return _MeasuredModel(model, selected.sample, selected.measured(point), again)


def _untested(emotion: str, comparisons: Comparisons, reasons: Mapping[str, str]) -> str:
    """Why scarcity cannot be tested; empty if it can."""
    if any(name == emotion for name, _ in comparisons):
        return ""
    missing = f": {next(iter(reasons.values()))}" if reasons else ""
    return f"{MIN_SEEDS} models with scarce {emotion} and {MIN_SEEDS} with frequent {emotion} are needed{missing}"


def _models(
    names: Sequence[str], measured: Sequence[_MeasuredModel], emotion: str, reasons: Mapping[str, str]
) -> pd.DataFrame:
    by_name = {each.model.name: each for each in measured}
    rows = []
    for name in dict.fromkeys(names):
        if name not in by_name:
            rows.append({"model": name, "scarce": "", "seed": 0, "n": 0, "untested": reasons.get(name, "")})
            continue
        model, sample = by_name[name].model, by_name[name].sample
        rows.append(
            {
                "model": name,
                "scarce": ", ".join(model.scarce),
                "share": model.shares.get(emotion, np.nan),
                "seed": model.seed,
                "accuracy": sample.accuracy,
                "n": sample.n,
                "untested": "",
            }
        )
    return frame(MODELS, rows)


def _values(measured: Sequence[_MeasuredModel]) -> pd.DataFrame:
    rows = [
        {
            "model": each.model.name,
            "emotion": emotion,
            "measure": measure,
            "share": each.model.shares.get(emotion, np.nan),
            "value": from_draws(each.measures.values[measure][:, label], each.sample.n, "posterior"),
            "n": each.sample.n,
        }
        for each in measured
        for measure in MEASURES
        for label, emotion in enumerate(each.sample.labels)
    ]
    return frame(VALUES, rows)


def _contrasts(measured: Sequence[_MeasuredModel], comparisons: Comparisons, draw: int = 0) -> Iterator[Row]:
    if measured:
        models = {each.model.name: each.seeds(draw) for each in measured}
        yield from contrast_rows(models, comparisons, measured[0].sample.labels)


def _stability(
    measured: Sequence[_MeasuredModel], comparisons: Comparisons, roles: Mapping[str, str], n_draws: int
) -> Iterator[Row]:
    """The changes that decide, on the study's texts and on other splits of them."""
    values: dict[str, list[float]] = {}
    for draw in range(n_draws):
        for name, estimate in deciding(_contrasts(measured, comparisons, draw), roles).items():
            values.setdefault(name, []).append(estimate.value)
    yield from stability_rows(values)
