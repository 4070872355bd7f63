"""How many features emotions share, beyond what they would share if each emotion chose its features independently.

A dictionary has many features that concern no emotion. If half of the features concern emotion, and each emotion
chooses among these independently, more features are shared than if emotions chose among all features. So independent
choice is *among relevant features*: a feature is relevant or not, and each emotion e chooses a relevant feature with
its own rate r_e. Irrelevant features, and relevant ones that nobody chooses, look alike, and only features of one
emotion or more are compared: their emotions follow the product of the rates, truncated at zero. The rates of largest
likelihood solve m_e = r_e / P with P = 1 − Π(1 − r_e), where m_e is the share of these features that emotion e has.

With independent choice the excess is zero whatever the number of relevant features. If features differ in the rate at
which they are chosen, for instance because some are measured better, more of them have one emotion or very many, and
the excess falls. So it is shown less often than it is there.

Counts run over all hook points together, on the texts themselves and in every resample. A resample draws clusters of
texts, and *tracks* of features (`tracks`), because the features are a sample too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np

from emomech.chapters.sharing.membership import Memberships
from emomech.core.hook_points import HookPoint
from emomech.stats.auroc import Bools
from emomech.stats.estimates import Floats, Ints, from_draws

_STEPS = 40
"""Bisections for P, which leave an error below 1e-12."""

LEAST_FEATURES = 10
"""Fewest features of any emotion whose structure is described."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of features over all hook points of one condition; the first draw is the texts themselves."""

    member: Bools = field(repr=False)
    """Which features belong to which emotions (draw, feature, emotion); those that belong to none may be left out."""
    weight: Floats = field(repr=False)
    """How often each of these features counts in each draw (draw, feature)."""
    active: Floats = field(repr=False)
    """Number of features that fire in each draw, at least 1 (draw)."""

    @classmethod
    def of(
        cls, memberships: Memberships, tracks: Mapping[HookPoint, Ints], seed: int, keep: Mapping[HookPoint, Bools]
    ) -> "Counts":
        """Count the features that `keep` (feature) selects; the draws have the same tracks whatever is kept.

        `tracks` is the number of the track of each feature that fires (feature).
        """
        n_draws = max((len(membership.member) for membership in memberships.values()), default=1)
        drawn = track_draws(1 + max((int(t.max(initial=-1)) for t in tracks.values()), default=-1), n_draws, seed)
        chosen = {point: keep[point] & m.member.any((0, 2)) for point, m in memberships.items()}
        n_labels = max((m.member.shape[2] for m in memberships.values()), default=0)
        none = np.zeros((n_draws, 0, n_labels), dtype=bool)
        member = [m.member[:, chosen[point]] for point, m in memberships.items()]
        weight = [drawn[:, tracks[point][chosen[point]]] for point in memberships]
        active = np.sum([drawn[:, tracks[point][keep[point]]].sum(1) for point in memberships], axis=0)
        none_weighted = np.zeros((n_draws, 0))
        return cls(
            np.concatenate([none, *member], 1),
            np.concatenate([none_weighted, *weight], 1),
            np.maximum(active, 1) * np.ones(n_draws),
        )

    @property
    def n_any(self) -> int:
        """Number of features that belong to any emotion, over all hook points."""
        return int(self.member[0].any(1).sum())

    @property
    def n_active(self) -> int:
        """Number of features that fire, over all hook points; at least 1."""
        return int(self.active[0])

    def numbers(self) -> Floats:
        """Share of the features that belong to 1, 2, … emotions (draw, number less 1)."""
        number = self.member.sum(2)
        counts = [(self.weight * (number == k)).sum(1) for k in range(1, self.member.shape[2] + 1)]
        return np.stack(counts, 1) / self.active[:, None]

    def expected(self) -> Floats:
        """The same share under independent choice among relevant features (draw, number less 1)."""
        n_any, shares, chosen = self._fitted
        return independent_numbers(shares, chosen) * (n_any / self.active)[:, None]

    def excess(self) -> Floats:
        """Share of features of two emotions or more, beyond independent choice among relevant features (draw)."""
        return (self.numbers() - self.expected())[:, 1:].sum(1)

    def specific(self) -> Floats:
        """Share of the features that belong to each emotion and to no other (draw, emotion)."""
        alone = self.member & (self.member.sum(2, keepdims=True) == 1)
        return self._weighted(alone) / self.active[:, None]

    @cached_property
    def structure(self) -> Floats:
        """Excess of shared features, then the specific features of each emotion, as shares (draw, quantity)."""
        return np.column_stack([self.excess(), self.specific()])

    def per_feature(self, shares: Floats) -> Floats:
        """Convert shares of the features that fire to shares of those of any emotion (both: draw, quantity).

        Undefined with fewer than `LEAST_FEATURES` of them: the share of a handful says nothing about a pool.
        """
        n_any = self._fitted[0]
        usable = (n_any > 0) & (n_any[0] >= LEAST_FEATURES)
        scale = np.divide(self.active, n_any, out=np.full_like(n_any, np.nan), where=usable)
        return shares * scale[:, None]

    def of_one_side(self, side: Ints) -> tuple[Floats, Floats]:
        """Share of features of two emotions or more that are all on one side (both: draw), and that expected.

        `side` is the number of each emotion's side (emotion), such as its valence.
        """
        several, on_one = self.member.sum(2) > 1, np.zeros(self.member.shape[:2], dtype=bool)
        n_any, shares, chosen = self._fitted
        rates, expected = shares * chosen[:, None], np.zeros(len(shares))
        for of_side in (side == number for number in np.unique(side)):
            on_one |= ~self.member[:, :, ~of_side].any(2)
            inside = poisson_binomial(rates[:, of_side])[:, 2:].sum(1)
            expected += inside * (1 - rates[:, ~of_side]).prod(1)
        expected = np.divide(expected, chosen, out=np.zeros_like(expected), where=chosen > 0)
        return (self.weight * (several & on_one)).sum(1) / self.active, expected * n_any / self.active

    def jaccard_excess(self) -> tuple[Floats, Floats]:
        """Jaccard overlap of the features of two emotions, and that beyond independent choice (draw, emotion, emotion).

        Emotions without a feature have no overlap.
        """
        each = self.member.astype(np.float32)
        common = (each * self.weight[:, :, None]).transpose(0, 2, 1) @ each
        n_any, shares, chosen = self._fitted
        expected = shares[:, :, None] * shares[:, None] * (chosen * n_any)[:, None, None]
        size = shares * n_any[:, None]
        overlaps = [both / np.maximum(size[:, :, None] + size[:, None] - both, 1) for both in (common, expected)]
        return overlaps[0], overlaps[0] - overlaps[1]

    def number_rows(self) -> list[dict[str, object]]:
        """For 1, 2, … emotions: share of the features and expected share with their intervals, and count."""
        share, expected = self.numbers(), self.expected()
        rows: list[dict[str, object]] = []
        for k in range(share.shape[1]):
            null = from_draws(expected[:, k], 0, "normal", (0, 1))
            independent = {"expected": null.value, "expected_low": null.low, "expected_high": null.high}
            observed = estimate_columns("share", share[:, k], round(share[0, k] * self.n_active), least=0)
            rows.append({"emotions": k + 1, **observed, **independent})
        return rows

    def specific_rows(self, labels: Sequence[str]) -> list[dict[str, object]]:
        """For every emotion: share of the features that belong to it alone, with interval, and their number."""
        return [
            {"emotion": label, **estimate_columns("share", share, round(share[0] * self.n_active), least=0)}
            for label, share in zip(labels, self.specific().T, strict=True)
        ]

    def pair_rows(self, labels: Sequence[str]) -> list[dict[str, object]]:
        """For every two emotions: overlap, its excess with interval, and the number of features of both."""
        overlap, excess = self.jaccard_excess()
        return [
            {
                "emotion": labels[a],
                "other": labels[b],
                "jaccard": overlap[0, a, b],
                **estimate_columns("excess", excess[:, a, b], int(self.member[0, :, [a, b]].all(0).sum())),
            }
            for a, b in combinations(range(len(labels)), 2)
        ]

    @cached_property
    def _fitted(self) -> tuple[Floats, Floats, Floats]:
        """Number of features of any emotion (draw), the share of each emotion (draw, emotion), and P (draw)."""
        n_any = (self.weight * self.member.any(2)).sum(1)
        shares = self._weighted(self.member) / np.maximum(n_any, 1)[:, None]
        return n_any, shares, chosen_share(shares)

    def _weighted(self, member: Bools) -> Floats:
        """Count features by emotion (draw, emotion)."""
        return (self.weight[:, None] @ member)[:, 0]


