"""Locate a profile in depth and describe its shape: lead over a control, onset, centre of gravity, steps or ramp.

A profile is a measure at every hook point, in order of depth. Draws of a profile are rows (draw, hook point): first the
profile itself, then its resamples (see `estimates.from_draws`).

Example:
    >>> import numpy as np
    >>> from emomech.stats.depth_profiles import centre_of_gravity, onset
    >>> depth, profile = np.linspace(0, 1, 5), np.array([[0, 0, 0.5, 1.0, 0.5]])
    >>> onset(depth, profile).tolist(), centre_of_gravity(depth, profile).tolist()
    ([0.5], [0.75])
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emomech.stats.estimates import Estimate, Floats, from_draws, ratio
from emomech.stats.testing import LEVEL, two_sided

LEAST = 0.01
"""A lead counts only if the lower end of its interval exceeds this value, on a scale from 0 to 1."""


def difference(first: Floats, second: Floats, n: int) -> tuple[Estimate, float]:
    """First minus second (both: draw), with its interval, and the two-sided p-value for no difference.

    See `testing.two_sided` for the p-value. Interval and p-value are NaN if half of the draws or more are undefined.
    """
    gain = first - second
    estimate = from_draws(gain, n)
    if not np.isfinite([estimate.value, estimate.low]).all():
        return Estimate(float(gain[0]), float("nan"), float("nan"), n), float("nan")
    return estimate, two_sided(gain[1:])


@dataclass(frozen=True)
class Lead:
    """The largest lead of a profile over its control."""

    at: int
    """Index of the hook point."""
    trained: float
    """Value of the profile there."""
    control: float
    """Value of the control there."""
    difference: Estimate
    """The lead, with an interval that allows for the choice among hook points."""

    @property
    def shows(self) -> bool:
        """Whether the profile exceeds its control by more than `LEAST`."""
        return self.difference.low > LEAST


def lead(trained: Floats, control: Floats, n: int) -> Lead:
    """Find the hook point where a profile exceeds its control most (both: draw, hook point).

    The interval is normal and covers all hook points together at 95 % (Bonferroni), because the largest of many leads
    is positive by chance.
    """
    from scipy.stats import norm

    gain = trained - control
    at = int(gain[0].argmax())
    reach = float(norm.ppf(1 - LEVEL / 2 / gain.shape[1])) * float(gain[1:, at].std())
    value = float(gain[0, at])
    estimate = Estimate(value, value - reach, value + reach, n)
    return Lead(at, float(trained[0, at]), float(control[0, at]), estimate)


def onset(depth: Floats, profile: Floats) -> Floats:
    """Depth at which each draw first reaches half of its maximum (draw), interpolated; NaN if no value is positive.

    `depth` is (hook point), `profile` is (draw, hook point).
    """
    half = profile.max(1, keepdims=True) / 2
    first = (profile >= half).argmax(1)
    before, draw = np.maximum(first - 1, 0), np.arange(len(profile))
    low, high = profile[draw, before], profile[draw, first]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(first > 0, (half[:, 0] - low) / (high - low), 0)
    crossing = depth[before] + share * (depth[first] - depth[before])
    return np.where(half[:, 0] > 0, crossing, np.nan)


def summaries(depth: Floats, trained: Floats, control: Floats) -> dict[str, Floats]:
    """Onset and centre of gravity (draw) of the part of a profile above its control; both (draw, hook point)."""
    above = np.maximum(trained - control, 0)
    return {"onset": onset(depth, above), "centre of gravity": centre_of_gravity(depth, above)}


def centre_of_gravity(depth: Floats, profile: Floats) -> Floats:
    """Mean depth weighted by a profile (…, layer), as in Tenney et al. (2019); NaN if the profile is 0 everywhere."""
    return ratio((profile * depth).sum(-1), profile.sum(-1))


def segment(profile: Floats, k: int) -> list[int]:
    """Cut a profile (layer, family) into `k` runs of layers with the least squared error; return the run starts.

    Exact, by dynamic programming (Fisher, 1958; Bellman, 1961).

    Example:
        >>> import numpy as np
        >>> from emomech.stats.depth_profiles import segment
        >>> segment(np.array([[0.1], [0.0], [0.9], [1.0], [0.5]]), k=3)
        [0, 2, 4]
    """
    n = len(profile)
    cost = np.full((n + 1, n + 1), np.inf)
    for start in range(n):
        for stop in range(start + 1, n + 1):
            run = profile[start:stop]
            cost[start, stop] = ((run - run.mean(0)) ** 2).sum()
    best = np.full((k + 1, n + 1), np.inf)
    best[0, 0] = 0
    cut = np.zeros((k + 1, n + 1), dtype=int)
    for run in range(1, k + 1):
        for stop in range(run, n + 1):
            totals = best[run - 1, :stop] + cost[:stop, stop]
            cut[run, stop] = int(np.argmin(totals))
            best[run, stop] = totals[cut[run, stop]]
    starts, stop = [], n
    for run in range(k, 0, -1):
        stop = int(cut[run, stop])
        starts.append(stop)
    return starts[::-1]


def step_error(fit: Floats, held_out: Floats, k: int) -> float:
    """Mean squared error of the best `k`-step function of one profile on another (both: layer, family)."""
    edges = [*segment(fit, k), len(fit)]
    steps = np.concatenate([np.repeat(fit[a:b].mean(0, keepdims=True), b - a, 0) for a, b in pairwise(edges)])
    return float(((held_out - steps) ** 2).mean())


def ramp_error(fit: Floats, held_out: Floats, depth: Floats) -> float:
    """Mean squared error of a line in depth, fitted per family to one profile, on another (both: layer, family)."""
    design = np.stack([np.ones_like(depth), depth], 1)
    line, *_ = np.linalg.lstsq(design, fit, rcond=None)
    return float(((held_out - design @ line) ** 2).mean())
