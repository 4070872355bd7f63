"""Worlds in which the rule for claim C10 is tried: where six measures begin, and how noisy each of them is.

A study consists of texts in clusters. Every text has a value of every measure at every hook point: right or wrong for
the measures that read, an effect for those that intervene. A measure rises with depth from 0 to its height, half-way at
its onset. Texts differ in how easy they are, which the measures share, and the texts of a cluster are alike. Profiles,
leads, onsets, spreads and comparisons are then made by the functions of the analysis, from the same resamples.

There is no reversed world: the opposite of onsets that lie apart is onsets that coincide, which is a null.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from emomech.chapters.conditions import RANDOM_WEIGHTS, SHUFFLED_LABELS, TRAINED
from emomech.chapters.depth.analysis import Depth
from emomech.chapters.depth.located import (
    Places,
    comparison_table,
    lead_table,
    onset_table,
    redrawn_rows,
    spread_table,
)
from emomech.chapters.depth.rule import ANSWER, TEXT, depth
from emomech.chapters.depth.setting import SETTING
from emomech.chapters.simulation import Parameters, Scenario, Simulation, World
from emomech.chapters.stability import STABILITY
from emomech.chapters.tasks import EMOTION
from emomech.stats.estimates import Floats, with_resamples
from emomech.stats.tables import filled, frame

N_POINTS = 9
"""Hook points of the embedded model: the embedding and eight blocks."""
MOST_RESAMPLES = 200
CHANCE = 1 / 7
"""Accuracy of a guess."""
PER_CLUSTER = 2
"""Texts of a cluster, about what the embedded corpus has among those that are read."""
MIDDLE = 4.0
"""Onset of every measure without an effect, in steps."""
BLOCKS = 2.0
"""Steps between the earliest and the latest onset in an effect of size 1."""
EFFECT = 1.0
"""Size of the effect in the worlds with one."""
AT: Mapping[str, Sequence[str]] = {
    ANSWER: ("probe", "best feature", "read-out", "J-lens", "effect of features", "effect of activation"),
    TEXT: ("probe", "best feature", "effect of features"),
}
"""Measures at each place, in the order of their onsets where these differ."""


@dataclass(frozen=True)
class Shape:
    """Profiles of all measures at one place."""

    apart: float = 0.0
    """Steps between the earliest and the latest onset."""
    heights: tuple[float, float] = (0.9, 0.9)
    """Height of the first and of the last measure; the others lie between."""
    noise: tuple[float, float] = (0.5, 0.5)
    """Standard deviation between texts of an effect, for the first and for the last measure that intervenes."""
    control: float = 0.0
    """Height of the controls' profiles, as a share of that of the trained model; they begin where it begins."""