def track_draws(n_tracks: int, n_draws: int, seed: int) -> Floats:
    """How often each track counts in each draw (draw, track): once in the first, then tracks drawn again."""
    if not n_tracks:
        return np.ones((n_draws, 0))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n_tracks, np.full(n_tracks, 1 / n_tracks), size=n_draws - 1)
    return np.concatenate([np.ones((1, n_tracks)), drawn.astype(float)])


def chosen_share(shares: Floats) -> Floats:
    """Share P of the relevant features that any emotion chooses (draw), from the emotions' shares (draw, emotion).

    The shares are those among the features of any emotion. P is 0 where no feature is shared: then there is no limit to
    the number of relevant features.

    Example:
        >>> import numpy as np
        >>> from emomech.chapters.sharing.independence import chosen_share
        >>> rates = np.array([[0.5, 0.2, 0.4]])
        >>> any_emotion = 1 - (1 - rates).prod(1)
        >>> np.allclose(chosen_share(rates / any_emotion), any_emotion)
        True
    """
    low, high = np.zeros(len(shares)), np.ones(len(shares))
    for _ in range(_STEPS):
        middle = (low + high) / 2
        above = 1 - (1 - shares * middle[:, None]).prod(1) > middle
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.where(shares.sum(1) > 1 + 1e-9, (low + high) / 2, 0.0)


def independent_numbers(shares: Floats, chosen: Floats) -> Floats:
    """Probability that a feature of any emotion has 1, 2, … of them under independent choice (draw, number less 1)."""
    numbers = poisson_binomial(shares * chosen[:, None])[:, 1:]
    only_one = np.arange(numbers.shape[1]) == 0
    scaled = numbers / np.where(chosen > 0, chosen, 1)[:, None]
    return np.where((chosen > 0)[:, None], scaled, only_one)


def poisson_binomial(rates: Floats) -> Floats:
    """Probability of 0, 1, 2, … successes of independent trials (draw, number), from their rates (draw, trial)."""
    probability = np.ones((len(rates), 1))
    for rate in rates.T[:, :, None]:
        none = np.zeros((len(rates), 1))
        stay, more = np.concatenate([probability, none], 1), np.concatenate([none, probability], 1)
        probability = (1 - rate) * stay + rate * more
    return probability


def estimate_columns(column: str, values: Floats, n: int, least: float = -1) -> dict[str, object]:
    """Columns of a row for a value, its interval cut to [`least`, 1], and n; `values` (draw) begin with the value."""
    estimate = from_draws(values, n, "normal", (least, 1))
    return {column: estimate.value, "low": estimate.low, "high": estimate.high, "n": n}
