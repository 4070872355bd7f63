"""How many features emotions share, beyond what they would share if each emotion chose its features independently.

Counts run over all hook points together, in three settings: on the texts themselves, in every bootstrap resample, and
in draws from independent assignment (`Membership.independent`). Each resample is compared with a draw from its own
assignment, so an interval covers the chance of the texts and of the assignment.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from emomech.chapters.sharing.membership import Memberships, common_counts, counts_by_number, specific_counts
from emomech.core.hook_points import HookPoint
from emomech.stats.auroc import Bools
from emomech.stats.estimates import Floats, Ints, from_draws


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of features over all hook points of one condition; the first draw is the texts themselves."""

    memberships: Memberships = field(repr=False)
    null: Mapping[HookPoint, Bools] = field(repr=False)
    """Draws from independent assignment: `n_draws` for the texts themselves, then one for each resample."""
    n_draws: int

    @classmethod
    def of(cls, memberships: Memberships, n_draws: int, seed: int) -> "Counts":
        """Draw from independent assignment at every hook point."""
        null = {point: membership.independent(n_draws, seed) for point, membership in memberships.items()}
        return cls(memberships, null, n_draws)

    @property
    def n_active(self) -> int:
        """Number of features that fire, over all hook points; at least 1."""
        return max(1, sum(len(membership.feature) for membership in self.memberships.values()))

    def numbers(self) -> Floats:
        """Share of the features that belong to 0, 1, … emotions (draw, number)."""
        return self._sum(counts_by_number) / self.n_active

    def expected(self) -> Floats:
        """The same share under independent assignment (draw, number)."""
        return self._null_sum(counts_by_number) / self.n_active

    def excess(self) -> Floats:
        """Share of features of two emotions or more, beyond independent assignment (draw)."""
        return self._beyond(self.numbers()[:, 2:].sum(1), self.expected()[:, 2:].sum(1))

    def specific(self) -> Floats:
        """Share of the features that belong to each emotion and to no other (draw, emotion)."""
        return self._sum(specific_counts) / self.n_active

    def jaccard(self) -> Floats:
        """Jaccard overlap of the features of two emotions (draw, emotion, emotion)."""
        return _jaccard(self._sum(common_counts))

    def jaccard_excess(self) -> Floats:
        """Overlap beyond that under independent assignment (draw, emotion, emotion)."""
        return self._beyond(self.jaccard(), _jaccard(self._null_sum(common_counts)))

    def number_rows(self) -> list[dict[str, object]]:
        """For 1, 2, … emotions: share of the features with its interval, expected share with its range, and count."""
        share, expected = self.numbers(), self.expected()[: self.n_draws]
        rows: list[dict[str, object]] = []
        for k in range(1, share.shape[1]):
            low, high = np.quantile(expected[:, k], [0.025, 0.975])
            null = {"expected": expected[:, k].mean(), "expected_low": low, "expected_high": high}
            observed = estimate_columns("share", share[:, k], round(share[0, k] * self.n_active), least=0)
            rows.append({"emotions": k, **observed, **null})
        return rows

    def excess_rows(self) -> list[dict[str, object]]:
        """One row: the excess with its interval, and the number of features that fire."""
        return [estimate_columns("excess", self.excess(), self.n_active)]

    def specific_rows(self, labels: Sequence[str]) -> list[dict[str, object]]:
        """For every emotion: share of the features that belong to it alone, with interval, and their number."""
        return [
            {"emotion": label, **estimate_columns("share", share, round(share[0] * self.n_active), least=0)}
            for label, share in zip(labels, self.specific().T, strict=True)
        ]

    def pair_rows(self, labels: Sequence[str]) -> list[dict[str, object]]:
        """For every two emotions: overlap, its excess with interval, and the number of features of both."""
        overlap, excess = self.jaccard()[0], self.jaccard_excess()
        common = np.sum([common_counts(membership.member[:1]) for membership in self.memberships.values()], axis=0)[0]
        return [
            {
                "emotion": labels[a],
                "other": labels[b],
                "jaccard": overlap[a, b],
                **estimate_columns("excess", excess[:, a, b], int(common[a, b])),
            }
            for a, b in combinations(range(len(common)), 2)
        ]

    def _sum(self, count: Callable[[Bools], Ints]) -> Ints:
        """Counts of the members, summed over the hook points (draw, …)."""
        return np.sum([count(membership.member) for membership in self.memberships.values()], axis=0)

    def _null_sum(self, count: Callable[[Bools], Ints]) -> Ints:
        """Counts under independent assignment, summed over the hook points (draw, …)."""
        return np.sum([count(member) for member in self.null.values()], axis=0)

    def _beyond(self, observed: Floats, null: Floats) -> Floats:
        """Subtract the mean of its draws from the first row, and its own draw from every other row."""
        first = observed[:1] - null[: self.n_draws].mean(0, keepdims=True)
        return np.concatenate([first, observed[1:] - null[self.n_draws :]])


def _jaccard(common: Ints) -> Floats:
    """Overlap from counts of common features (draw, emotion, emotion); 0 for emotions without a feature."""
    size = np.diagonal(common, axis1=1, axis2=2)
    return common / np.maximum(size[:, :, None] + size[:, None] - common, 1)


def estimate_columns(column: str, values: Floats, n: int, least: float = -1) -> dict[str, object]:
    """Columns of a row for a value, its interval cut to [`least`, 1], and n; `values` (draw) begin with the value."""
    estimate = from_draws(values, n, "normal", (least, 1))
    return {column: estimate.value, "low": estimate.low, "high": estimate.high, "n": n}
