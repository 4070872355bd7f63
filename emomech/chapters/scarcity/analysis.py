"""Claim C9: is an emotion diffuse because it is rare in training?

Embedded models that differ only in how often one emotion is the answer, several seeds each, are measured as
`concentration` measures one model: on the same texts, at one hook point, the one at which the features of all models do
most on other texts. An emotion is compared between models in which it is scarce and models in which it is
frequent. Two controls: another emotion made scarce in its place, which says whether scarcity does it or
the emotion; and, in the same models, the emotions whose share hardly changes.

Seeds are the unit: every draw takes seeds again, with replacement, and within them the texts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd

from emomech.causal.concentration import MEASURES, Spread, Traced
from emomech.causal.feature_selection import asked
from emomech.causal.sample import Sample, estimate
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.organism import records
from emomech.presets import lookup
from emomech.stats.estimates import Floats
from emomech.stats.tables import INTERVAL, Schema, frame
from emomech.study.spec import AUTO
from emomech.study.study import Study

SCARCE, OTHERS, LESS = "the scarce emotion", "the other emotions", "the one less the others"
MIN_SEEDS = 2
"""Fewer models of a condition than this are not compared."""
N_CHOOSE = 12
"""Texts per emotion on which the hook point is chosen."""
ALL_MODELS = ",".join(
    f"organism-{condition}{seed}"
    for condition in ("disgust02", "disgust05", "disgust18", "anger02")
    for seed in ("", "-seed1", "-seed2")
)
_MEASURE = "effective number of features; how many reach half and nine tenths of the total effect; total effect, in "
_MEASURE += "nats of the log-odds; recall"
SETTING = Schema(
    keys={"emotion": "the emotion that the claim is about"},
    values={
        "rival": "the emotion that is made scarce in its place; empty where none is",
        "hook_point": "where the features of all models are counted",
        "n_models": "models that are measured",
        "n": "texts of each emotion",
        "untested": "why scarcity cannot be tested here; empty if it can",
    },
)
MODELS = Schema(
    keys={"model": "which embedded model"},
    values={
        "scarce": "emotion that has a small share of the answers in training; empty where none has",
        "share": "of the claim's emotion among the answers",
        "seed": "of weights and lessons",
        "accuracy": "balanced accuracy",
        **INTERVAL,
        "n": "texts of each emotion",
        "untested": "why it is not measured; empty if it is",
    },
)
VALUES = Schema(
    keys={"model": "which embedded model", "emotion": "whose texts", "measure": _MEASURE},
    values={
        "share": "of this emotion among the answers in training",
        "value": "the measure's value; undefined for an emotion that the model does not recognise",
        **INTERVAL,
        "n": "texts",
    },
)
CONTRASTS = Schema(
    keys={
        "emotion": "the emotion that is made scarce",
        "share": "its share in the models where it is scarce",
        "who": "that emotion; the others, in the same models; or the difference of the two",
        "measure": _MEASURE,
    },
    values={
        "frequent": "its share in the models that they are compared with",
        "difference": "mean over the models where it is scarce, less the mean over the others",
        **INTERVAL,
        "n": "models where it is scarce",
    },
)


@dataclass(frozen=True)
class Scarcity:
    """What becomes of an emotion's features when it is rare in training."""

    setting: Annotated[pd.DataFrame, SETTING]
    models: Annotated[pd.DataFrame, MODELS]
    values: Annotated[pd.DataFrame, VALUES]
    contrasts: Annotated[pd.DataFrame, CONTRASTS]


@dataclass(frozen=True, eq=False)
class Opened:
    """A model with what its record says, and how it is studied."""

    name: str
    shares: Mapping[str, float]
    """Of each emotion among the answers."""
    seed: int
    study: Study

    @property
    def scarce(self) -> list[str]:
        """Emotions with less than three quarters of an equal share."""
        return [emotion for emotion, share in self.shares.items() if share < 0.75 / len(self.shares)]


def scarcity(
    study: Study,
    *,
    models: str = ALL_MODELS,
    emotion: str = "disgust",
    n_texts: int = 24,
    n_resamples: int = 1000,
    state: str = "",
) -> Scarcity:
    """Measure every model that is there on the study's texts; `models` are presets or folders, separated by commas.

    `state` is `records.state()`, so that a result is made anew when a model is; empty, nothing is made of it.
    """
    if state and state != records.state():
        raise UsageError(f"state {state!r}: is not that of the records that are there, {records.state()!r}.")
    names = lookup.listed(models)
    told: dict[str, str] = {}
    traced: list[tuple[Opened, Traced]] = []
    for name in names:
        try:
            one = opened(study, name)
        except UsageError as error:
            told[name] = str(error)
            continue
        found = _traced(one, n_texts, n_resamples)
        if isinstance(found, str):
            told[name] = found
        else:
            traced.append((one, found))
    point = _common_point([found for _, found in traced])
    measured = [(one, found.sample, found.measured(point)) for one, found in traced if point]
    rival = _rival([one for one, _ in traced], emotion)
    groups = _groups([one for one, _ in traced], emotion, rival)
    setting = (emotion, rival, str(point or ""), len(traced), measured[0][1].n if measured else 0)
    return Scarcity(
        setting=frame(SETTING, [(*setting, _reason(emotion, groups, told))]),
        models=frame(MODELS, _models(names, measured, emotion, told)),
        values=frame(VALUES, _values(measured)),
        contrasts=frame(CONTRASTS, _contrasts(measured, groups, study.spec.seed)),
    )


