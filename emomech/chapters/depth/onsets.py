"""Onsets of several measures on one scale, and how far apart they lie beyond what noise alone gives.

A profile is a measure at every hook point; its draws are rows (draw, hook point), the profile itself first. All
measures are drawn with the same resamples of texts. A measure is located by the part of its profile above the larger
of its two controls. Its onset is the point at which that part reaches a share of its own maximum, so measures on
different scales are comparable. It is counted in steps: from one hook point to the next.

The first point above a level comes the earlier, the noisier a measure is, so measures with different noise would seem
to differ. Therefore the part up to the maximum is first replaced by the closest one that never falls (isotonic
regression; Barlow et al., 1972, *Statistical Inference under Order Restrictions*).

The spread is the distance between the earliest and the latest onset. It is above zero by noise alone. What noise gives
is the spread of the resampled onsets after each measure's mean is taken off, as if all measures had the same onset.
One number for all measures needs no choice of a pair.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emomech.chapters.conditions import RANDOM_WEIGHTS, SHUFFLED_LABELS, TRAINED, Condition
from emomech.stats.depth_profiles import Lead, lead
from emomech.stats.estimates import Estimate, Floats
from emomech.stats.floors import MOST_BELOW, defined_estimate

LEVELS: Mapping[str, float] = {"a quarter": 0.25, "half": 0.5, "three quarters": 0.75}
"""Shares of the maximum at which a profile counts as begun. The rule's margin applies to half; the others show whether
the answer depends on that choice."""
HALF = "half"
FLOOR = 0.1
"""Smallest lead over the controls, on a scale from 0 to 1, of which shares are taken. Half of it is 0.05, about the
standard error of an accuracy on 70 texts: the onset of a smaller lead is the onset of noise."""
MOST_UNDEFINED = 0.05
"""Largest share of resamples in which an onset may be undefined, with all measures together."""
CONTROLS: tuple[Condition, ...] = (RANDOM_WEIGHTS, SHUFFLED_LABELS)
Profiles = Mapping[tuple[str, str], Floats]
"""Profile (draw, hook point) by condition and measure, at one place."""


@dataclass(frozen=True, eq=False)
class Located:
    """The measures of one task at one place, and the onsets of those that count."""

    leads: Mapping[str, Lead]
    """Largest lead of each measure over the larger control."""
    onsets: Mapping[str, Mapping[str, Floats]]
    """Level -> measure that counts -> onset in steps (draw)."""
    controls: Mapping[Condition, Floats]
    """Spread of each control in steps (draw), at the level that is half of the trained model's lead."""
    larger: Mapping[str, Floats]
    """Value of the larger control of each measure (hook point)."""
    n: int
    """Texts of the measure with the fewest."""

    @classmethod
    def of(cls, profiles: Profiles, n: Mapping[str, int]) -> "Located":
        """Locate all measures from their profiles; `n` is the number of texts of each measure."""
        measures = [measure for condition, measure in profiles if condition == TRAINED]
        larger = {m: np.maximum(*(profiles[control, m] for control in CONTROLS)) for m in measures}
        leads = {m: lead(profiles[TRAINED, m], larger[m], n[m]) for m in measures}
        above = {m: rising(profiles[TRAINED, m] - larger[m]) for m in measures}
        counted = [m for m in measures if leads[m].difference.low > FLOOR and _clear(above[m])]
        onsets = {level: {m: onset(above[m], share) for m in counted} for level, share in LEVELS.items()}
        levels = {m: LEVELS[HALF] * above[m].max(1) for m in counted}
        controls: dict[Condition, Floats] = {}
        for control in CONTROLS if counted else ():
            reached = [crossing(rising(profiles[control, m]), levels[m]) for m in counted]
            controls[control] = _range(np.stack(reached, 1))
        values = {m: of_measure[0] for m, of_measure in larger.items()}
        return cls(leads, onsets, controls, values, min((n[m] for m in counted or measures), default=0))

    @property
    def counted(self) -> list[str]:
        """Measures whose lead is clearly above the floor."""
        return list(self.onsets[HALF])

    def spread(self, level: str = HALF) -> "Spread":
        """How far apart the onsets at a level lie."""
        return Spread.of(list(self.onsets[level].values()), self.n)

    def again(self, redraw: Mapping[str, Floats]) -> dict[str, float]:
        """Onset in steps of each measure that counts, from its profile (hook point) on another draw of the texts.

        The controls stay as they are. NaN for a lead that is not above the floor.
        """
        above = {m: rising((redraw[m] - self.larger[m])[None]) for m in self.counted}
        return {m: float(onset(lead, LEVELS[HALF])[0]) for m, lead in above.items()}

    def beyond(self, control: Condition) -> Estimate:
        """Excess of the spread minus the spread of a control, on the same resamples, in steps.

        A control counts a measure as begun where its own profile reaches the level at which the trained model's onset
        is counted. A measure that never reaches it has no place there; with fewer than two, a control has no spread.
        The interval is normal, because the range over few measures is skewed. NaN with fewer than two measures.
        """
        own = self.spread()
        if not math.isfinite(own.excess.value):
            return own.excess
        difference = own.draws - self.controls[control]
        value = own.excess.value - float(self.controls[control][0])
        reach = 1.96 * float(np.nanstd(difference[1:]))
        return Estimate(value, value - reach, value + reach, self.n)


