"""Simulated studies of the order of the stages, for the rule of claim C1.

A study has a profile in depth for each stage, place and condition. Every read of a text contributes to it: with its own
strength, which all layers share, and with noise of each layer. Reads are simulated in groups, which bootstrap draws and
halves of the texts keep together. The spreads are about those that the embedded model shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from emomech.chapters.conditions import RANDOM_WEIGHTS, SECOND_SAES, SHUFFLED_LABELS, TRAINED
from emomech.chapters.flow.analysis import Flow
from emomech.chapters.flow.order import StageProfiles
from emomech.chapters.flow.reads import READ_PLACES
from emomech.chapters.flow.rows import (
    AMOUNTS,
    BEYOND,
    DIFFERENCES,
    Profiles,
    amount_rows,
    beyond_rows,
    difference_rows,
)
from emomech.chapters.flow.rule import flow
from emomech.chapters.flow.tables import steps_on_draws
from emomech.chapters.simulation import Parameters, Scenario, Simulation
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.stats.estimates import Floats
from emomech.stats.explained import split
from emomech.stats.tables import filled, frame

SPACING = 0.1
"""Distance between the centres of one stage and the next for an effect of size 1."""
AMOUNT: Mapping[str, float] = {"syntax": 0.02, "semantics": 0.03, "emotion": 0.08}
"""Mean share of the variance that each stage explains."""
READS_PER_TEXT: Mapping[str, float] = {"words": 0.3, "answer": 0.83}
"""Share of the texts that can be read at each place."""
_ALL_TEXTS, _N_GROUPS, _MOST_RESAMPLES = 2400, 100, 200
_DEPTH: Floats = np.linspace(0.0, 1.0, 9)
_STRENGTH, _NOISE = 0.7, 0.02
"""Spread of one read's strength, relative to the profile; and spread of one read at one layer, and at all layers."""
_ORDER: Mapping[str, float] = {"syntax": -1, "semantics": 0, "emotion": 1}
_NO_ORDER: Mapping[str, float] = dict.fromkeys(_ORDER, 0)


@dataclass(frozen=True)
class _World:
    """What is true: the order of the stages by place, and how much of it each control shows."""

    order: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: dict.fromkeys(READ_PLACES, _ORDER))
    """Place -> stage -> centre, in units of the spacing, from the middle of the model."""
    controls: Mapping[str, float] = field(default_factory=dict)
    """Condition -> amount of its profile, relative to the trained model's; its order is the same. Others show none."""
    amount: float = 1.0
    second: bool | None = None
    """Whether SAEs of another seed show the order too; None: there are none."""

    def draw(self, rng: np.random.Generator, parameters: Parameters, effect: float) -> Flow:
        """Draw the tables of one study."""
        weights = _weights(rng, parameters)
        conditions = [TRAINED, SHUFFLED_LABELS, RANDOM_WEIGHTS, *([SECOND_SAES] if self.second is not None else [])]
        everything = {c: self._places(rng, parameters, effect, (c, weights)) for c in conditions}
        n_halves = 2 * _n_divisions(parameters)
        profiles: dict[str, dict[str, StageProfiles]] = {}
        for condition, places in everything.items():
            profiles[condition] = {w: _subset(p, np.r_[0, n_halves + 1 : len(weights)]) for w, p in places.items()}
        halves = {
            where: {s: p[1 : n_halves + 1].reshape(-1, 2, len(_DEPTH)) for s, p in place.explained.items()}
            for where, place in everything[TRAINED].items()
        }
        return _tables(profiles, steps_on_draws(profiles[TRAINED], halves, int(parameters["n_draws"])))

    def _places(
        self, rng: np.random.Generator, parameters: Parameters, effect: float, at: tuple[str, Floats]
    ) -> dict[str, StageProfiles]:
        condition, weights = at
        amount = self.amount * self.controls.get(condition, float(condition in (TRAINED, SECOND_SAES)))
        ordered = condition != SECOND_SAES or bool(self.second)
        places = {}
        for where in READ_PLACES:
            n = max(_N_GROUPS, round(READS_PER_TEXT[where] * (parameters["limit"] or _ALL_TEXTS)))
            truth = np.stack(
                [amount * AMOUNT[s] * _tilted(ordered * effect * SPACING * c) for s, c in self.order[where].items()]
            )
            drawn = weights @ _contributions(rng, truth, n).reshape(_N_GROUPS, -1) / _N_GROUPS
            by_stage = drawn.reshape(len(weights), *truth.shape)
            places[where] = StageProfiles(_DEPTH, {s: by_stage[:, i] for i, s in enumerate(self.order[where])}, n)
        return places


