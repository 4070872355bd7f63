"""Studies in worlds whose truth is known, to try the rule of claim C8.

Each text has a chance to flip under an edit of each third, drawn anew for each method but higher for some texts, as a
text near the border flips easily. Texts of one cluster are alike. Intervals come from the functions of `flips` that the
analysis uses.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import get_args

import numpy as np

from emomech.chapters.early_layers.flips import mean_flips, rise_of_loss
from emomech.chapters.early_layers.rule import early_layers
from emomech.chapters.early_layers.tables import (
    AVERAGE,
    CONTRASTS,
    EARLY_LESS,
    LANGUAGE,
    LOSSES,
    REFERENCE,
    SETTING,
    EarlyLayers,
)
from emomech.chapters.early_layers.weight_edits import THIRDS, EditMethod
from emomech.chapters.simulation import Parameters, Scenario, Simulation, World
from emomech.chapters.tasks import EMOTION
from emomech.stats.estimates import Floats
from emomech.stats.tables import filled, frame

_N_LABELS, _CLUSTERS = 7, 0.93
"""Labels, and clusters for each text: most texts stand alone."""
_UNIT = 0.1
"""Accuracy that an effect of size 1 costs."""
_NOISE = 0.002
"""Chance that a text flips in either direction without a cost."""
_EASE = 0.3
"""Shape of the chances of the texts: small, so that few texts flip often and most never."""
_LOSS, _TOKENS = 2.0, 15
"""Next-token loss in nats, and tokens of a text."""
_HALF, _SAFE = 0.05, 0.002


def _draw(
    costs: Mapping[str, float], rise: float, rng: np.random.Generator, parameters: Parameters, effect: float
) -> EarlyLayers:
    """Draw a study. `costs` are losses of accuracy by third, of which those above `_HALF` scale with the effect."""
    n, n_language = int(parameters["most"]) * _N_LABELS, int(parameters["n_language"])
    cluster = np.arange(n) % round(_CLUSTERS * n)
    clusters = list(map(str, cluster))
    ease = rng.gamma(_EASE, 1 / _EASE, n)[cluster]
    lost = {third: _lost(rng, ease, cost * (effect if cost >= _HALF else 1)) for third, cost in costs.items()}
    before = rng.gamma(20, _LOSS * _TOKENS / 20, n_language)
    after = before * (1 + rise + rng.normal(0, 0.03, n_language))
    edit = {"third": THIRDS[0], "method": AVERAGE, "target": REFERENCE, "dose": "", "change": REFERENCE}
    contrasts = [
        {
            "target": REFERENCE,
            "contrast": contrast,
            "task": EMOTION,
            "difference": mean_flips(lost[THIRDS[0]] - lost[other], clusters),
            "n": n,
        }
        for contrast, other in EARLY_LESS.items()
    ]
    return replace(
        _empty(),
        losses=frame(LOSSES, [{**edit, "task": EMOTION, "loss": mean_flips(lost[THIRDS[0]], clusters), "n": n}]),
        language=frame(LANGUAGE, [{**edit, "rise": rise_of_loss(before, after), "n": n_language}]),
        contrasts=frame(CONTRASTS, contrasts),
    )


def _lost(rng: np.random.Generator, ease: Floats, cost: float) -> Floats:
    """Mean over the methods of what each text loses (text)."""
    n_methods = len(get_args(EditMethod))
    worse = rng.random((n_methods, len(ease))) < np.minimum(1, cost * ease / max(ease.mean(), 1e-9)) + _NOISE
    better = rng.random((n_methods, len(ease))) < _NOISE
    return (worse.astype(float) - better).mean(0)


@cache
def _empty() -> EarlyLayers:
    """Tables that are the same in every study."""
    return filled(EarlyLayers, setting=frame(SETTING, [{"task": EMOTION, "untested": ""}]))


def _scenario(name: str, world: World, costs: tuple[float, float, float], rise: float = 0.01) -> Scenario[EarlyLayers]:
    return Scenario(name, world, partial(_draw, dict(zip(THIRDS, costs, strict=True)), rise))


SIMULATION = Simulation(
    rule=early_layers,
    units="ten points of balanced accuracy, lost by editing the other thirds",
    scenarios=(
        _scenario("all thirds lose five points", "null", (_HALF, _HALF, _HALF)),
        _scenario("all thirds lose three points", "null", (0.03, 0.03, 0.03)),
        _scenario("early layers lose three points, others one", "null", (0.03, 0.01, 0.01)),
        _scenario("no third loses anything", "partial null", (_SAFE, _SAFE, _SAFE)),
        _scenario("early layers lose three points, others more", "partial null", (0.03, _UNIT, _UNIT)),
        _scenario(
            "early layers lose less than the middle, but not than the late", "partial null", (_SAFE, _UNIT, _SAFE)
        ),
        _scenario("the language is harmed", "partial null", (_SAFE, _UNIT, _UNIT), 0.08),
        _scenario("early layers lose nothing, others ten points", "planted", (_SAFE, _UNIT, _UNIT)),
        _scenario("early layers lose more", "reversed", (_UNIT, _SAFE, _SAFE)),
    ),
)
