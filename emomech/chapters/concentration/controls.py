"""The controls of claim C3, each measured as the emotions' features are, at every second hook point and all together.

Controls are measured on fewer texts than the features; a difference between the two uses the same resamples, so the
texts that both have in common are paired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from emomech.causal.concentration import SelectedFeatures
from emomech.causal.dictionary import Dictionary
from emomech.causal.feature_selection import FeatureScreen, text_support, with_deranged_labels
from emomech.causal.feature_stats import matched
from emomech.causal.questions import Questions
from emomech.causal.sample import Sample
from emomech.chapters.concentration.measured import (
    Sets,
    ablated,
    by_place,
    combined,
    counted,
    measured,
    place_of,
    summed,
    with_silent,
)
from emomech.chapters.concentration.specifications import MATCHED, RANDOM, SHUFFLED, Controls, Measured
from emomech.chapters.conditions import SECOND_SAES
from emomech.core import progress
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import randomised
from emomech.saes.controls import random_like
from emomech.saes.sae import Sae
from emomech.stats.estimates import Ints
from emomech.study.study import Study

N_TEXTS = 12
"""Texts per emotion on which controls are measured."""
N_SHUFFLES = 5
"""Derangements of the labels; each has to be beaten."""


@dataclass(frozen=True, eq=False)
class _Setup:
    """What the controls are made from."""

    selected: SelectedFeatures
    points: Sequence[HookPoint]
    """Hook points of the controls."""
    sets: Sets
    """The emotions' features, at all hook points."""
    sample: Sample
    """The texts on which controls are measured."""
    rows: Ints
    """Their numbers among the texts of the sample."""
    seed: int


def controls(study: Study, selected: SelectedFeatures, sets: Sets) -> tuple[Controls, Mapping[str, Measured]]:
    """Measure all controls of the study, and its other SAEs by name."""
    every = list(selected.dictionary.saes)
    rows = first_rows(selected.sample, N_TEXTS)
    setup = _Setup(selected, every[::2], sets, selected.sample.take(rows), rows, study.spec.seed)
    made: dict[str, Mapping[str, Measured]] = {
        SHUFFLED: {
            f"shuffle {i + 1}": _shuffled(setup, study.spec.seed + i)
            for i in progress.counted(range(N_SHUFFLES), "permuting labels", "draw")
        },
        MATCHED: {"": _matched(setup)},
        RANDOM: {"": _random(setup)},
    }
    for name, saes in study.control_saes.items():
        made[name] = {"": _other(setup, saes)}
    known = selected.sample.recognised
    of_model = {
        name: {m: v if name == RANDOM else v.recognised(known) for m, v in of.items()} for name, of in made.items()
    }
    others = {SECOND_SAES: _other(setup, study.other_saes).recognised(known)} if study.other_saes else {}
    return of_model, others


def first_rows(sample: Sample, n: int) -> Ints:
    """Numbers of the first n texts of each label, in order."""
    return np.sort(np.concatenate([sample.rows(label)[:n] for label in range(len(sample.labels))]))


def _shuffled(setup: _Setup, seed: int) -> Measured:
    """Measure the features that are selected for deranged labels.

    What they carry is measured on texts with their own labels. Their number is counted on texts with deranged labels,
    because on their own labels the features support nothing that could be counted.
    """
    selected, sample = setup.selected, setup.sample
    dictionary = _at(selected.dictionary, setup.points)
    screen = FeatureScreen.of(dictionary, with_deranged_labels(selected.discover, seed))
    sets = with_silent(by_place(screen, setup.points), dictionary, selected.discover)
    support = {point: selected.support[point][setup.rows] for point in setup.points}
    other_labels = replace(sample, questions=with_deranged_labels(sample.questions, seed))
    own = text_support(dictionary, other_labels.questions)
    return combined(ablated(sample, dictionary, sets), summed(sample, support, sets), counted(other_labels, own, sets))


def _matched(setup: _Setup) -> Measured:
    """Measure what features that fire as often and as strongly carry, at single hook points.

    They support nothing, so there is no number of them to count.
    """
    stats, seed = setup.selected.dictionary.stats, setup.seed
    names = {place_of(point) for point in setup.points}
    sets = {
        key: [matched(ranked, stats, seed) for ranked in labels]
        for key, labels in setup.sets.items()
        if key[0] in names
    }
    support = {point: setup.selected.support[point][setup.rows] for point in setup.points}
    falls = ablated(setup.sample, setup.selected.dictionary, sets)
    return combined(falls, summed(setup.sample, support, sets))


def _random(setup: _Setup) -> Measured:
    """Measure random directions, of the same size and sparsity, in a network with random weights."""
    lm = randomised(setup.sample.questions.lm, setup.seed)
    discover, trained = setup.selected.discover.on(lm), setup.selected.dictionary
    activations = discover.activations(setup.points)
    saes = {
        point: random_like(trained.saes[point], x, setup.seed, l0=float(trained.stats[point].fires.sum()))
        for point, x in activations.items()
    }
    return _screened(setup.sample.on(lm), discover, saes, setup.seed)


def _other(setup: _Setup, saes: Mapping[HookPoint, Sae]) -> Measured:
    """Measure the features of other SAEs of the same model."""
    points = [point for point in setup.points if point in saes]
    of_points = {point: saes[point] for point in points}
    return _screened(setup.sample, setup.selected.discover, of_points, setup.seed)


def _screened(sample: Sample, discover: Questions, saes: Mapping[HookPoint, Sae], seed: int) -> Measured:
    """Select the features of SAEs on some texts, and measure them on the sample."""
    dictionary = Dictionary.of(discover, saes, seed)
    screen = FeatureScreen.of(dictionary, discover)
    sets = with_silent(by_place(screen, list(saes)), dictionary, discover)
    return measured(sample, dictionary, text_support(dictionary, sample.questions), sets)


def _at(dictionary: Dictionary, points: Sequence[HookPoint]) -> Dictionary:
    """Keep some hook points."""
    saes, stats = dictionary.saes, dictionary.stats
    return replace(dictionary, saes={p: saes[p] for p in points}, stats={p: stats[p] for p in points})
