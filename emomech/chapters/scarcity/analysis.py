"""Claim C9: is an emotion diffuse because it is rare in training?

Embedded models that differ only in how often one emotion is the answer, with several seeds each, are measured as the
chapter on concentration measures one model: on the same texts, at the one hook point at which the features of all
models have the largest effects on other texts. An emotion is compared between models in which it is scarce and models
in which it is frequent. There are two controls: a rival emotion that is made scarce instead, which separates scarcity
from the emotion itself; and, in the same models, the emotions whose share hardly changes.

Seeds are the independent unit: every draw resamples seeds with replacement and, within them, the texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.concentration import MEASURES, LabelMeasures, SelectedFeatures
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
from emomech.core.errors import UsageError
from emomech.organism import records
from emomech.presets import lookup
from emomech.stats.estimates import Floats, from_draws
from emomech.stats.tables import INTERVAL, Schema, frame
from emomech.study.identity import depends_on
from emomech.study.study import Study

SCARCE, OTHERS, LESS = "the scarce emotion", "the other emotions", "the one less the others"
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
        "measure": _MEASURE,
    },
    values={
        "frequent": "its share of the answers in the models where it is frequent",
        "difference": "mean over the models where it is scarce minus mean over the models where it is frequent",
        **INTERVAL,
        "n": "number of models where it is scarce",
    },
)


@dataclass(frozen=True)
class Scarcity:
    """How the features of an emotion change if it is rare in training."""

    setting: Annotated[pd.DataFrame, SETTING]
    models: Annotated[pd.DataFrame, MODELS]
    values: Annotated[pd.DataFrame, VALUES]
    contrasts: Annotated[pd.DataFrame, CONTRASTS]


@dataclass(frozen=True, eq=False)
class _MeasuredModel:
    """A model and its measures of every emotion at the common hook point."""

    model: OpenedModel
    sample: Sample
    measures: LabelMeasures


@depends_on(state=records.state)
def scarcity(
    study: Study,
    *,
    models: str = ALL_MODELS,
    emotion: str = "disgust",
    n_texts: int = 24,
    n_resamples: int = 1000,
) -> Scarcity:
    """Measure every model that exists on the study's texts; `models` are presets or folders, separated by commas.

    The result depends on the records of all embedded models, so a kept run is stale when one of them is trained again.
    """
    names = lookup.listed(models)
    reasons: dict[str, str] = {}
    selected: list[tuple[OpenedModel, SelectedFeatures]] = []
    for name in names:
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
    measured = [_MeasuredModel(model, f.sample, f.measured(point)) for model, f in selected if point]
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
        contrasts=_contrasts(measured, comparisons, study.spec.seed),
    )


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


def _contrasts(measured: Sequence[_MeasuredModel], comparisons: Comparisons, seed: int) -> pd.DataFrame:
    by_name = {each.model.name: each for each in measured}
    made_scarce = {name for name, _ in comparisons}
    rows = []
    for (emotion, share), comparison in comparisons.items():
        for measure in MEASURES:
            itself, others = [], []
            for names in (comparison.scarce, comparison.frequent):
                values = [by_name[name].measures.values[measure] for name in names]
                labels = by_name[names[0]].sample.labels
                unchanged = [i for i, label in enumerate(labels) if label not in made_scarce]
                itself.append([value[:, labels.index(emotion)] for value in values])
                others.append([_mean(value[:, unchanged]) for value in values])
            change, rest = difference_over_seeds(itself, seed), difference_over_seeds(others, seed)
            for who, draws in ((SCARCE, change), (OTHERS, rest), (LESS, change - rest)):
                keys = {"emotion": emotion, "share": share, "who": who, "measure": measure}
                difference = from_draws(draws, len(comparison.scarce), "posterior")
                shares = {"frequent": comparison.frequent_share}
                rows.append({**keys, **shares, "difference": difference, "n": difference.n})
    return frame(CONTRASTS, rows)


def _mean(values: Floats) -> Floats:
    """Mean over the last axis of the defined values; NaN if none is defined."""
    defined = np.isfinite(values)
    return np.where(defined, values, 0).sum(-1) / np.where(defined.any(-1), defined.sum(-1), np.nan)


def difference_over_seeds(groups: Sequence[Sequence[Floats]], seed: int) -> Floats:
    """Mean over the models of the first group minus that over the second (draw); each model is given by its draws.

    The first draw is the value itself; every other draw resamples models with replacement, and uses their resampled
    texts.

    Example:
        >>> import numpy as np
        >>> from emomech.chapters.scarcity.analysis import difference_over_seeds
        >>> scarce, frequent = [np.array([4.0, 4.5]), np.array([6.0, 5.5])], [np.array([3.0, 3.0])]
        >>> float(difference_over_seeds([scarce, frequent], seed=0)[0])
        2.0
    """
    rng = np.random.default_rng(seed)
    means = []
    for group in groups:
        values = np.stack(group, 1)
        drawn = rng.integers(0, len(group), values.shape)
        drawn[0] = np.arange(len(group))
        means.append(_mean(np.take_along_axis(values, drawn, 1)))
    return means[0] - means[1]