def _profiles(
    rng: np.random.Generator,
    shape: Shape,
    measures: Sequence[str],
    parameters: Parameters,
    conditions: Sequence[str] = (TRAINED, RANDOM_WEIGHTS, SHUFFLED_LABELS),
) -> dict[tuple[str, str], Floats]:
    """Profile (draw, hook point) by condition and measure."""
    n, n_edited = int(parameters["n_texts"]), int(parameters["n_edited"])
    clusters = [str(i // PER_CLUSTER) for i in range(n)]
    weights = with_resamples(clusters, min(MOST_RESAMPLES, int(parameters["n_resamples"])), int(rng.integers(2**31)))
    easy = (np.repeat(rng.normal(size=-(-n // PER_CLUSTER)), PER_CLUSTER)[:n] + rng.normal(size=n)) / np.sqrt(2)
    last = max(1, len(measures) - 1)
    drawn = {}
    for i, measure in enumerate(measures):
        height, noise = (a + (b - a) * i / last for a, b in (shape.heights, shape.noise))
        begins = MIDDLE + shape.apart * (i / last - 0.5)
        rise = height / (1 + np.exp(-3 * (np.arange(N_POINTS) - begins)))
        for condition in conditions:
            mean = rise if condition == TRAINED else shape.control * rise
            rows = slice(0, n_edited if measure.startswith("effect") else n)
            values = _values(rng, mean, easy[rows], noise if measure.startswith("effect") else 0.0)
            w = weights[:, rows]
            drawn[condition, measure] = w @ values / w.sum(1, keepdims=True)
    return drawn


def _values(rng: np.random.Generator, mean: Floats, easy: Floats, noise: float) -> Floats:
    """Value of a measure on each text (text, hook point): an effect with this noise, or right answers without."""
    own = rng.normal(size=(len(easy), len(mean)))
    if noise:
        return mean + noise * (0.5 * easy[:, None] + np.sqrt(0.75) * own)
    accuracy = CHANCE + (1 - CHANCE) * mean
    right = np.sqrt(0.5) * (easy[:, None] + own) < ndtri(accuracy)
    return (right - CHANCE) / (1 - CHANCE)


def _study(rng: np.random.Generator, parameters: Parameters, answer: Shape, text: Shape) -> Depth:
    """Tables of one study, for emotion."""
    profiles = {
        (condition, where, measure): draws
        for where, shape in ((TEXT, text), (ANSWER, answer))
        for (condition, measure), draws in _profiles(rng, shape, AT[where], parameters).items()
    }
    n = {m: int(parameters["n_edited" if m.startswith("effect") else "n_texts"]) for m in AT[ANSWER]}
    tasks, depths = {EMOTION: Places.of(profiles, n)}, np.linspace(0, 1, N_POINTS)
    again = [_again(rng, {TEXT: text, ANSWER: answer}, parameters) for _ in range(int(parameters["n_draws"]) - 1)]
    return filled(
        Depth,
        leads=lead_table(tasks, depths),
        onsets=onset_table(tasks, depths),
        spreads=spread_table(tasks),
        comparisons=comparison_table(tasks),
        stability=frame(STABILITY, redrawn_rows(tasks[EMOTION], again)),
        setting=frame(SETTING, [{"task": EMOTION, "labels": 7, "untested": ""}]),
    )


def _again(
    rng: np.random.Generator, shapes: Mapping[str, Shape], parameters: Parameters
) -> dict[tuple[str, str], Floats]:
    """Profile (hook point) of the trained model on other texts, by place and measure."""
    few = {**parameters, "n_resamples": 1}
    drawn = {where: _profiles(rng, shape, AT[where], few, (TRAINED,)) for where, shape in shapes.items()}
    return {(w, m): p[0] for w, of_place in drawn.items() for (_, m), p in of_place.items()}


def _world(
    name: str, world: World, answer: Callable[[float], Shape], text: Callable[[float], Shape] | None = None
) -> Scenario[Depth]:
    """A world in which the measures have these shapes at the answer and, by default the same, at the text."""

    def draw(rng: np.random.Generator, parameters: Parameters, effect: float) -> Depth:
        return _study(rng, parameters, answer(effect), (text or answer)(effect))

    return Scenario(name, world, draw)


def _apart(effect: float) -> Shape:
    return Shape(apart=BLOCKS * effect)


def _together(effect: float) -> Shape:
    return Shape()


SIMULATION: Simulation[Depth] = Simulation(
    rule=depth,
    units="2 steps between the earliest and the latest onset, with the others between them",
    scenarios=(
        _world("all measures begin at one depth", "null", _together),
        _world("one depth, some measures far noisier", "null", lambda effect: Shape(noise=(0.3, 1.5))),
        _world("one depth, measures of different scale", "null", lambda effect: Shape(heights=(0.95, 0.35))),
        _world(
            "controls show the same at six tenths of the height",
            "null",
            lambda effect: Shape(apart=BLOCKS * effect, control=0.6),
        ),
        _world("apart at the text only", "partial null", _together, _apart),
        _world("apart at the answer only", "partial null", _apart, _together),
        _world("apart at both places", "planted", _apart),
    ),
    effects=(0.5, 1.0, 1.5, 2.0),
    effect=EFFECT,
)
