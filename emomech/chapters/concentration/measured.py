"""Every quantity of the multiverse, measured on a model: from ablation, and from the screen of single effects.

Ablations of all hook points are replayed from one recorded pass over the texts of a label, and the same set of features
is ablated once, even if it occurs in several specifications.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from emomech.causal.concentration import FeaturesByLabel, effective_number, features_to
from emomech.causal.dictionary import Dictionary, Style
from emomech.causal.feature_selection import FeatureScreen, TextSupport
from emomech.causal.logit_attribution import written_labels
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample
from emomech.chapters.concentration.specifications import (
    COUNT,
    EVERY,
    EVERYWHERE,
    HALF,
    MEAN,
    MOST,
    SILENT,
    SUMMED,
    ZERO,
    Measured,
    Quantity,
)
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.stats.estimates import Floats

STYLES: Mapping[str, Style] = {MEAN: "mean", ZERO: "zero"}
Sets = Mapping[tuple[str, str], FeaturesByLabel]
"""Ranked features of each label by place and by which features count."""


def place_of(point: HookPoint) -> str:
    """Name a hook point briefly.

    Example:
        >>> from emomech.chapters.concentration.measured import place_of
        >>> from emomech.core.hook_points import HookPoint
        >>> place_of(HookPoint(0, "resid_pre")), place_of(HookPoint(3)), place_of(HookPoint(3, "mlp_out"))
        ('embedding', 'block 3', 'block 3, mlp_out')
    """
    if point.site in ("resid_pre", "resid_post"):
        depth = point.resid_index()
        return f"block {depth - 1}" if depth else "embedding"
    return f"block {point.layer}, {point.site}"


def by_place(screen: FeatureScreen, points: Sequence[HookPoint]) -> Mapping[str, FeaturesByLabel]:
    """Ranked features of each label at each hook point, and at all of them together."""
    return {place_of(point): screen.by_label(point) for point in points} | {EVERYWHERE: screen.by_label()}


def with_silent(found: Mapping[str, FeaturesByLabel], dictionary: Dictionary, questions: Questions) -> Sets:
    """Add the sets without features that write a label."""
    every = list(dict.fromkeys(f for labels in found.values() for ranked in labels for f in ranked))
    words = written_labels(questions, dictionary.saes, every) if every else []
    writes = {feature for feature, word in zip(every, words, strict=True) if word}
    sets: dict[tuple[str, str], FeaturesByLabel] = {}
    for place, labels in found.items():
        sets[place, EVERY] = labels
        sets[place, SILENT] = [[f for f in ranked if f not in writes] for ranked in labels]
    return sets


def combined(*parts: Mapping[Quantity, Floats]) -> Measured:
    """Join quantities by name."""
    every = {quantity: values for part in parts for quantity, values in part.items()}
    return Measured(tuple(every), np.stack(list(every.values())))


def ablated(
    sample: Sample, dictionary: Dictionary, sets: Sets, estimators: Sequence[str] = (MEAN,)
) -> dict[Quantity, Floats]:
    """Fall of the log-odds, in nats, when all features of a label are ablated together (draw, label)."""
    values = {
        Quantity(place, estimator, features): np.zeros_like(sample.recall)
        for place, features in sets
        for estimator in estimators
    }
    for label in range(len(sample.labels)):
        rows = sample.rows(label)
        keys = [(tuple(of_labels[label]), e) for of_labels in sets.values() for e in estimators if of_labels[label]]
        distinct = list(dict.fromkeys(keys))
        edits = [dictionary.ablate(chosen, STYLES[estimator]) for chosen, estimator in distinct]
        falls = sample.mean_draws(sample.take(rows).losses(edits), rows)
        column = {key: falls[:, i] for i, key in enumerate(distinct)}
        for (place, features), of_labels in sets.items():
            for estimator in estimators if of_labels[label] else ():
                key = (tuple(of_labels[label]), estimator)
                values[Quantity(place, estimator, features)][:, label] = column[key]
    return values


def summed(sample: Sample, support: TextSupport, sets: Sets) -> dict[Quantity, Floats]:
    """Sum of what the features lose one by one, to first order, in nats (draw, label)."""
    return screen_estimates(sample, support, sets, (SUMMED,))


def counted(sample: Sample, support: TextSupport, sets: Sets) -> dict[Quantity, Floats]:
    """How many features a label is spread over, by three counts (draw, label).

    The count is 0 if the label has no features. It is NaN if the features together support nothing.
    """
    return screen_estimates(sample, support, sets, (COUNT, HALF, MOST))


def screen_estimates(
    sample: Sample, support: TextSupport, sets: Sets, estimators: Sequence[str]
) -> dict[Quantity, Floats]:
    """Estimators that follow from the support of single features (draw, label)."""
    shape = (len(sample.weights), len(sample.labels))
    values: dict[Quantity, Floats] = {
        Quantity(place, e, features): np.zeros(shape) for place, features in sets for e in estimators
    }
    for label in range(shape[1]):
        rows = sample.rows(label)
        known: dict[tuple[FeatureId, ...], Mapping[str, Floats]] = {}
        for (place, features), of_labels in sets.items():
            if not (ranked := tuple(of_labels[label])):
                continue
            if ranked not in known:
                clusters = [sample.questions.clusters[i] for i in rows]
                of_label = np.stack([support[f.point][rows, f.index] for f in ranked], 1)
                known[ranked] = screened(of_label, clusters, sample.weights[:, rows], estimators)
            for e in estimators:
                values[Quantity(place, e, features)][:, label] = known[ranked][e]
    return values


def screened(support: Floats, clusters: Sequence[str], weights: Floats, estimators: Sequence[str]) -> dict[str, Floats]:
    """Estimators of a label from the support of its ranked features (text, feature), in each draw of the weights."""
    made: dict[str, Floats] = {}
    if SUMMED in estimators:
        made[SUMMED] = (weights @ support.sum(1)) / np.maximum(weights.sum(1), 1)
    if COUNT in estimators:
        made[COUNT] = effective_number(support, clusters, weights)
        curve = np.cumsum(weights @ support, axis=1)
        sizes = range(1, support.shape[1] + 1)
        made |= {name: features_to(curve, sizes, share) for name, share in ((HALF, 0.5), (MOST, 0.9))}
    return made


def measured(sample: Sample, dictionary: Dictionary, support: TextSupport, sets: Sets) -> Measured:
    """Measure the estimators that every control has, too: all but ablation to zero."""
    return combined(
        ablated(sample, dictionary, sets), screen_estimates(sample, support, sets, (SUMMED, COUNT, HALF, MOST))
    )
