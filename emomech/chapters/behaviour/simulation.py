"""Simulated studies of the model's answers, for the rule of the premise.

Texts have a label, an item type and, for minimal pairs, a partner. A predictor knows the answer to a share of the texts
of a type, and guesses on the others; whether it knows an answer depends on the text alone, so that the two texts of a
cluster are not independent. Predictors that know a text do so independently of one another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from emomech.chapters.behaviour.analysis import Behaviour
from emomech.chapters.behaviour.rule import BASELINES, behaviour
from emomech.chapters.behaviour.scores import (
    ABOVE,
    ADVANTAGE,
    ALL_TEXTS,
    ITEM_TYPE,
    MODEL,
    Predictions,
    above_rows,
    advantage_rows,
    on_draws,
)
from emomech.chapters.simulation import Parameters, Scenario, Simulation
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.data.corpus import Example
from emomech.stats.estimates import Ints, bootstrap_weights
from emomech.stats.tables import filled, frame

TYPES = ("recall", "one person", "two, no conflict", "two, conflict", "minimal pair")
KNOWN = 0.5
"""Share of the texts that the model knows for an effect of size 1; it guesses on the others."""
_LABELS = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "calm")
_ALL_TEXTS, _REPORTED, _MOST_RESAMPLES = 2400, 0.4, 200
_BASELINE = 0.25
"""Share of the texts that the classifiers of words know, relative to the model."""


@dataclass(frozen=True)
class _World:
    """How much the model and the baselines know, in units of `KNOWN` times the effect."""

    model: float = 1.0
    by_type: Mapping[str, float] = field(default_factory=dict)
    """Item type -> what the model knows there, in place of `model`."""
    baselines: Mapping[str, float] = field(default_factory=dict)
    """Baseline -> what it knows, in place of a quarter (classifiers) or nothing."""
    avoids: bool = False
    """Whether the model answers with another label wherever it knows the right one."""

    def draw(self, rng: np.random.Generator, parameters: Parameters, effect: float) -> Behaviour:
        """Draw the tables of one study."""
        n = round(_REPORTED * (parameters["limit"] or _ALL_TEXTS))
        kind, gold = np.arange(n) % len(TYPES), rng.integers(len(_LABELS), size=n)
        cluster = np.arange(n)
        pairs = np.flatnonzero(kind == TYPES.index("minimal pair"))
        cluster[pairs[1::2]] = pairs[: 2 * (len(pairs) // 2) : 2]
        own = KNOWN * effect * np.array([self.by_type.get(name, self.model) for name in TYPES])[kind]
        right = _answers(rng, gold, own, cluster)
        known = {name: _BASELINE * self.model for name in ("bag of words", "last sentence")}
        known |= {"random weights": 0.0} | dict(self.baselines)
        predicted = {MODEL: (gold + 1) % len(_LABELS) if self.avoids else right}
        for name in BASELINES:
            share = np.full(n, KNOWN * effect * known.get(name, 0.0))
            predicted[name] = np.zeros(n, dtype=int) if name == "majority" else _answers(rng, gold, share, cluster)
        examples = [
            Example("", _LABELS[g], cluster=str(c), item_type=TYPES[k])
            for g, c, k in zip(gold, cluster, kind, strict=True)
        ]
        n_resamples = min(int(parameters["n_resamples"]), _MOST_RESAMPLES)
        seed = int(rng.integers(2**31))
        weights = bootstrap_weights([e.cluster for e in examples], n_resamples, seed)
        predictions = Predictions(examples, _LABELS, gold, predicted, weights, seed)
        groups = [("all", ALL_TEXTS, range(n))]
        groups += [(ITEM_TYPE, name, np.flatnonzero(kind == i).tolist()) for i, name in enumerate(TYPES)]
        return replace(
            _empty(),
            above=frame(ABOVE, above_rows(predictions, groups)),
            advantage=frame(ADVANTAGE, advantage_rows(predictions)),
            stability=frame(STABILITY, stability_rows(on_draws(predictions, int(parameters["n_draws"])))),
        )


def _answers(rng: np.random.Generator, gold: Ints, known: np.ndarray, cluster: Ints) -> Ints:
    """Answer rightly where the text is known (text), and with a random label elsewhere."""
    return np.where(rng.random(len(gold))[cluster] < known, gold, rng.integers(len(_LABELS), size=len(gold)))


@cache
def _empty() -> Behaviour:
    return filled(Behaviour)


_EQUAL = {name: f"{name} is as good as the model" for name in ("bag of words", "last sentence", "random weights")}
SIMULATION = Simulation(
    rule=behaviour,
    units="half of the texts whose emotion the model knows; it guesses on the others",
    scenarios=(
        Scenario("a random answerer", "null", _World(model=0).draw),
        *(Scenario(text, "null", _World(baselines={name: 1}).draw) for name, text in _EQUAL.items()),
        Scenario("one item type at chance", "partial null", _World(by_type={"two, conflict": 0}).draw),
        Scenario("the model infers in every item type", "planted", _World().draw),
        Scenario("the model never answers rightly", "reversed", _World(model=0, avoids=True).draw),
    ),
)
"""The worlds in which the rule for the premise is tried."""
