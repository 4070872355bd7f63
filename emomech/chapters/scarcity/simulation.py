"""Worlds in which the rule for claim C9 is tried: few seeds, with and without an effect of scarcity.

Each model has an effective number of features for every emotion. Models of one seed share some of their deviation;
texts add noise. Changes and their intervals are made by the code of the analysis.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from emomech.causal.concentration import EFFECTIVE
from emomech.chapters.scarcity.analysis import CONTRASTS, SETTING, Scarcity
from emomech.chapters.scarcity.embedded_models import Comparison
from emomech.chapters.scarcity.rule import scarcity
from emomech.chapters.scarcity.seeds import EMOTION, RIVAL, SeedValues, contrast_rows, deciding
from emomech.chapters.simulation import Parameters, Scenario, Simulation
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.stats.estimates import Floats
from emomech.stats.tables import filled, frame

LABELS = ("disgust", "anger", "joy", "sadness", "fear", "surprise", "calm")
_ROLES = {"disgust": EMOTION, "anger": RIVAL}
SIZE = 3.0
"""Usual effective number of features."""
OF_SEED, OF_MODEL = 0.1, 0.1
"""Standard deviations, on the logarithm, of a seed, and of an emotion in one model of a seed."""
OF_TEXTS = 0.3
"""Standard deviation, on the logarithm, of what one text says about an effective number."""
UNIT = float(np.log(2))
"""An effect of 1 on the logarithm of the effective number."""


@dataclass(frozen=True)
class _World:
    """Whose number scarcity changes."""

    emotion: bool = False
    rival: bool = False
    others: bool = False
    """Whether all other emotions change as much in the same models."""


def _study(world: _World) -> Callable[[np.random.Generator, Parameters, float], Scarcity]:
    def draw(rng: np.random.Generator, parameters: Parameters, effect: float) -> Scarcity:
        """Draw the tables of one study, with as many seeds as the page has models of each kind."""
        n_seeds = _seeds(str(parameters["models"]))
        own = rng.normal(0, 0.4, len(LABELS))
        of_seed = rng.normal(0, OF_SEED, (n_seeds, len(LABELS)))
        shifts = {"frequent": np.zeros(len(LABELS))}
        for kind, label, changes in (("scarce", 0, world.emotion), ("rival", 1, world.rival)):
            shifts[kind] = np.full(len(LABELS), UNIT * effect * world.others)
            shifts[kind][label] = UNIT * effect * (changes or world.others)
        logs = {
            (kind, seed): own + of_seed[seed] + shift + rng.normal(0, OF_MODEL, len(LABELS))
            for kind, shift in shifts.items()
            for seed in range(n_seeds)
        }
        comparisons = {
            (label, 0.02): Comparison(_names(kind, n_seeds), _names("frequent", n_seeds), 0.18)
            for label, kind in (("disgust", "scarce"), ("anger", "rival"))
        }
        noise = OF_TEXTS / np.sqrt(int(parameters["n_texts"]))
        draws = [_models(rng, logs, noise) for _ in range(max(1, int(parameters.get("n_draws", 5))))]
        values: dict[str, list[float]] = {}
        tables = [list(contrast_rows(models, comparisons, LABELS)) for models in draws]
        for rows in tables:
            for name, estimate in deciding(rows, _ROLES).items():
                values.setdefault(name, []).append(estimate.value)
        setting = {
            "emotion": "disgust",
            "rival": "anger",
            "hook_point": "",
            "n_models": len(logs),
            "n": 0,
            "untested": "",
        }
        return replace(
            _empty(),
            setting=frame(SETTING, [setting]),
            contrasts=frame(CONTRASTS, tables[0]),
            stability=frame(STABILITY, stability_rows(values)),
        )

    return draw


@cache
def _empty() -> Scarcity:
    return filled(Scarcity)


def _seeds(models: str) -> int:
    """Fewest models of one kind in a list of names, such as `organism-disgust02-seed1`."""
    kinds = [name.strip().partition("-seed")[0] for name in models.split(",")]
    return max(2, min(kinds.count(kind) for kind in set(kinds)))


def _names(kind: str, n_seeds: int) -> list[str]:
    return [f"{kind}-{seed}" for seed in range(n_seeds)]


def _models(rng: np.random.Generator, logs: Mapping[tuple[str, int], Floats], noise: float) -> dict[str, SeedValues]:
    """Measure every model on one draw of the texts."""
    return {
        f"{kind}-{seed}": SeedValues(seed, {EFFECTIVE: SIZE * np.exp(log + rng.normal(0, noise, len(LABELS)))})
        for (kind, seed), log in logs.items()
    }


SIMULATION = Simulation(
    rule=scarcity,
    units="a scarce emotion is spread over twice as many features",
    scenarios=(
        Scenario("scarcity changes nothing", "null", _study(_World())),
        Scenario("all emotions rise alike", "null", _study(_World(emotion=True, rival=True, others=True))),
        Scenario("the emotion rises, a rival does not", "partial null", _study(_World(emotion=True))),
        Scenario("a rival rises, the emotion does not", "partial null", _study(_World(rival=True))),
        Scenario("scarcity makes diffuse", "planted", _study(_World(emotion=True, rival=True))),
        Scenario(
            "scarcity concentrates", "reversed", lambda rng, p, effect: _study(_World(True, True))(rng, p, -effect)
        ),
    ),
    effects=(0.25, 0.5, 1.0, 2.0),
    effect=2.0,
)
