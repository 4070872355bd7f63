"""Worlds in which the rule for the instrument is tried: what units separate, and what the answer loses without them.

Each value has texts with a score from the best unit of every reader. The best of many units is chosen on as many texts
as the page has, by an AUROC with the error of that sample, and is measured on other texts. Intervals and tables are
those of the analysis.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from emomech.chapters.conditions import FROZEN, RANDOM_WEIGHTS, SOFT_FROZEN
from emomech.chapters.fidelity.analysis import (
    ABLATION,
    ADVANTAGE,
    BEST,
    DEPENDENCE,
    SETTING,
    Fidelity,
    ablation_rows,
    advantage_rows,
    dependence_rows,
)
from emomech.chapters.fidelity.readers import ABLATED, BASELINES, DIMENSIONS, FEATURES, RANDOM, Reader
from emomech.chapters.fidelity.rule import fidelity
from emomech.chapters.fidelity.stability import DETECTS, MATTERS, compared, reached
from emomech.chapters.fidelity.units import EMOTION, BestUnit
from emomech.chapters.simulation import Parameters, Scenario, Simulation, World
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.stats.auroc import auroc
from emomech.stats.estimates import Floats
from emomech.stats.tables import filled, frame

VALUES = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "calm")
N_UNITS = 40
"""Units among which the best is chosen."""
MOST_TEXTS = 60
"""Texts of an emotion on which units are ablated, at most."""
GOOD, POOR = 2.4, 1.5
"""Mean score of the best units on texts of their value, in standard deviations: AUROC .955 and .855."""
UNIT_SPREAD = 0.2
"""Standard deviation of the loss over units of one reader, in nats."""
SPREAD = 0.2
"""Standard deviation of that mean over units and values."""
LARGE, SMALL, TEXT_SPREAD = 2.0, 0.4, 1.5
"""Log-odds lost without a unit that the answer depends on much, or little, and their spread over texts, in nats."""


@dataclass(frozen=True)
class Strength:
    """How well a reader's units separate texts, and how much the answer depends on them."""

    score: float = POOR
    loss: float = SMALL


@dataclass(frozen=True)
class Readings:
    """Strength of every reader in a world."""

    features: Strength = field(default_factory=lambda: Strength(GOOD, LARGE))
    others: Mapping[Reader, Strength] = field(default_factory=dict)
    """Baselines that differ from `Strength()`."""

    def of(self, reader: Reader, effect: float) -> Strength:
        """Strength of a reader; `effect` scales the lead of the features."""
        own, other = self.features, self.others.get(reader, Strength())
        if reader != FEATURES and other != SAME:
            return other
        return Strength(POOR + effect * (own.score - POOR), SMALL + effect * (own.loss - SMALL))


SAME = Strength(np.inf, np.inf)
"""Stands for the strength of the features."""


def draw(rng: np.random.Generator, parameters: Parameters, effect: float, world: Readings) -> Fidelity:
    """Tables of one study."""
    n = int(0.4 * (parameters["limit"] or 2400) / len(VALUES))
    units: dict[tuple[Reader, str, str], BestUnit] = {}
    losses: dict[tuple[Reader, str], Floats] = {}
    again: list[dict[tuple[Reader, str], tuple[float, float]]] = [{} for _ in range(int(parameters["n_draws"]) - 1)]
    for value in VALUES:
        hard, member = rng.normal(0, 0.5, n * len(VALUES)), np.arange(n * len(VALUES)) < n
        fragile = rng.normal(0, TEXT_SPREAD, min(n, MOST_TEXTS))
        for reader in (FEATURES, *BASELINES):
            strength = world.of(reader, effect)
            mean = _chosen(rng, strength.score, n)
            score = member * mean + hard + rng.normal(0, 1, len(member)) * np.sqrt(0.75)
            units[reader, EMOTION, value] = BestUnit(EMOTION, value, 0, auroc(score, member), 1.0, 1.0, score, member)
            lost = strength.loss + rng.normal(0, UNIT_SPREAD)
            losses[reader, value] = lost + fragile * lost / LARGE + rng.normal(0, 0.5, len(fragile))
            for of_draw in again:
                shift = (
                    rng.normal(0, 1 / np.sqrt(n)),
                    rng.normal(0, TEXT_SPREAD * abs(lost) / LARGE / np.sqrt(len(fragile))),
                )
                of_draw[reader, value] = mean + shift[0], lost + shift[1]
    ablated = {key: loss for key, loss in losses.items() if key[0] in (FEATURES, *ABLATED)}
    best = [{"reader": key[0], **unit.columns, "hook_point": "", "depth": 1.0} for key, unit in units.items()]
    return replace(
        _empty(),
        best=frame(BEST, best),
        advantage=frame(ADVANTAGE, advantage_rows(units)),
        ablation=frame(ABLATION, ablation_rows(ablated, dict.fromkeys(units, ""))),
        dependence=frame(DEPENDENCE, dependence_rows(ablated)),
        setting=frame(SETTING, [{"model": "simulated", "accuracy": 0.9, "untested": ""}]),
        stability=frame(STABILITY, stability_rows(_quantities(again))),
    )


