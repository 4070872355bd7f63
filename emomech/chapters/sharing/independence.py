"""How many features emotions share, beyond what they would share had each chosen its features independently.

Counts run over all hook points together: in the texts themselves, in every bootstrap resample of them, and in draws
from independent assignment (`Belonging.independent`). A resample is compared with a draw from its own assignment, so
that an interval knows both kinds of chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from emomech.chapters.sharing.membership import Belonging, how_many, in_common, specific
from emomech.core.hook_points import HookPoint
from emomech.stats.auroc import Bools
from emomech.stats.estimates import Floats, standard_interval


@dataclass(frozen=True, eq=False)
class Counts:
    """All hook points of one condition together; the first resample is of the texts themselves."""

    places: Mapping[HookPoint, Belonging] = field(repr=False)
    null: Mapping[HookPoint, Bools] = field(repr=False)
    """Independent assignment: draws for the texts themselves, then one for each resample."""
    n_draws: int

    @classmethod
    def of(cls, places: Mapping[HookPoint, Belonging], n_draws: int, seed: int) -> "Counts":
        """Draw from independent assignment at every hook point."""
        return cls(places, {point: one.independent(n_draws, seed) for point, one in places.items()}, n_draws)

    @property
    def n_active(self) -> int:
        """How many features fire, over all hook points; at least 1."""
        return max(1, sum(len(one.feature) for one in self.places.values()))

    def numbers(self) -> Floats:
        """Share of the features that belong to 0, 1, … emotions (resample, number)."""
        return np.sum([how_many(one.member) for one in self.places.values()], axis=0) / self.n_active

    def expected(self) -> Floats:
        """The same under independent assignment (draw, number)."""
        return np.sum([how_many(one) for one in self.null.values()], axis=0) / self.n_active

    def excess(self) -> Floats:
        """Share of features of two emotions or more, beyond independent assignment (resample)."""
        return self._beyond(self.numbers()[:, 2:].sum(1), self.expected()[:, 2:].sum(1))

    def specific(self) -> Floats:
        """Share of the features that are of each emotion alone (resample, emotion)."""
        return np.sum([specific(one.member) for one in self.places.values()], axis=0) / self.n_active

    def jaccard(self) -> Floats:
        """Overlap of each two emotions (resample, emotion, emotion)."""
        return _jaccard(np.sum([in_common(one.member) for one in self.places.values()], axis=0))

    def jaccard_excess(self) -> Floats:
        """The same beyond independent assignment."""
        return self._beyond(self.jaccard(), _jaccard(np.sum([in_common(one) for one in self.null.values()], axis=0)))

    def number_rows(self) -> list[tuple[object, ...]]:
        """For 1, 2, … emotions: share with interval, expected share with the range of its draws, features."""
        share, expected = self.numbers(), self.expected()[: self.n_draws]
        rows: list[tuple[object, ...]] = []
        for k in range(1, share.shape[1]):
            n = round(share[0, k] * self.n_active)
            low, high = np.quantile(expected[:, k], [0.025, 0.975])
            rows.append((k, *ends(share[:, k], n, 0)[:3], expected[:, k].mean(), low, high, n))
        return rows

    def excess_rows(self) -> list[tuple[object, ...]]:
        """One row: the excess with its interval, and how many features fire."""
        return [ends(self.excess(), self.n_active)]

    def specific_rows(self, labels: Sequence[str]) -> list[tuple[object, ...]]:
        """For every emotion: share of the features that are of it alone, with interval, and their number."""
        each = zip(labels, self.specific().T, strict=True)
        return [(label, *ends(share, round(share[0] * self.n_active), 0)) for label, share in each]

    def pair_rows(self) -> list[tuple[int, int, float, float, float, float, int]]:
        """For every two emotions, by number: overlap, its excess with interval, features of both."""
        common = np.sum([in_common(one.member[:1]) for one in self.places.values()], axis=0)[0]
        overlap, excess = self.jaccard()[0], self.jaccard_excess()
        pairs = combinations(range(len(common)), 2)
        return [(a, b, overlap[a, b], *ends(excess[:, a, b], int(common[a, b]))) for a, b in pairs]

    def _beyond(self, found: Floats, null: Floats) -> Floats:
        """Subtract from the texts themselves the mean of their draws, from each resample its own draw."""
        first = found[:1] - null[: self.n_draws].mean(0, keepdims=True)
        return np.concatenate([first, found[1:] - null[self.n_draws :]])


def _jaccard(common: Floats) -> Floats:
    """Overlap, from counts of common features (draw, emotion, emotion); 0 for emotions without a feature."""
    size = np.diagonal(common, axis1=1, axis2=2)
    return common / np.maximum(size[:, :, None] + size[:, None] - common, 1)


def ends(values: Floats, n: int, least: float = -1) -> tuple[float, float, float, int]:
    """Give the value in the texts themselves, the interval of its resamples from `least` to 1, and n."""
    found = standard_interval(float(values[0]), values[1:], n, (least, 1))
    return found.value, found.low, found.high, n
