"""Where in depth the stages are: amounts, centres of gravity, and the order that a control shows.

A centre of gravity is a ratio, and needs a profile: it is undefined unless the stage explains clearly more than
`FLOOR`. A control in which nothing can be read has no centre either, but it can still be compared. Its *order* is the
difference of its centres; where its profile is weaker than `FULL` of the trained model's, it counts only in proportion.
So a control with hardly any profile shows hardly any order, and no division by a number near zero occurs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from emomech.stats.depth_profiles import centre_of_gravity
from emomech.stats.estimates import Estimate, Floats, standard_interval

CONTRASTS: Mapping[str, tuple[str, str]] = {
    "semantics − syntax": ("semantics", "syntax"),
    "emotion − semantics": ("emotion", "semantics"),
    "emotion − syntax": ("emotion", "syntax"),
}
"""The deeper and the less deep stage of each difference that the claim says is positive."""
STEPS = ("semantics − syntax", "emotion − semantics")
"""The two steps of the order; the third difference follows from them."""
FLOOR = 0.002
"""Least share of the features' variance that a stage explains: that of one feature in five hundred."""
FULL = 0.25
"""Share of the trained model's profile from which on the order of a control counts in full."""


@dataclass(frozen=True)
class StageProfiles:
    """Profiles of the stages at one kind of place, in one condition."""

    depth: Floats
    """Relative depth (layer)."""
    explained: Mapping[str, Floats]
    """Stage -> share of the features' variance (draw, layer): first that of the full sample, then the resamples."""
    n_reads: int

    def amounts(self) -> dict[str, Floats]:
        """Mean over layers of what each stage explains (draw)."""
        return {stage: profile.mean(1) for stage, profile in self.explained.items()}

    def present(self) -> set[str]:
        """Stages that explain more than `FLOOR`, by the lower end of their interval."""
        return {stage for stage, amount in self.amounts().items() if estimate(amount, self.n_reads).low > FLOOR}

    def centres(self) -> dict[str, Floats]:
        """Depth centre of gravity of each stage (draw); NaN for a stage that is not present."""
        present = self.present()
        return {
            stage: centre_of_gravity(self.depth, profile) if stage in present else np.full(len(profile), np.nan)
            for stage, profile in self.explained.items()
        }

    def differences(self) -> dict[str, Floats]:
        """How much deeper one stage lies than another (draw), for each contrast of stages that can be read."""
        centres = self.centres()
        return {name: centres[later] - centres[earlier] for name, later, earlier in self._contrasts()}

    def differences_unchecked(self) -> dict[str, Floats]:
        """The same whether or not the stages are present (draw); NaN where a profile is not positive on the whole."""
        centre = {stage: centre_of_gravity(self.depth, profile) for stage, profile in self.explained.items()}
        return {name: centre[later] - centre[earlier] for name, later, earlier in self._contrasts()}

    def beyond(self, control: "StageProfiles") -> dict[str, Floats]:
        """The differences less those of a control, on the same draws of the texts (draw)."""
        own = self.differences()
        return {
            name: own[name] - (self._pull(control, later) - self._pull(control, earlier))
            for name, later, earlier in self._contrasts()
        }

    def _contrasts(self) -> Iterator[tuple[str, str, str]]:
        for name, (later, earlier) in CONTRASTS.items():
            if later in self.explained and earlier in self.explained:
                yield name, later, earlier

    def _pull(self, control: "StageProfiles", stage: str) -> Floats:
        """How far the centre of a control's stage lies from the middle of the layers (draw); near 0 if it is weak."""
        weight, own = control.explained[stage], self.explained[stage]
        full = np.maximum(weight.sum(1), FULL * own.sum(1))
        return weight @ (self.depth - self.depth.mean()) / np.where(full > 0, full, np.nan)


def estimate(draws: Floats, n: int, least: float = -1) -> Estimate:
    """Value of the full sample (first of the draws) with its normal 95 % interval, cut to [`least`, 1].

    Products of two halves are skewed under resampling where there is no effect, so percentiles have the wrong centre.
    """
    return standard_interval(float(draws[0]), draws[1:], n, (least, 1))
