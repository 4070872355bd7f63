"""Worlds in which the rule for claim C3 is tried: emotions that differ by chance, controls that show as much, and C3.

Every emotion has a size of its own, which differs between emotions by chance, and once more at each hook point. Each
quantity of the multiverse is measured on texts that differ from one another, and the tables are made by the code of the
analysis. There are fewer hook points than on the page, and a count of features is the mean over texts of its own kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from emomech.chapters.concentration import specifications
from emomech.chapters.concentration.analysis import Concentration
from emomech.chapters.concentration.controls import N_SHUFFLES, N_TEXTS
from emomech.chapters.concentration.rule import concentration
from emomech.chapters.concentration.specifications import (
    DIFFUSE,
    ESTIMATORS,
    EVERY,
    EVERYWHERE,
    MATCHED,
    RANDOM,
    ROLES,
    SHUFFLED,
    SILENT,
    WEAKER,
    ZERO,
    Comparison,
    Measured,
    Quantity,
)
from emomech.chapters.concentration.tables import MEDIANS, SETTING
from emomech.chapters.conditions import FROZEN, SOFT_FROZEN
from emomech.chapters.simulation import Parameters, Scenario, Simulation
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.data.grammar.events import VALENCE
from emomech.stats.estimates import Floats, with_resamples
from emomech.stats.tables import filled, frame

LABELS = ("disgust", "joy", "sadness", "anger", "fear", "surprise", "calm")
PLACES = ("block 1", "block 5", EVERYWHERE)
RESAMPLES = 100
"""Resamples of the texts, at most."""
UNIT = float(np.log(2))
"""An effect of 1 on the logarithm of a quantity."""
BETWEEN, AT_PLACE = 0.12, 0.12
"""Standard deviations, on the logarithm, of emotions among one another, and of an emotion among quantities."""
TEXTS = 0.5
"""Standard deviation of a quantity among the texts of an emotion, as a share of its mean; half of it is shared by all
quantities."""
_SIZES = {WEAKER: 3.0, DIFFUSE: 6.0}
"""Usual nats that features carry, and number of features."""
_LITTLE = {SHUFFLED: 0.2, MATCHED: 0.2}
"""Controls that usually carry little: nats."""


@dataclass(frozen=True)
class _World:
    """Where the effect is: which parts of the claim are true, where, and what shows the same."""

    parts: tuple[str, ...] = (WEAKER, DIFFUSE)
    places: tuple[str, ...] = PLACES
    features: tuple[str, ...] = (EVERY, SILENT)
    also: str = ""
    """A control with the same effect."""

    def shifts(self, quantities: tuple[Quantity, ...], effect: float) -> Floats:
        """Effect on the logarithm of each quantity."""
        sign = {WEAKER: -1, DIFFUSE: 1}
        there = [q.part in self.parts and q.place in self.places and q.features in self.features for q in quantities]
        return UNIT * effect * np.array([sign[q.part] * yes for q, yes in zip(quantities, there, strict=True)])


_QUANTITIES = tuple(
    Quantity(place, estimator, features)
    for place in PLACES
    for estimators in ESTIMATORS.values()
    for estimator in estimators
    for features in (EVERY, SILENT)
)
_OF_CONTROLS = tuple(q for q in _QUANTITIES if q.estimator != ZERO)
_CARRIED = tuple(q for q in _OF_CONTROLS if q.part == WEAKER and q.place != EVERYWHERE)


def _between(rng: np.random.Generator) -> Mapping[str, Floats]:
    """Logarithms by which emotions differ by chance in each part (label)."""
    return {part: rng.normal(0, BETWEEN, len(LABELS)) for part in ESTIMATORS}


def _means(
    rng: np.random.Generator,
    quantities: tuple[Quantity, ...],
    between: Mapping[str, Floats],
    sizes: Mapping[str, float],
) -> Floats:
    """Mean of each quantity for each emotion (quantity, label)."""
    size = np.log([sizes[q.part] for q in quantities]) + rng.normal(0, 0.3, len(quantities))
    at_place = rng.normal(0, AT_PLACE, (len(quantities), len(LABELS)))
    return np.exp(size[:, None] + np.stack([between[q.part] for q in quantities]) + at_place)


def _measured(rng: np.random.Generator, quantities: tuple[Quantity, ...], means: Floats, weights: Floats) -> Measured:
    """Measure the quantities on texts (draw, label × text) that differ from one another."""
    n = weights.shape[1] // len(LABELS)
    values = np.empty((len(quantities), len(weights), len(LABELS)))
    for label in range(len(LABELS)):
        drawn = weights[:, label * n : (label + 1) * n]
        texts = 1 + TEXTS * np.sqrt(0.5) * (rng.normal(size=(n, 1)) + rng.normal(size=(n, len(quantities))))
        values[:, :, label] = (drawn @ texts / np.maximum(drawn.sum(1, keepdims=True), 1)).T * means[:, [label]]
    return Measured(quantities, values)


@cache
def _empty() -> Concentration:
    return filled(Concentration)


def _study(world: _World) -> Callable[[np.random.Generator, Parameters, float], Concentration]:
    def draw(rng: np.random.Generator, parameters: Parameters, effect: float) -> Concentration:
        """Draw the tables of one study."""
        n, n_resamples = int(parameters["n_texts"]), min(RESAMPLES, int(parameters["n_resamples"]))
        n_control = min(N_TEXTS, n)
        weights = with_resamples([str(i) for i in range(n * len(LABELS))], n_resamples, int(rng.integers(2**31)))
        first = np.concatenate([label * n + np.arange(n_control) for label in range(len(LABELS))])
        between = _between(rng)
        if world.also == ROLES:
            for shifts in between.values():
                shifts[3] = shifts[0]
        means = _means(rng, _QUANTITIES, between, _SIZES)
        shift = np.exp(world.shifts(_QUANTITIES, effect))
        means[:, 0] *= shift
        means[:, 3] *= shift if world.also == ROLES else 1
        its = _measured(rng, _QUANTITIES, means, weights)
        controls = _controls(rng, world, effect, between, weights[:, first])
        compared = Comparison.of(LABELS, LABELS[0], VALENCE, (n, n_control))
        again = [_measured(rng, _QUANTITIES, means, np.ones((2, weights.shape[1]))) for _ in range(_more(parameters))]
        values: dict[str, list[float]] = {}
        for measured in (its, *again):
            for name, value in specifications.median_values(measured, compared).items():
                values.setdefault(name, []).append(value)
        return replace(
            _empty(),
            setting=frame(SETTING, [{"emotion": LABELS[0], "rival": "anger", "n": n, "untested": ""}]),
            medians=frame(MEDIANS, specifications.summaries(its, controls, compared, LABELS)),
            stability=frame(STABILITY, stability_rows(values)),
        )

    return draw


def _more(parameters: Parameters) -> int:
    return max(0, int(parameters.get("n_draws", 5)) - 1)


def _controls(
    rng: np.random.Generator, world: _World, effect: float, between: Mapping[str, Floats], weights: Floats
) -> Mapping[str, Mapping[str, Measured]]:
    """Controls in which emotions differ by chance; one of them shows what the emotions' features show."""
    controls: dict[str, dict[str, Measured]] = {}
    for name in (SHUFFLED, MATCHED, RANDOM, SOFT_FROZEN, FROZEN):
        quantities = _CARRIED if name == MATCHED else _OF_CONTROLS
        same = world.also == name
        sizes = _SIZES | ({WEAKER: _LITTLE[name]} if name in _LITTLE and not same else {})
        controls[name] = {}
        for member in [f"shuffle {i + 1}" for i in range(N_SHUFFLES)] if name == SHUFFLED else [""]:
            means = _means(rng, quantities, between if same else _between(rng), sizes)
            means[:, 0] *= np.exp(world.shifts(quantities, effect)) if same else 1
            controls[name][member] = _measured(rng, quantities, means, weights)
    return controls


