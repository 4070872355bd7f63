"""Worlds in which the rule of transfer is tried: symmetric flips, gains on the own set only, and gains that carry over.

Sources and targets differ in what they gain, so that pairs with a set in common are not independent. Every text of a
target flips with a latent value of its own, which all sources share in part.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np
from scipy.special import ndtr

from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED
from emomech.chapters.simulation import Parameters, Scenario, Simulation
from emomech.chapters.stability import STABILITY
from emomech.chapters.transfer import evidence
from emomech.chapters.transfer.analysis import KEPT, LEADS, MEANS, METHODS, SETS, Transfer
from emomech.chapters.transfer.evidence import Pair
from emomech.chapters.transfer.rule import transfer
from emomech.stats.estimates import Bools, Floats, bootstrap_weights
from emomech.stats.tables import filled, frame

N_LABELS = 7
N_SETS = 5
"""Usable sets: three styles, another prompt and other answer words."""
UNIT = 0.1
"""Ten points of balanced accuracy."""
_WRONG = 0.25
_OWN = 0.7
_BETWEEN = 0.015
"""Standard deviation of the gain between sources, and between targets."""
_MOST_RESAMPLES = 200


@dataclass(frozen=True)
class _World:
    """What is true: gains of each method on its own set and on others, in units of `UNIT` at an effect of 1."""

    own: float = 0.0
    other: Mapping[str, float] = field(default_factory=dict)
    flips: float = 0.01
    """Share of the texts that become right by luck, and the same share that becomes wrong."""


def _carried(world: _World, rng: np.random.Generator, parameters: Parameters, effect: float) -> Transfer:
    """Draw the tables that the rule reads."""
    n = int(parameters["n_report"]) * N_LABELS
    weights = _weights(n, min(_MOST_RESAMPLES, int(parameters["n_resamples"])))
    sets, gold = [f"set {i}" for i in range(N_SETS)], np.arange(n) % N_LABELS
    of_source, of_target = rng.normal(0, _BETWEEN, (2, N_SETS))
    before, latent = rng.random((N_SETS, n)) >= _WRONG, rng.standard_normal((N_SETS, n))
    pairs = {}
    for i, source in enumerate(sets):
        for j, target in enumerate(sets):
            right = {}
            for method in METHODS:
                true = (world.own if method == FEATURES else 0.0) if i == j else world.other.get(method, 0.0)
                gain = true * UNIT * effect + (of_source[i] + of_target[j] if true else 0.0)
                right[method] = _after(rng, before[j], latent[j], gain, world.flips)
            pairs[source, target] = Pair(gold, before[j], right, weights)
    rows = [{"set": name, "kind": "style", "n": n, "operation": "scale", "dose": 0.5, "untested": ""} for name in sets]
    return replace(
        _empty(),
        sets=frame(SETS, rows),
        means=frame(MEANS, evidence.means(pairs, (FEATURES,))),
        leads=frame(LEADS, evidence.leads(pairs)),
        kept=frame(KEPT, evidence.kept(pairs)),
        stability=frame(STABILITY, evidence.without_each_set(pairs)),
    )


def _after(rng: np.random.Generator, before: Bools, latent: Floats, gain: float, flips: float) -> Bools:
    """Which texts are right after a change with this expected gain (text)."""
    value = ndtr(np.sqrt(_OWN) * latent + np.sqrt(1 - _OWN) * rng.standard_normal(len(latent)))
    right, wrong = (max(gain, 0) + flips) / _WRONG, (max(-gain, 0) + flips) / (1 - _WRONG)
    return np.where(before, value >= wrong, value < right)


@cache
def _empty() -> Transfer:
    return filled(Transfer)


@cache
def _weights(n: int, n_resamples: int) -> Floats:
    return bootstrap_weights([str(i) for i in range(n)], n_resamples, seed=0)


def _gaining(**others: float) -> _World:
    """The features gain on their own set and on others; others gain as given."""
    return _World(own=1.0, other={FEATURES: 1.0, **others})


SIMULATION: Simulation[Transfer] = Simulation(
    transfer,
    "ten points of balanced accuracy on every set",
    (
        Scenario("symmetric flips", "null", partial(_carried, _World(flips=0.02))),
        Scenario("a gain on the own set only", "null", partial(_carried, _World(own=1.0, flips=0.02))),
        Scenario("the bias carries over as well", "null", partial(_carried, _gaining(**{BIAS: 1.0}))),
        Scenario("matched features carry over as well", "null", partial(_carried, _gaining(**{MATCHED: 1.0}))),
        Scenario("a gain that carries over", "planted", partial(_carried, _gaining())),
        Scenario("it harms other sets", "reversed", partial(_carried, _World(own=1.0, other={FEATURES: -1.0}))),
    ),
)