def _chosen(rng: np.random.Generator, score: float, n: int) -> float:
    """Mean score of the unit that is chosen on n texts of the value, among many with a spread of means."""
    means = rng.normal(score - SPREAD, SPREAD, N_UNITS)
    return float(means[(means + rng.normal(0, 1.2 / np.sqrt(n), N_UNITS)).argmax()])


def _quantities(again: list[dict[tuple[Reader, str], tuple[float, float]]]) -> dict[str, list[float]]:
    """What the rule reads on other divisions, from mean scores and losses by reader and value."""
    from scipy.stats import norm

    values: dict[str, list[float]] = {}
    for of_draw in again:
        area = {key: float(norm.cdf(mean / np.sqrt(2))) for key, (mean, _) in of_draw.items()}
        lost = {key: loss for key, (_, loss) in of_draw.items()}
        for quantity, measure, baselines in ((DETECTS, area, BASELINES), (MATTERS, lost, ABLATED)):
            own = [measure[FEATURES, value] for value in VALUES]
            base = 0.5 if quantity == DETECTS else 0.0
            values.setdefault(quantity, []).append(reached([x - base for x in own]))
            for baseline in baselines:
                lead = [measure[FEATURES, value] - measure[baseline, value] for value in VALUES]
                values.setdefault(compared(quantity, baseline), []).append(reached(lead))
    return values


@cache
def _empty() -> Fidelity:
    """A result without rows."""
    return filled(Fidelity)


def _scenario(name: str, world: World, readings: Readings) -> Scenario[Fidelity]:
    return Scenario(name, world, partial(draw, world=readings))


BASELINE_NAMES: tuple[tuple[Reader, str], ...] = (
    (DIMENSIONS, "residual dimensions"),
    (RANDOM, "random directions"),
    (SOFT_FROZEN, "soft-frozen decoders"),
    (FROZEN, "frozen decoders"),
)
SIMULATION = Simulation(
    rule=fidelity,
    units="0.9 standard deviations between texts with a value and others, and a loss of 1.6 nats",
    scenarios=(
        _scenario("features are like all other units", "null", Readings(Strength())),
        *(
            _scenario(f"the same by {name}", "null", Readings(others=dict.fromkeys((reader,), SAME)))
            for reader, name in BASELINE_NAMES
        ),
        _scenario("detected as well with random weights", "partial null", Readings(others={RANDOM_WEIGHTS: SAME})),
        _scenario("detected and not used", "partial null", Readings(Strength(GOOD, SMALL))),
        _scenario(
            "used, and detected as well by soft-frozen decoders",
            "partial null",
            Readings(others=dict[Reader, Strength]({SOFT_FROZEN: Strength(GOOD)})),
        ),
        _scenario("detected and used", "planted", Readings()),
        _scenario("the answer gains without the feature", "reversed", Readings(Strength(POOR, -LARGE))),
    ),
)
