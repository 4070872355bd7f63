"""Whether features follow valence or arousal from emotion to emotion, in comparison with all exchanges of the names.

The circumplex (Russell, 1980) is used as a coarse code: valence is pleasant, neutral or unpleasant, and arousal is high
or low. A small number of emotions has few orders, and many orders give the same code; the smallest possible p-value is
one over the number of different codes.
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
"""Most emotions for which all orders of the names are tried."""


@dataclass(frozen=True)
class AxisFit:
    """How well profiles follow an axis, and the range of that fit when the names of the emotions are exchanged."""

    value: float
    low: float
    """Lower end of the range that holds 95 % of the fits with exchanged names."""
    high: float
    p: float
    """Share of all exchanges that fit at least as well."""
    least_p: float
    """Smallest p-value possible."""


def axes(labels: Sequence[str]) -> dict[str, Floats]:
    """Value of every label on each axis (label); empty if the circumplex lacks a label or there are too many labels.

    Example:
        >>> from emomech.chapters.sharing.circumplex import axes
        >>> axes(("joy", "sadness", "surprise"))["valence"].tolist()
        [1.0, -1.0, 0.0]
    """
    if not set(labels) <= set(VALENCE) or len(labels) > MOST:
        return {}
    return {name: np.array([_SIDES[side[label]] for label in labels]) for name, side in _AXES.items()}


def fit(profiles: Floats, axis: Floats) -> AxisFit:
    """Mean squared correlation of profiles (feature, label) with an axis (label), and its exact permutation null.

    All values are NaN if no profile varies, or if the axis does not.
    """
    centred = profiles - profiles.mean(1, keepdims=True)
    size = np.linalg.norm(centred, axis=1)
    centred = centred[size > 0] / size[size > 0, None]
    orders = np.array(sorted(set(permutations(axis - axis.mean()))))
    if not len(centred) or not np.ptp(axis):
        return AxisFit(*[float("nan")] * 5)
    orders /= np.linalg.norm(orders, axis=1, keepdims=True)
    fits = ((orders @ centred.T) ** 2).mean(1)
    unit = (axis - axis.mean()) / np.linalg.norm(axis - axis.mean())
    value = float(((centred @ unit) ** 2).mean())
    least = float(((orders @ unit) ** 2 >= 1 - _NEAR).mean())  # the reversed axis fits equally well
    low, high = np.quantile(fits, [0.025, 0.975])
    return AxisFit(value, float(low), float(high), float((fits >= value - _NEAR).mean()), least)
