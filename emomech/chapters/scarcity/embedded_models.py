"""Embedded models with different shares of an emotion: open them, select their features, and group them by share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from emomech.causal.concentration import SelectedFeatures
from emomech.causal.feature_selection import draw_questions
from emomech.causal.sample import Sample
from emomech.core.hook_points import HookPoint
from emomech.organism import records
from emomech.presets import lookup
from emomech.study.spec import AUTO
from emomech.study.study import Study

MIN_SEEDS = 2
"""Fewest models of a group that is compared."""
N_CHOOSE = 12
"""Texts per emotion on which the hook point is chosen."""


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """An embedded model with its training record, and a study of it."""

    name: str
    shares: Mapping[str, float]
    """Emotion -> share of the answers in training."""
    seed: int
    study: Study

    @property
    def scarce(self) -> list[str]:
        """Emotions with less than three quarters of an equal share."""
        return [emotion for emotion, share in self.shares.items() if share < 0.75 / len(self.shares)]


@dataclass(frozen=True)
class Comparison:
    """Names of the models in which an emotion is scarce and frequent, and its share where it is frequent."""

    scarce: Sequence[str]
    frequent: Sequence[str]
    frequent_share: float


Comparisons: TypeAlias = Mapping[tuple[str, float], Comparison]
"""Emotion and its share where it is scarce -> models that are compared."""


def open_model(study: Study, name: str) -> OpenedModel:
    """Open an embedded model with the study's texts. Raises UsageError if its files or its record are missing."""
    (shares, seed), preset = records.shares(name), lookup.model(name)
    sae = AUTO if preset.sae else str(lookup.shipped(preset.path).parent / "saes")
    return OpenedModel(name, shares, seed, study.companion(replace(study.spec, model=name, sae=sae)))


def select_features(model: OpenedModel, n_texts: int, n_resamples: int) -> SelectedFeatures | str:
    """Select the features of each emotion in a model, or return the reason why it cannot be measured."""
    questions = draw_questions(model.study, {"discover": n_texts, "tune": min(N_CHOOSE, n_texts), "report": n_texts})
    if isinstance(questions, str):
        return questions
    sample = Sample.of(questions["report"], n_resamples, model.study.spec.seed)
    if sample.accuracy.low <= 1 / len(sample.labels):
        return "its accuracy on these texts is not above chance"
    return SelectedFeatures.of(model.study, questions, sample)


def common_point(selected: Sequence[SelectedFeatures]) -> HookPoint | None:
    """Hook point at which the features have the largest effect, on average over the models."""
    points = [p for p in (selected[0].totals if selected else {}) if all(p in each.totals for each in selected)]
    return max(points, key=lambda p: float(np.mean([each.totals[p] for each in selected])), default=None)


def rival_of(models: Sequence[OpenedModel], emotion: str) -> str:
    """Emotion that is made scarce in place of the one that the claim is about; empty if there is none."""
    return next((name for model in models for name in model.scarce if name != emotion), "")


def compare_shares(models: Sequence[OpenedModel], emotion: str, rival: str) -> Comparisons:
    """Group the models by emotion and share; only groups with at least `MIN_SEEDS` models are compared."""
    without_rival = [model for model in models if not set(model.scarce) - {emotion}]
    shares = sorted({round(model.shares.get(emotion, 0), 3) for model in without_rival})
    frequent = [model for model in without_rival if shares and round(model.shares[emotion], 3) == shares[-1]]
    comparisons = {}
    for name, candidates in ((emotion, without_rival), (rival, [model for model in models if rival in model.scarce])):
        for share in sorted({round(model.shares.get(name, 0), 3) for model in candidates}):
            scarce = [model.name for model in candidates if round(model.shares[name], 3) == share]
            frequent_share = round(frequent[0].shares[name], 3) if frequent else 0
            if share < frequent_share and min(len(scarce), len(frequent)) >= MIN_SEEDS:
                comparisons[name, share] = Comparison(scarce, [model.name for model in frequent], frequent_share)
    return comparisons
