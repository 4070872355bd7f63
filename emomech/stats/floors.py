"""Ratios with a floor under the denominator: undefined where the denominator may be close to zero.

A share of an effect says nothing if there is hardly an effect: the share is then large, of either sign, and its
interval spans thousands. So a ratio is defined only if the interval of its denominator lies above a floor, a value that
the caller states with its reason. A resample with a denominator at or below the floor is undefined as well.

Example:
    >>> import numpy as np
    >>> from emomech.stats.floors import floored_estimate, floored_ratio
    >>> rng = np.random.default_rng(0)
    >>> lost = np.array([1.0, *rng.normal(1, 0.1, 400)])  # in nats: the value, then its resamples
    >>> for whole in (2.0, 0.1):
    ...     print(floored_estimate(lost, np.array([whole, *rng.normal(whole, 0.2, 400)]), floor=0.5, n=40))
    0.50 [0.38, 0.66]
    undefined
"""

import math

import numpy as np

from emomech.stats.estimates import Bools, Estimate, Floats, from_draws

MOST_BELOW = 0.025
"""Largest share of resamples that may lie at or below the floor. More of them, and the lower end of the 95 % interval
of the denominator is not above the floor."""


def above_floor(bottom: Floats, floor: float) -> Bools:
    """Whether denominators (draw, …) are clearly above a floor (…): the value, and all but 2.5 % of the resamples.

    The first draw is the value itself, the others are its resamples. An undefined draw counts as below. Raises
    ValueError for a negative floor: a denominator of either sign crosses zero.
    """
    if floor < 0:
        raise ValueError(f"floor {floor}: expected at least 0.")
    below = ~(np.asarray(bottom) > floor)
    return ~below[0] & (below[1:].sum(0) <= MOST_BELOW * max(1, len(below) - 1))


def floored_ratio(top: Floats, bottom: Floats, floor: float) -> Floats:
    """Divide draws (draw, …) element by element; NaN wherever the denominator is not clearly above the floor.

    All draws of a ratio are NaN unless its denominator is `above_floor`; if it is, single resamples at or below the
    floor are NaN. The shapes are broadcast against each other; the first axis of both is the draw.
    """
    top, bottom = np.broadcast_arrays(np.asarray(top, dtype=float), np.asarray(bottom, dtype=float))
    defined = above_floor(bottom, floor) & (bottom > floor)
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=defined)


def floored_estimate(top: Floats, bottom: Floats, floor: float, n: int) -> Estimate:
    """Ratio of two sets of draws (draw) with its percentile interval; undefined as in `floored_ratio`."""
    return defined_estimate(floored_ratio(top, bottom, floor), n)


def defined_estimate(draws: Floats, n: int) -> Estimate:
    """Estimate of draws (draw), of which some may be NaN: undefined if the first is, or more than 2.5 % of the rest.

    `estimates.from_draws` leaves out undefined resamples as long as half are defined. That is too lenient where they
    are undefined because a denominator came close to zero: those would have had the largest values.
    """
    resampled = draws[1:]
    if not math.isfinite(draws[0]) or (~np.isfinite(resampled)).sum() > MOST_BELOW * len(resampled):
        return Estimate(math.nan, math.nan, math.nan, n)
    return from_draws(draws, n)


def undefined_because(bottom: Floats, floor: float, unit: str, n: int) -> str:
    """Say in words why a ratio has no value, from the draws of its denominator (draw); empty text if it has one.

    Example:
        >>> import numpy as np
        >>> from emomech.stats.floors import undefined_because
        >>> undefined_because(np.array([0.4, *np.linspace(-0.2, 1.0, 100)]), floor=0.5, unit="nats", n=40)
        'undefined: the denominator, 0.40 [−0.17, 0.97] nats, is not clearly above 0.5 nats'
    """
    if bool(above_floor(bottom, floor)):
        return ""
    return f"undefined: the denominator, {from_draws(bottom, n)} {unit}, is not clearly above {floor:g} {unit}"
