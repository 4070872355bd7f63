"""Estimates of both parts of the claim from values of single texts: how many features it takes, and how they compare.

The analysis measures what each text loses, or whether its answer is kept; the simulation draws it. From there on both
use these functions, so that the error rates of the rule are those of the intervals on the page.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from emomech.causal.ablation import first_reaching, place_reaching
from emomech.stats.estimates import Floats, Ints, from_draws
from emomech.stats.floors import defined_estimate, floored_ratio
from emomech.stats.tables import Row

PartName = Literal["necessity", "sufficiency"]
NECESSITY: PartName = "necessity"
SUFFICIENCY: PartName = "sufficiency"
PARTS: tuple[PartName, ...] = (NECESSITY, SUFFICIENCY)
ContenderName = Literal[
    "SAE features",
    "writing no label",
    "matched features",
    "shuffled labels",
    "residual dimensions",
    "random dictionary",
    "random weights",
]
"""The ranking of the features; the ranking without features that write a label; features that fire alike; the ranking
for permuted labels; residual dimensions, ranked alike; random directions, ranked alike; random directions, ranked
alike, in a network with random weights."""
FEATURES: ContenderName = "SAE features"
SILENT: ContenderName = "writing no label"
MATCHED: ContenderName = "matched features"
SHUFFLED: ContenderName = "shuffled labels"
DIMENSIONS: ContenderName = "residual dimensions"
RANDOM: ContenderName = "random dictionary"
UNTRAINED: ContenderName = "random weights"
VARIANTS: tuple[ContenderName, ...] = (FEATURES, SILENT)
BASELINES: Mapping[PartName, tuple[ContenderName, ...]] = {
    NECESSITY: (MATCHED, SHUFFLED, DIMENSIONS, RANDOM, UNTRAINED),
    SUFFICIENCY: (MATCHED, SHUFFLED, DIMENSIONS, RANDOM),
}
"""What the features are compared with. A network with random weights gives no answers above chance to keep."""
ENOUGH = 0.8
"""Share of the whole at which the first k count as enough."""
FLOOR: Mapping[PartName, float] = {NECESSITY: 1.0, SUFFICIENCY: 0.2}
"""The whole has to be clearly above this, in nats and as a share of the texts, or shares of it are undefined. One nat
turns odds of 1 to 6 into 1 to 2; a fifth of the texts is about the gap between guessing and a useless readout."""
SIZE, OF_ACTIVE, OF_DIMENSIONS = "features", "share of active features", "share of the dimensions"
AT_SIZE, WHOLE = "reached with k", "whole"
MEASURES = (SIZE, OF_ACTIVE, OF_DIMENSIONS, AT_SIZE, WHOLE)
ALL_TEXTS, RECOGNISED = "all texts", "recognised texts"


@dataclass(frozen=True, eq=False)
class Evidence:
    """One ranking in one part of the claim, and what it is compared with, on the same texts.

    Values are nats lost for necessity, and 1 for a right answer, 0 for a wrong one, for sufficiency.
    """

    part: PartName
    variant: ContenderName
    ks: Sequence[int]
    """Sizes tried, in rising order."""
    values: Floats = field(repr=False)
    """With the first k features ablated, or kept (size, text)."""
    nothing: Floats = field(repr=False)
    """With no feature ablated, or kept (text)."""
    everything: Floats = field(repr=False)
    """With the whole prediction lost, or kept (text)."""
    active: Floats = field(repr=False)
    """Features that fire, of the hook points that the ranking is of (text)."""
    firing: Floats = field(repr=False)
    """How many of the first k count among these: all k, or those that fire at the answer (size, text)."""
    k: int
    """Size of the comparison, one of those tried; chosen on other texts."""
    others: Mapping[ContenderName, Floats] = field(repr=False)
    """What k other parts reach (text)."""
    n_features: int
    n_dimensions: int
    point: str = ""
    """Hook point of sufficiency."""

    @property
    def at_k(self) -> Floats:
        """What the first k features reach (text)."""
        return self.values[list(self.ks).index(self.k)]

    def whole(self, weights: Floats) -> Floats:
        """Mean of the whole over the texts (draw), for weights of the texts (draw, text)."""
        return _mean(weights, self.everything - self.nothing)

    def sizes(self, weights: Floats) -> dict[str, Floats]:
        """Number of features that is enough, and its shares of what there is (draw); NaN if the whole is too small.

        Between two sizes tried, the curve is taken to be straight over the logarithm of the size. If no size tried is
        enough, all features are counted.
        """
        gain = _mean(weights, self.values - self.nothing)
        whole = self.whole(weights)
        place = place_reaching(gain, ENOUGH * whole)
        enough, at = np.isfinite(place), np.where(np.isfinite(place), place, 0)
        share = _mean(weights, self.firing) / _mean(weights, self.active)[:, None]
        size = np.where(enough, 2 ** _between(np.log2(np.array(self.ks, float))[None], at), self.n_features)
        of_active = np.where(enough, _between(share, at), np.maximum(1, share[:, -1]))
        defined = floored_ratio(whole, whole, FLOOR[self.part])
        values = {SIZE: size, OF_ACTIVE: of_active, OF_DIMENSIONS: size / self.n_dimensions}
        return {name: value * defined for name, value in values.items()}

    def lead(self, baseline: ContenderName, weights: Floats) -> Floats:
        """How much more of the whole k features reach than k other parts (draw); NaN if the whole is too small."""
        gained = _mean(weights, self.at_k - self.others[baseline])
        return floored_ratio(gained, self.whole(weights), FLOOR[self.part])


def reached(ks: Sequence[int], values: Floats, nothing: Floats, everything: Floats, otherwise: int) -> int:
    """Smallest size tried that is enough on average over some texts; `otherwise` if there is none."""
    one = np.ones((1, len(nothing)))
    at = int(first_reaching(_mean(one, values - nothing), ENOUGH * _mean(one, everything - nothing))[0])
    return ks[at] if at >= 0 and (everything - nothing).sum() > 0 else otherwise


def size_rows(evidence: Evidence, weights: Floats, groups: Mapping[str, Ints]) -> Iterator[Row]:
    """Rows on how many features it takes, over the texts with these numbers, by name of the group."""
    for texts, rows in groups.items():
        drawn = weights[:, rows]
        part = _of_texts(evidence, rows)
        values = {name: defined_estimate(draws, len(rows)) for name, draws in part.sizes(drawn).items()}
        whole = part.whole(drawn)
        share = floored_ratio(_mean(drawn, part.at_k - part.nothing), whole, FLOOR[evidence.part])
        values |= {AT_SIZE: defined_estimate(share, len(rows)), WHOLE: from_draws(whole, len(rows))}
        keys = {"texts": texts, "part": evidence.part, "condition": evidence.variant}
        for measure, value in values.items():
            yield {**keys, "measure": measure, "hook_point": evidence.point, "value": value, "n": len(rows)}


def lead_rows(evidence: Evidence, weights: Floats, groups: Mapping[str, Ints]) -> Iterator[Row]:
    """Rows on how the first k features compare with k other parts."""
    for texts, rows in groups.items():
        part, drawn = _of_texts(evidence, rows), weights[:, rows]
        for baseline, other in part.others.items():
            yield {
                "texts": texts,
                "part": evidence.part,
                "condition": evidence.variant,
                "baseline": baseline,
                "k": evidence.k,
                "features": part.at_k.mean() if len(rows) else np.nan,
                "other": other.mean() if len(rows) else np.nan,
                "difference": defined_estimate(part.lead(baseline, drawn), len(rows)),
                "n": len(rows),
            }


def edit_rows(evidence: Evidence, edit: str, weights: Floats) -> Iterator[Row]:
    """Rows on how many features it takes if they are ablated in another way."""
    n = weights.shape[1]
    for measure, draws in evidence.sizes(weights).items():
        yield {"edit": edit, "measure": measure, "value": defined_estimate(draws, n), "n": n}


def dose_rows(doses: Floats, whole: Floats, weights: Floats) -> Iterator[Row]:
    """Rows on steps of the dose, from log-odds lost with the first k features raised, halved and removed (3, text)."""
    raised, halved, removed = doses
    steps = {"from 1.5 to 1": -raised, "from 1 to 0.5": halved, "from 0.5 to 0": removed - halved}
    for step, lost in steps.items():
        share = floored_ratio(_mean(weights, lost), whole, FLOOR[NECESSITY])
        yield {"step": step, "difference": defined_estimate(share, len(lost)), "n": len(lost)}


def quantity(part: PartName, variant: ContenderName, what: str) -> str:
    """Name of an estimate, as rule and table of stability use it."""
    return f"{part}, {variant}: {what}"


def _of_texts(evidence: Evidence, rows: Ints) -> Evidence:
    """Keep some of the texts, by number."""
    return replace(
        evidence,
        values=evidence.values[:, rows],
        nothing=evidence.nothing[rows],
        everything=evidence.everything[rows],
        active=evidence.active[rows],
        firing=evidence.firing[:, rows],
        others={name: other[rows] for name, other in evidence.others.items()},
    )


def _mean(weights: Floats, values: Floats) -> Floats:
    """Mean of values (…, text) over the texts (draw, …)."""
    total = np.maximum(weights.sum(1), 1e-12)
    return (weights @ values.T) / (total[:, None] if values.ndim > 1 else total)


def _between(values: Floats, place: Floats) -> Floats:
    """Read values (draw or 1, size) at a place between two sizes (draw)."""
    low = np.floor(place).astype(int)
    high, row = np.minimum(low + 1, values.shape[1] - 1), np.arange(len(place)) % len(values)
    return values[row, low] + (place - low) * (values[row, high] - values[row, low])