@dataclass(frozen=True, eq=False)
class Spread:
    """Distance between the earliest and the latest onset, in steps."""

    draws: Floats
    """Of the measures, then of their resamples (draw)."""
    noise: float
    """Expected distance if all measures had the same onset."""
    excess: Estimate
    """Distance minus noise. Its interval excludes 0 only if noise alone gives so large a distance in 2.5 % of cases."""

    @classmethod
    def of(cls, onsets: Sequence[Floats], n: int) -> "Spread":
        """Measure the distance of onsets (draw), one array per measure; NaN with fewer than two measures.

        It is NaN as well if an onset is undefined in the sample itself, or in too many resamples.
        """
        undefined = Estimate(math.nan, math.nan, math.nan, n)
        if len(onsets) < 2:
            return cls(np.array([math.nan]), math.nan, undefined)
        each = np.stack(onsets, 1)
        defined = np.asarray(np.isfinite(each).all(1))
        draws = np.where(defined, np.ptp(each, axis=1), np.nan)
        if not defined[0] or (~defined[1:]).mean() > MOST_UNDEFINED:
            return cls(draws, math.nan, undefined)
        resampled = each[1:][defined[1:]]
        null = np.ptp(resampled - resampled.mean(0), axis=1)
        noise, spread = float(null.mean()), float(draws[0])
        value, reach = spread - noise, 1.96 * float(np.ptp(resampled, axis=1).std())
        low = min(spread - float(np.quantile(null, 0.975)), value - reach)
        return cls(draws, noise, Estimate(value, low, value + reach, n))


def onset(above: Floats, share: float) -> Floats:
    """Step at which each draw of a rising part above the controls reaches a share of its maximum (draw).

    NaN in a draw whose maximum is not above `FLOOR`.
    """
    most = above.max(1)
    return np.where(most > FLOOR, crossing(above, share * most), np.nan)


def rising(profile: Floats) -> Floats:
    """Replace each profile (draw, hook point), up to its maximum, by the closest one that never falls (least squares).

    After its maximum it keeps the maximum of what is fitted. An undefined profile stays undefined.

    Example:
        >>> import numpy as np
        >>> from emomech.chapters.depth.onsets import rising
        >>> rising(np.array([[0.2, 0.0, 0.1, 0.8, 0.5]])).round(2).tolist()
        [[0.1, 0.1, 0.1, 0.8, 0.8]]
    """
    n = profile.shape[1]
    undefined = np.isnan(profile).any(1, keepdims=True)
    profile = np.where(undefined, 0.0, profile)
    last = profile.argmax(1)[:, None]
    sums = np.concatenate([np.zeros((len(profile), 1)), profile.cumsum(1)], 1)
    fitted = np.full(profile.shape, -np.inf)
    for start in range(n):
        means = (sums[:, start + 1 :] - sums[:, start : start + 1]) / np.arange(1, n - start + 1)
        means = np.where(np.arange(start, n) <= last, means, np.inf)
        least = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        fitted[:, start:] = np.maximum(fitted[:, start:], np.where(np.isfinite(least), least, -np.inf))
    fitted = np.where(np.arange(n) <= last, fitted, np.take_along_axis(fitted, last, 1))
    return np.where(undefined, np.nan, fitted)


def crossing(profile: Floats, level: Floats) -> Floats:
    """Step at which a profile (draw, hook point) first reaches a level (draw), interpolated; NaN if it never does.

    Example:
        >>> import numpy as np
        >>> from emomech.chapters.depth.onsets import crossing
        >>> crossing(np.array([[0, 0, 0.4, 0.8], [0, 0.1, 0.1, 0.1]]), np.array([0.2, 0.2])).tolist()
        [1.5, nan]
    """
    reached = profile >= level[:, None]
    first, draw = reached.argmax(1), np.arange(len(profile))
    before = np.maximum(first - 1, 0)
    low, high = profile[draw, before], profile[draw, first]
    rise = np.where(first > 0, high - low, 1)
    share = np.divide(level - low, rise, out=np.zeros(len(profile)), where=rise > 0)
    return np.where(reached.any(1), np.where(first > 0, before + share, 0), np.nan)


def _clear(above: Floats) -> bool:
    """Whether all but a few resamples of a profile (draw, hook point) have a maximum above the floor."""
    return bool((above[1:].max(1) <= FLOOR).mean() <= MOST_BELOW)


def _range(steps: Floats) -> Floats:
    """Distance between the earliest and the latest defined value (draw, measure); 0 with fewer than two (draw)."""
    defined = np.isfinite(steps)
    latest = np.where(defined, steps, -np.inf).max(1)
    earliest = np.where(defined, steps, np.inf).min(1)
    return np.where(defined.sum(1) > 1, latest - earliest, 0.0)


def depth_of(steps: Floats, depths: Floats, n: int) -> Estimate:
    """Onset in units of depth (0 embedding, 1 last block) from steps (draw); `depths` is (hook point)."""
    return defined_estimate(np.interp(steps, np.arange(len(depths)), depths), n)