def opened(study: Study, name: str) -> Opened:
    """Open an embedded model with the study's texts. Raises UsageError where it is not there or has no record."""
    (shares, seed), preset = records.shares(name), lookup.model(name)
    sae = AUTO if preset.sae else str(lookup.shipped(preset.path).parent / "saes")
    other = Study(replace(study.spec, model=name, sae=sae))
    vars(other).update(forced=study.forced)
    return Opened(name, shares, seed, other)


def _traced(one: Opened, n_texts: int, n_resamples: int) -> Traced | str:
    """Find the features of a model, or say why not."""
    questions = asked(one.study, {"discover": n_texts, "tune": min(N_CHOOSE, n_texts), "report": n_texts})
    if isinstance(questions, str):
        return questions
    sample = Sample.of(questions["report"], n_resamples, one.study.spec.seed)
    if sample.accuracy.low <= 1 / len(sample.labels):
        return "its accuracy on these texts is not above chance"
    return Traced.of(one.study, questions, sample)


def _common_point(found: Sequence[Traced]) -> HookPoint | None:
    """Choose the hook point at which the features of all models do most, on average."""
    points = [point for point in (found[0].totals if found else {}) if all(point in one.totals for one in found)]
    return max(points, key=lambda point: float(np.mean([one.totals[point] for one in found])), default=None)


def _rival(models: Sequence[Opened], emotion: str) -> str:
    """Find the emotion that is made scarce in the place of the one that the claim is about."""
    return next((name for one in models for name in one.scarce if name != emotion), "")


_Groups = Mapping[tuple[str, float], tuple[list[str], list[str], float]]
"""Emotion and its share where it is scarce: the models, those in which it is frequent, and its share there."""


def _groups(models: Sequence[Opened], emotion: str, rival: str) -> _Groups:
    own = [one for one in models if not set(one.scarce) - {emotion}]
    shares = sorted({round(one.shares.get(emotion, 0), 3) for one in own})
    frequent = [one for one in own if shares and round(one.shares[emotion], 3) == shares[-1]]
    found = {}
    for name, candidates in ((emotion, own), (rival, [one for one in models if rival in one.scarce])):
        for share in sorted({round(one.shares.get(name, 0), 3) for one in candidates}):
            there = [one.name for one in candidates if round(one.shares[name], 3) == share]
            usual = round(frequent[0].shares[name], 3) if frequent else 0
            if share < usual and min(len(there), len(frequent)) >= MIN_SEEDS:
                found[name, share] = there, [one.name for one in frequent], usual
    return found


def _reason(emotion: str, groups: _Groups, told: Mapping[str, str]) -> str:
    """Say why scarcity cannot be tested; empty where it can."""
    if any(name == emotion for name, _ in groups):
        return ""
    missing = f": {next(iter(told.values()))}" if told else ""
    return f"there are not {MIN_SEEDS} models each in which {emotion} is scarce and frequent{missing}"


_Measured = Sequence[tuple[Opened, Sample, Spread]]


def _models(
    names: Sequence[str], measured: _Measured, emotion: str, told: Mapping[str, str]
) -> Iterator[tuple[object, ...]]:
    known = {one.name: (one, sample) for one, sample, _ in measured}
    for name in dict.fromkeys(names):
        if name in known:
            one, sample = known[name]
            accuracy = sample.accuracy
            scores = (accuracy, sample.n)
            yield name, ", ".join(one.scarce), one.shares.get(emotion, np.nan), one.seed, *scores, ""
        else:
            yield name, "", np.nan, 0, np.nan, np.nan, np.nan, 0, told.get(name, "")


def _values(measured: _Measured) -> Iterator[tuple[object, ...]]:
    for one, sample, found in measured:
        for measure in MEASURES:
            for label, name in enumerate(sample.labels):
                value = estimate(found.values[measure][:, label], sample.n)
                share = one.shares.get(name, np.nan)
                yield one.name, name, measure, share, value, sample.n


def _contrasts(measured: _Measured, groups: _Groups, seed: int) -> Iterator[tuple[object, ...]]:
    by_name = {one.name: (sample.labels, found) for one, sample, found in measured}
    made_scarce = {name for name, _ in groups}
    for (emotion, share), (scarce, usual, frequent) in groups.items():
        for measure in MEASURES:
            itself, others = [], []
            for names in (scarce, usual):
                values = [by_name[name][1].values[measure] for name in names]
                labels = by_name[names[0]][0]
                rest = [i for i, label in enumerate(labels) if label not in made_scarce]
                itself.append([value[:, labels.index(emotion)] for value in values])
                others.append([_mean(value[:, rest]) for value in values])
            own, rest = difference_over_seeds(itself, seed), difference_over_seeds(others, seed)
            for who, draws in ((SCARCE, own), (OTHERS, rest), (LESS, own - rest)):
                value = estimate(draws, len(scarce))
                yield emotion, share, who, measure, frequent, value, value.n


def _mean(values: Floats) -> Floats:
    """Mean over the last axis of what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    return np.where(defined, values, 0).sum(-1) / np.where(defined.any(-1), defined.sum(-1), np.nan)


def difference_over_seeds(groups: Sequence[Sequence[Floats]], seed: int) -> Floats:
    """Mean over the first group's models less that over the second's (draw), each model given by its draws.

    The first draw is the value itself; every other takes models again, with replacement, and their texts as drawn.
    """
    rng = np.random.default_rng(seed)
    means = []
    for group in groups:
        values = np.stack(group, 1)
        taken = rng.integers(0, len(group), values.shape)
        taken[0] = np.arange(len(group))
        means.append(_mean(np.take_along_axis(values, taken, 1)))
    return means[0] - means[1]
