"""Worlds in which the rules of steering are tried: luck, a shift of the prior, any direction, and a real gain.

Every world is made of answers to single texts. A text flips if a latent value is small enough; the value is partly its
own, so that the same texts flip on most draws of the labelled texts, and with all methods that do the same. Gains vary
between draws of the labelled texts, and the log-odds of the texts follow the dose with slopes of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np
from scipy.special import ndtr

from emomech.causal.lm_loss import LanguageShift
from emomech.causal.steering.dose_response import SHARES, DoseResponse
from emomech.causal.steering.experiment import FEATURES
from emomech.chapters.simulation import Parameters, Scenario, Simulation
from emomech.chapters.steering import analysis, cost, evidence
from emomech.chapters.steering.analysis import (
    CONTROL_TASKS,
    LANGUAGE,
    LANGUAGE_MODELLING,
    LEADS,
    RECOGNITION,
    SETTING,
    TRENDS,
    Steering,
)
from emomech.chapters.steering.evidence import NONE
from emomech.chapters.steering.rule import BIAS, DECIDING, LOWERING, MATCHED, MEANS, language, steering
from emomech.stats.estimates import Bools, Estimate, Floats, Ints, bootstrap_weights
from emomech.stats.paired_answers import showable_rise
from emomech.stats.tables import Row, filled, frame

N_LABELS = 7
UNIT = 0.1
"""Ten points of balanced accuracy."""
_WRONG = 0.25
"""Share of the texts that are wrong to begin with."""
_MOST_RESAMPLES = 200
_OWN = 0.7
"""Share of the variance of a flip's latent value that belongs to the text."""
_BETWEEN_DRAWS = 0.015
"""Standard deviation of the gain between draws of the labelled texts."""
_SLOPE, _SLOPES_VARY = 0.6, 0.8
"""Mean slope of the log-odds in a world with a gain of `UNIT`, and its standard deviation between texts, in nats."""
_TASKS = ("kind of a thing", "worth of an event")


@dataclass(frozen=True)
class _World:
    """What is true: gains in units of `UNIT` at an effect of 1, by method; others gain nothing."""

    gain: float = 0.0
    """Gain of the causal features."""
    others: Mapping[str, float] = field(default_factory=dict)
    flips: float = 0.01
    """Share of the texts that become right by luck, and the same share that becomes wrong."""
    loss: float = 0.0
    """Relative rise of the next-token loss."""
    task_lost: float = 0.0
    """Share of the texts of a control task that become wrong."""


@dataclass(frozen=True, eq=False)
class _Texts:
    """The reported texts of a simulated study."""

    gold: Ints
    before: Bools
    latent: Floats
    """Latent value of each text's flip (text)."""
    weights: Floats
    n_draws: int

    @classmethod
    def drawn(cls, rng: np.random.Generator, parameters: Parameters) -> "_Texts":
        """Draw texts at the sizes of the page."""
        n = int(parameters["n_report"]) * N_LABELS
        resamples = min(_MOST_RESAMPLES, int(parameters["n_resamples"]))
        weights = _weights(n, resamples)
        before = rng.random(n) >= _WRONG
        n_draws = int(parameters.get("n_label_draws", 20))
        return cls(np.arange(n) % N_LABELS, before, rng.standard_normal(n), weights, n_draws)

    def after(self, rng: np.random.Generator, gains: Floats, flips: float) -> Bools:
        """Which texts are right on each draw (draw, text), from the expected gain on each draw (draw)."""
        shape = (len(gains), len(self.gold))
        value = ndtr(np.sqrt(_OWN) * self.latent + np.sqrt(1 - _OWN) * rng.standard_normal(shape))
        right = (np.maximum(gains, 0) + flips)[:, None] / _WRONG
        wrong = (np.maximum(-gains, 0) + flips)[:, None] / (1 - _WRONG)
        return np.where(self.before, value >= wrong, value < right)


def _answers(rng: np.random.Generator, texts: _Texts, world: _World, effect: float) -> dict[str, Bools]:
    """Right answers of the features and the controls; those that only lower on one draw (draw, text)."""
    shift = rng.normal(0, _BETWEEN_DRAWS, texts.n_draws)
    true = {FEATURES: world.gain, **dict.fromkeys(DECIDING, 0.0), **world.others}
    right = {}
    for method in (FEATURES, *DECIDING):
        own = shift if true[method] else 0.3 * rng.normal(0, _BETWEEN_DRAWS, texts.n_draws)
        right[method] = texts.after(rng, true[method] * UNIT * effect + own, world.flips)
    for method in LOWERING:
        gain = np.array([true.get(method, 0.0) * UNIT * effect + rng.normal(0, _BETWEEN_DRAWS)])
        right[method] = texts.after(rng, gain, world.flips)
    return {**right, NONE: texts.before[None]}


def _response(rng: np.random.Generator, texts: _Texts, slope: float) -> DoseResponse:
    """Log-odds at doses on both sides of no steering."""
    slopes = rng.normal(slope, _SLOPES_VARY, len(texts.gold))
    log_odds = np.array(SHARES)[:, None] * 2 * slopes + rng.normal(0, 0.2, (len(SHARES), len(slopes)))
    right = np.broadcast_to(texts.before, log_odds.shape)
    return DoseResponse(tuple(0.5 * share for share in SHARES), log_odds, right, texts.weights)


