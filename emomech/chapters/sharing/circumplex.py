"""Whether features follow valence or arousal from emotion to emotion, against every other order of the names.

Where the circumplex has an emotion (Russell, 1980) is a coarse code: pleasant, neutral or unpleasant, high or low. Few
emotions have few orders, and many of these give the same code; the smallest p-value that can be reached is one over
the number of codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from emomech.data.grammar.events import AROUSAL, VALENCE
from emomech.stats.estimates import Floats

_SIDES = {"pleasant": 1.0, "neutral": 0.0, "unpleasant": -1.0, "high": 1.0, "low": -1.0}
_AXES: Mapping[str, Mapping[str, str]] = {"valence": VALENCE, "arousal": AROUSAL}
AXIS_NAMES = tuple(_AXES)
_NEAR = 1e-9
MOST = 9
"""More emotions than this have too many orders to try them all."""


@dataclass(frozen=True)
class Fit:
    """How well profiles follow an axis, and how well they follow it with names exchanged."""

    value: float
    low: float
    high: float
    p: float
    least_p: float


def axes(labels: Sequence[str]) -> dict[str, Floats]:
    """Give every label's place on each axis (label); none where the circumplex does not have all of the labels."""
    if not set(labels) <= set(VALENCE) or len(labels) > MOST:
        return {}
    return {name: np.array([_SIDES[side[label]] for label in labels]) for name, side in _AXES.items()}


def fit(profiles: Floats, axis: Floats) -> Fit:
    """Mean squared correlation of profiles (feature, label) with an axis (label), and its exact null.

    Undefined without a profile that varies, or for an axis that does not.
    """
    centred = profiles - profiles.mean(1, keepdims=True)
    size = np.linalg.norm(centred, axis=1)
    centred = centred[size > 0] / size[size > 0, None]
    orders = np.array(sorted(set(permutations(axis - axis.mean()))))
    if not len(centred) or not np.ptp(axis):
        return Fit(*[float("nan")] * 5)
    orders /= np.linalg.norm(orders, axis=1, keepdims=True)
    fits = ((orders @ centred.T) ** 2).mean(1)
    own = (axis - axis.mean()) / np.linalg.norm(axis - axis.mean())
    value = float(((centred @ own) ** 2).mean())
    least = float(((orders @ own) ** 2 >= 1 - _NEAR).mean())  # turned around, an axis fits as well
    low, high = np.quantile(fits, [0.025, 0.975])
    return Fit(value, float(low), float(high), float((fits >= value - _NEAR).mean()), least)