def _n_divisions(parameters: Parameters) -> int:
    return max(1, int(parameters["n_draws"]) - 1)


def _weights(rng: np.random.Generator, parameters: Parameters) -> Floats:
    """How often each group of reads is drawn (row, group), in the order of `profiles.Resamples`; the means are 1."""
    first = np.stack([split(_N_GROUPS, int(rng.integers(2**31))) for _ in range(_n_divisions(parameters))])
    halves = 2.0 * np.stack([first, ~first], 1).reshape(-1, _N_GROUPS)
    n_resamples = min(int(parameters["n_resamples"]), _MOST_RESAMPLES)
    drawn = rng.multinomial(_N_GROUPS, np.full(_N_GROUPS, 1 / _N_GROUPS), n_resamples).astype(float)
    return np.concatenate([np.ones((1, _N_GROUPS)), halves, drawn])


def _tilted(shift: float) -> Floats:
    """Profile (layer) of mean 1 that rises in a straight line, with the centre of gravity `shift` from the middle."""
    steepness = shift / float(_DEPTH.var())
    return np.array([1 + steepness * (float(depth) - 0.5) for depth in _DEPTH], dtype=float)


def _contributions(rng: np.random.Generator, truth: Floats, n: int) -> Floats:
    """Mean profile of each group of reads (group, stage, layer), when `n` reads are made in all."""
    spread = np.sqrt(_N_GROUPS / n)
    strength, common = rng.normal(size=(2, _N_GROUPS, len(truth), 1))
    noise = rng.normal(size=(_N_GROUPS, *truth.shape))
    return truth + spread * (_STRENGTH * truth * strength + _NOISE * (common + noise))


def _subset(profiles: StageProfiles, rows: np.ndarray) -> StageProfiles:
    return StageProfiles(profiles.depth, {s: p[rows] for s, p in profiles.explained.items()}, profiles.n_reads)


def _tables(profiles: Profiles, steps: Mapping[str, list[float]]) -> Flow:
    """Make the tables that the rule reads, as the analysis does; the others are empty."""
    return replace(
        _empty(),
        amounts=frame(AMOUNTS, amount_rows(profiles)),
        differences=frame(DIFFERENCES, difference_rows(profiles)),
        beyond=frame(BEYOND, beyond_rows(profiles)),
        stability=frame(STABILITY, stability_rows(steps)),
    )


@cache
def _empty() -> Flow:
    return filled(Flow)


def _at(words: Mapping[str, float], answer: Mapping[str, float]) -> dict[str, Mapping[str, float]]:
    return {"words": words, "answer": answer}


_REVERSED = {stage: -centre for stage, centre in _ORDER.items()}
_LAST_STEP = {"syntax": 0.0, "semantics": 0.0, "emotion": 1.0}
SIMULATION = Simulation(
    rule=flow,
    units="a tenth of the model's depth between the centres of one stage and the next",
    scenarios=(
        Scenario("all stages have one profile", "null", _World(_at(_NO_ORDER, _NO_ORDER)).draw),
        Scenario("no stage can be read", "null", _World(amount=0).draw),
        Scenario("random weights show the same order", "null", _World(controls={RANDOM_WEIGHTS: 1}).draw),
        Scenario(
            "random weights show the same order, with a third of the profile",
            "null",
            _World(controls={RANDOM_WEIGHTS: 1 / 3}).draw,
        ),
        Scenario("shuffled labels show the same order", "null", _World(controls={SHUFFLED_LABELS: 1}).draw),
        Scenario("SAEs of another seed show no order", "null", _World(second=False).draw),
        Scenario("only emotion lies deeper", "partial null", _World(_at(_LAST_STEP, _LAST_STEP)).draw),
        Scenario("the order is there at the answer only", "partial null", _World(_at(_NO_ORDER, _ORDER)).draw),
        Scenario("the reverse order at the words", "partial null", _World(_at(_REVERSED, _ORDER)).draw),
        Scenario("the order is there", "planted", _World().draw),
        Scenario("the order is there with SAEs of another seed too", "planted", _World(second=True).draw),
        Scenario("the reverse order", "reversed", _World(_at(_REVERSED, _REVERSED)).draw),
    ),
)
"""The worlds in which the rule for claim C1 is tried."""
