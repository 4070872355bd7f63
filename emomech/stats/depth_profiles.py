"""Where in depth a curve lies and what shape it has: centre of gravity, step or ramp, summary of a profile."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from emomech.stats.estimates import Estimate, Floats, estimated, ratio
from emomech.stats.testing import two_sided

LEVEL = 0.05
LEAST = 0.01
"""A lead that may be smaller than this, on a scale from 0 to 1, is not worth a place in depth."""


def difference(first: Floats, second: Floats, n: int) -> tuple[Estimate, float]:
    """First less second, with its interval, and the two-sided p-value that they are equal.

    The p-value is twice the share of draws on the other side of zero, never below 2 / (draws + 1); NaN where half
    of the draws or more are undefined.
    """
    gain = first - second
    found = estimated(gain, n)
    if not np.isfinite([found.value, found.low]).all():
        return Estimate(float(gain[0]), float("nan"), float("nan"), n), float("nan")
    return found, two_sided(gain[1:])


@dataclass(frozen=True)
class Lead:
    """The largest lead of a profile over its control."""

    at: int
    """Number of the hook point."""
    trained: float
    control: float
    difference: Estimate
    """With an interval that allows for the choice among hook points."""

    @property
    def shows(self) -> bool:
        """Whether there is anything beyond the control."""
        return self.difference.low > LEAST


def lead(trained: Floats, control: Floats, n: int) -> Lead:
    """Find where a profile exceeds its control most.

    The interval is normal, 95 % for all hook points together (Bonferroni): the largest of many leads is
    positive by chance.
    """
    from scipy.stats import norm

    gain = trained - control
    at = int(gain[0].argmax())
    reach = float(norm.ppf(1 - LEVEL / 2 / gain.shape[1])) * float(gain[1:, at].std())
    value = float(gain[0, at])
    found = Estimate(value, value - reach, value + reach, n)
    return Lead(at, float(trained[0, at]), float(control[0, at]), found)


def onset(depth: Floats, profile: Floats) -> Floats:
    """Depth at which each draw first reaches half of its maximum (draw), interpolated; NaN where none is positive."""
    half = profile.max(1, keepdims=True) / 2
    first = (profile >= half).argmax(1)
    before, draw = np.maximum(first - 1, 0), np.arange(len(profile))
    low, high = profile[draw, before], profile[draw, first]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(first > 0, (half[:, 0] - low) / (high - low), 0)
    found = depth[before] + share * (depth[first] - depth[before])
    return np.where(half[:, 0] > 0, found, np.nan)


def summaries(depth: Floats, trained: Floats, control: Floats) -> dict[str, Floats]:
    """Onset and centre of gravity (draw) of a profile above its control."""
    above = np.maximum(trained - control, 0)
    return {"onset": onset(depth, above), "centre of gravity": centre_of_gravity(depth, above)}


def centre_of_gravity(depth: Floats, profile: Floats) -> Floats:
    """Mean depth weighted by a profile (…, layer), as in Tenney et al. (2019); NaN where it is zero throughout."""
    return ratio((profile * depth).sum(-1), profile.sum(-1))


def segment(profile: Floats, k: int) -> list[int]:
    """Cut a profile (layer, family) into `k` runs of layers of least squared error; return where each run starts.

    Exact dynamic programme (Fisher, 1958; Bellman, 1961).
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
    """Mean squared error on a held-out profile of the best `k`-step function of the other (layer, family)."""
    edges = [*segment(fit, k), len(fit)]
    steps = np.concatenate([np.repeat(fit[a:b].mean(0, keepdims=True), b - a, 0) for a, b in pairwise(edges)])
    return float(((held_out - steps) ** 2).mean())


def ramp_error(fit: Floats, held_out: Floats, depth: Floats) -> float:
    """Mean squared error on a held-out profile of a straight line in depth, fitted per family to the other."""
    design = np.stack([np.ones_like(depth), depth], 1)
    line, *_ = np.linalg.lstsq(design, fit, rcond=None)
    return float(((held_out - design @ line) ** 2).mean())