def _scenarios() -> tuple[Scenario[Concentration], ...]:
    same = [
        Scenario(f"the same difference with {name}", "null", _study(_World(also=name)))
        for name in (SHUFFLED, RANDOM, SOFT_FROZEN, FROZEN)
    ]
    return (
        Scenario("emotions that differ by chance", "null", _study(_World(parts=()))),
        *same,
        Scenario("the same difference with matched features", "partial null", _study(_World(also=MATCHED))),
        Scenario("another emotion with the same difference", "null", _study(_World(also=ROLES))),
        Scenario("a difference at one hook point only", "null", _study(_World(places=PLACES[:1]))),
        Scenario("a difference among label writers only", "null", _study(_World(features=(EVERY,)))),
        Scenario("weaker, and not more diffuse", "partial null", _study(_World(parts=(WEAKER,)))),
        Scenario("more diffuse, and not weaker", "partial null", _study(_World(parts=(DIFFUSE,)))),
        Scenario("weaker and more diffuse", "planted", _study(_World())),
        Scenario("stronger and less diffuse", "reversed", _reversed),
    )


def _reversed(rng: np.random.Generator, parameters: Parameters, effect: float) -> Concentration:
    return _study(_World())(rng, parameters, -effect)


SIMULATION = Simulation(
    rule=concentration,
    units="its features carry half of what the others' do, and there are twice as many",
    scenarios=_scenarios(),
    effect=1.5,
)