def _setting(texts: _Texts) -> list[Row]:
    n, wrong = len(texts.gold), int((~texts.before).sum())
    room = {"wrong": wrong, "showable": showable_rise(wrong, n), "n": n}
    recognition = {"part": RECOGNITION, "texts": "simulated", "untested": "", **room}
    return [recognition, {**recognition, "part": LANGUAGE_MODELLING}]


def _steered(world: _World, rng: np.random.Generator, parameters: Parameters, effect: float) -> Steering:
    """Draw the tables that the rule of C5 reads."""
    texts = _Texts.drawn(rng, parameters)
    right = _answers(rng, texts, world, effect)
    response = _response(rng, texts, _SLOPE * world.gain * effect)
    return replace(
        _empty(),
        setting=frame(SETTING, _setting(texts)),
        leads=frame(LEADS, evidence.leads(texts.gold, right, texts.weights, 0)),
        shares=frame(analysis.SHARES, evidence.shares(texts.before, right[FEATURES][0], response)),
        trends=frame(TRENDS, evidence.trends(response)),
    )


def _costing(world: _World, rng: np.random.Generator, parameters: Parameters, effect: float) -> Steering:
    """Draw the tables that the rule of C6 reads."""
    texts = _Texts.drawn(rng, parameters)
    gains = world.gain * UNIT * effect + rng.normal(0, _BETWEEN_DRAWS, texts.n_draws)
    right = {FEATURES: texts.after(rng, gains, world.flips), NONE: texts.before[None]}
    keys = {"dose": 0.5, "chosen": True}
    language_row = {"units": FEATURES, **keys, "displacement": 0.02, "loss": _loss(rng, world, len(texts.weights))}
    tasks = [{"task": task, **keys, **_task(rng, world, len(texts.weights))} for task in _TASKS]
    return replace(
        _empty(),
        setting=frame(SETTING, _setting(texts)),
        leads=frame(LEADS, evidence.leads(texts.gold, right, texts.weights, 0)),
        language=frame(LANGUAGE, [{**language_row, "n": cost.N_LANGUAGE}]),
        control_tasks=frame(CONTROL_TASKS, tasks),
    )


def _loss(rng: np.random.Generator, world: _World, n_resamples: int) -> Estimate:
    n = cost.N_LANGUAGE
    tokens = rng.integers(20, 50, n).astype(float)
    before = tokens * rng.lognormal(0.7, 0.3, n)
    after = before * (1 + world.loss + rng.normal(0, 0.02, n))
    shift = LanguageShift(tokens, before, after, np.zeros(n), tokens)
    return cost.loss_rise(shift, _weights(n, n_resamples))


def _task(rng: np.random.Generator, world: _World, n_resamples: int) -> Row:
    n = cost.N_TASK
    before = rng.random(n) < 0.95
    after = before & (rng.random(n) >= world.task_lost)
    weights = _weights(n, n_resamples)
    return cost.accuracy_lost(np.arange(n) % 2, before, after, weights)


@cache
def _empty() -> Steering:
    return filled(Steering)


@cache
def _weights(n: int, n_resamples: int) -> Floats:
    return bootstrap_weights([str(i) for i in range(n)], n_resamples, seed=0)


def _as_well(method: str) -> _World:
    """The features gain, and a control gains the same."""
    return _World(gain=1.0, others={method: 1.0})


_STEERED: Sequence[Scenario[Steering]] = (
    Scenario("no effect", "null", partial(_steered, _World())),
    Scenario("a few lucky flips", "null", partial(_steered, _World(flips=0.018))),
    Scenario("a shift of the prior: the bias gains as much", "null", partial(_steered, _as_well(BIAS))),
    Scenario("any direction gains: matched features gain as much", "null", partial(_steered, _as_well(MATCHED))),
    Scenario("the difference of means gains as much", "null", partial(_steered, _as_well(MEANS))),
    *(
        Scenario(f"{name} gains as much", "partial null", partial(_steered, _as_well(control)))
        for control, name in LOWERING.items()
    ),
    Scenario("the features gain, no control does", "planted", partial(_steered, _World(gain=1.0))),
    Scenario("steering harms", "reversed", partial(_steered, _World(gain=-1.0))),
)
STEERING: Simulation[Steering] = Simulation(steering, "ten points of balanced accuracy", tuple(_STEERED))
LANGUAGE_COST: Simulation[Steering] = Simulation(
    language,
    "ten points of balanced accuracy that steering gains",
    (
        Scenario("nothing is gained", "null", partial(_costing, _World())),
        Scenario("the loss rises by 5 %", "null", partial(_costing, _World(gain=1.0, loss=0.05))),
        Scenario("the loss falls by 10 %", "null", partial(_costing, _World(gain=1.0, loss=-0.1))),
        Scenario("the loss rises by 2 %", "partial null", partial(_costing, _World(gain=1.0, loss=0.02))),
        Scenario("control tasks lose", "partial null", partial(_costing, _World(gain=1.0, task_lost=0.05))),
        Scenario("a gain at no cost", "planted", partial(_costing, _World(gain=1.0))),
    ),
)
SIMULATIONS = (STEERING, LANGUAGE_COST)
