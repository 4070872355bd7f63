"""Worlds in which the rule for C2 is tried: what each dictionary's features tell, and how they share it.

A world gives every dictionary the emotions of its features. Whether a feature is found for an emotion is drawn as the
analysis finds it: a rank sum that grows with the number of texts has to exceed a threshold, on the texts and on every
resample. Counting, intervals and tables are those of the analysis.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, partial

import numpy as np

from emomech.chapters.conditions import (
    FROZEN,
    RANDOM_DICTIONARY,
    RANDOM_WEIGHTS,
    SHUFFLED_LABELS,
    SOFT_FROZEN,
    TRAINED,
    Condition,
)
from emomech.chapters.sharing.analysis import SETTING, Sharing
from emomech.chapters.sharing.independence import Counts, track_draws
from emomech.chapters.sharing.membership import chance_of_finding
from emomech.chapters.sharing.relations import ALL, SILENT, Evidence, FeatureSet, advantage_table, side_table
from emomech.chapters.sharing.rule import sharing
from emomech.chapters.sharing.stability import quantities
from emomech.chapters.simulation import Parameters, Scenario, Simulation
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.stats.auroc import Bools
from emomech.stats.tables import filled, frame

LABELS = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "calm")
N_TRACKS, N_POINTS = 280, 2
"""Tracks of features that fire, and hook points that a track passes."""
N_EMOTION = 140
"""Tracks that concern emotion, where a dictionary has some."""
MEAN_AUROC, SPREAD = 0.82, 0.04
"""AUROC of a feature for an emotion that it tells, over features."""
THRESHOLD = 4.3
"""Rank sum that selects a feature on the first split."""
MOST_RESAMPLES = 50
_SILENT = 0.8
"""Share of the features that write no label."""
CONTROLS: tuple[tuple[Condition, str], ...] = (
    (SHUFFLED_LABELS, "with shuffled labels"),
    (RANDOM_DICTIONARY, "with random directions"),
    (RANDOM_WEIGHTS, "in a network with random weights"),
    (SOFT_FROZEN, "with soft-frozen decoders"),
    (FROZEN, "with frozen decoders"),
)
CONDITIONS: tuple[Condition, ...] = (TRAINED, *(control for control, _ in CONTROLS))
Kind = Callable[[np.random.Generator, float], Bools]
"""Emotions of the tracks (track, emotion), from the size of the effect."""


def nothing(rng: np.random.Generator, effect: float) -> Bools:
    """No track tells an emotion."""
    return np.zeros((0, len(LABELS)), dtype=bool)


def independent(rng: np.random.Generator, effect: float, relevant: float = 1.0) -> Bools:
    """Each emotion chooses each relevant track with its own rate; a share `relevant` of all tracks is relevant."""
    rates = rng.uniform(0.1, 0.35, len(LABELS))
    return rng.random((round(relevant * N_TRACKS), len(LABELS))) < rates


def alone(rng: np.random.Generator, effect: float) -> Bools:
    """Every track tells one emotion."""
    return np.eye(len(LABELS), dtype=bool)[rng.integers(len(LABELS), size=N_EMOTION)]


def together(rng: np.random.Generator, effect: float) -> Bools:
    """Every track tells two emotions."""
    order = rng.random((N_EMOTION, len(LABELS))).argsort(1)
    return order < 2


def pool_and_sets(rng: np.random.Generator, effect: float) -> Bools:
    """Some tracks tell two emotions and the others tell one; `effect` moves the share of the first beyond chance."""
    n = round(min(0.9, 0.3 + 0.2 * effect) * N_EMOTION)
    return np.concatenate([together(rng, effect)[:n], alone(rng, effect)[n:]])


def one_or_many(rng: np.random.Generator, effect: float) -> Bools:
    """Tracks tell one emotion or five: fewer are shared than under independent choice."""
    five = rng.random((N_EMOTION, len(LABELS))).argsort(1) < 5
    return np.where(rng.random((N_EMOTION, 1)) < 0.4, five, alone(rng, effect))


def draw(rng: np.random.Generator, parameters: Parameters, effect: float, kinds: Mapping[Condition, Kind]) -> Sharing:
    """Tables of one study; conditions that `kinds` leaves out tell nothing."""
    n = min(int(parameters["most"]), 0.4 * (parameters["limit"] or 2400) / len(LABELS))
    n_resamples = min(MOST_RESAMPLES, int(parameters["n_resamples"]))
    counted: dict[tuple[Evidence, Condition, FeatureSet], Counts] = {}
    again: dict[Condition, Counts] = {}
    for condition in CONDITIONS:
        emotions = kinds.get(condition, nothing)(rng, effect)
        every, silent, again[condition] = _counts(rng, emotions, n, n_resamples, int(parameters["n_draws"]))
        counted["selective", condition, ALL], counted["selective", condition, SILENT] = every, silent
    own: dict[Condition, Counts] = {condition: counted["selective", condition, ALL] for condition in CONDITIONS}
    trained = {key: counts for key, counts in counted.items() if key[1:] == (TRAINED, ALL)}
    power = chance_of_finding((int(n), int(n)), len(LABELS), THRESHOLD)
    drawn = quantities(own, again, (own[TRAINED], again[TRAINED]))
    return replace(
        _empty(),
        setting=frame(SETTING, [{"model": "simulated", "accuracy": 0.9, "power": power, "untested": ""}]),
        advantage=advantage_table(counted, LABELS),
        sides=side_table(trained, LABELS),
        stability=frame(STABILITY, stability_rows(drawn)),
    )


@cache
def _empty() -> Sharing:
    """A result without rows."""
    return filled(Sharing)


def _counts(
    rng: np.random.Generator, emotions: Bools, n: float, n_resamples: int, n_draws: int
) -> tuple[Counts, Counts, Counts]:
    """Counts of all features, of those that write no label, and of all on other divisions of the texts."""
    told, track = np.repeat(emotions, N_POINTS, 0), np.repeat(np.arange(len(emotions)), N_POINTS)
    scale = np.sqrt(12 * n * n * (len(LABELS) - 1) / (n * len(LABELS) + 1))
    strength = rng.normal(MEAN_AUROC - 0.5, SPREAD, len(told))[:, None] * scale
    found = told * strength + rng.standard_normal(told.shape)
    noise = rng.standard_normal((n_resamples, *told.shape), dtype=np.float32)
    noise[:1] = 0
    member = np.concatenate([found[None], found + noise[1:]]) > THRESHOLD
    weight = track_draws(N_TRACKS, len(member), int(rng.integers(2**31)))
    active = weight.sum(1) * N_POINTS
    silent = rng.random(len(told)) < _SILENT
    anew = told * strength + rng.standard_normal((n_draws - 1, *told.shape)) > THRESHOLD
    of_feature = weight[:, track]
    return (
        Counts(member, of_feature, active),
        Counts(member[:, silent], of_feature[:, silent], active),
        Counts(anew, np.ones(anew.shape[:2]), np.full(len(anew), float(N_TRACKS * N_POINTS))),
    )


def _scenario(name: str, world: str, kinds: Mapping[Condition, Kind]) -> Scenario[Sharing]:
    return Scenario(name, world, partial(draw, kinds=kinds))  # pyright: ignore[reportArgumentType]


HALF_RELEVANT = partial(independent, relevant=0.5)
SIMULATION = Simulation(
    rule=sharing,
    units="0.2 of the features of an emotion that have a second one",
    scenarios=(
        _scenario("no feature tells an emotion", "null", {}),
        *(
            _scenario(f"the same {where}", "null", dict.fromkeys((TRAINED, control), pool_and_sets))
            for control, where in CONTROLS
        ),
        _scenario(
            "independent choice, also by random directions",
            "null",
            {TRAINED: independent, RANDOM_DICTIONARY: independent},
        ),
        _scenario(
            "independent choice among half of the features, also by random directions",
            "null",
            {TRAINED: HALF_RELEVANT, RANDOM_DICTIONARY: HALF_RELEVANT},
        ),
        _scenario("independent choice", "partial null", {TRAINED: independent}),
        _scenario("independent choice among half of the features", "partial null", {TRAINED: HALF_RELEVANT}),
        _scenario("a pool only", "partial null", {TRAINED: together}),
        _scenario("sets only", "partial null", {TRAINED: alone}),
        _scenario("a pool and sets", "planted", {TRAINED: pool_and_sets}),
        _scenario("one emotion or many", "reversed", {TRAINED: one_or_many, RANDOM_DICTIONARY: alone}),
    ),
)
