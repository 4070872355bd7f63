"""Where in depth a profile begins and has its weight, and whether two profiles differ in that, over bootstrap draws.

A profile is an array (draw, hook point) whose first row is all texts and whose other rows are resamples of them. What
is summarised is the trained model's profile above that of a control; where its largest lead over the control is not
beyond chance there is nothing to summarise.
"""

from dataclasses import dataclass

import numpy as np

from emomech.stats import Estimate, Floats, centre_of_gravity, estimated, two_sided

LEVEL = 0.05
LEAST = 0.01
"""A lead that may be smaller than this, on a scale from 0 to 1, is not worth a place in depth."""


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


def holm(p: Floats) -> Floats:
    """Correct p-values for their number (Holm, 1979); undefined ones count as no test."""
    found = np.full(len(p), np.nan)
    order = [int(i) for i in np.argsort(p) if np.isfinite(p[i])]
    worst = 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, float(p[i]) * (len(order) - rank)))
        found[i] = worst
    return found
