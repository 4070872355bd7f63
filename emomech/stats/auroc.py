"""How well a single unit tells one class of texts from all others: found on some texts, scored on others.

A unit is a feature, a dimension of the residual stream, or the score of a probe. Of many units one looks good by chance
on the texts it was chosen on; so choice of unit, of its sign and of its threshold see one split only, and AUROC
(Hanley and McNeil, 1982) and F1 are of another.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import rankdata

from emomech.stats.estimates import Estimate, Floats, Ints, interval

Bools = NDArray[np.bool_]
_NEAR = 1e-9


def aurocs(units: Floats, member: Bools) -> Floats:
    """AUROC of every unit for every class (class, unit), ties counted half; NaN for a class of none or of all.

    `units` are activations (example, unit), `member` says which examples belong to which class (example, class).
    """
    ranks = rankdata(units, axis=0)
    n_in = member.sum(0)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (member.T @ ranks - n_in * (n_in + 1) / 2) / (n_in * (len(units) - n_in))


@dataclass(frozen=True)
class Detector:
    """A unit that stands for a class: it is said to be there where sign × activation reaches the threshold."""

    unit: int
    sign: int
    threshold: float

    @classmethod
    def find(cls, units: Floats, member: Bools) -> "list[Detector]":
        """Choose for each class the unit whose AUROC is farthest from one half, and the threshold of best F1."""
        found = aurocs(units, member)
        chosen = np.abs(found - 0.5).argmax(1)
        signs = np.where(found[np.arange(len(found)), chosen] < 0.5, -1, 1)
        return [
            cls(int(unit), int(sign), _best_threshold(sign * units[:, unit], member[:, i]))
            for i, (unit, sign) in enumerate(zip(chosen, signs, strict=True))
        ]

    def scores(self, units: Floats) -> Floats:
        """How much speaks for the class (example)."""
        return self.sign * units[:, self.unit]

    def f1(self, units: Floats, member: Bools) -> float:
        """F1 for one class (example) at the threshold."""
        said = self.scores(units) >= self.threshold
        return float(2 * (said & member).sum() / max(said.sum() + member.sum(), 1))


def _best_threshold(values: Floats, member: Bools) -> float:
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(member[order])
    f1 = 2 * hits / (np.arange(1, len(values) + 1) + member.sum())
    last = np.append(values[order][1:] != values[order][:-1], True)  # equal activations are told apart by no threshold
    return float(values[order][np.where(last, f1, -1).argmax()])


def auroc(scores: Floats, member: Bools) -> Estimate:
    """AUROC of one score for one class (example), with its interval."""
    value = float(aurocs(scores[:, None], member[:, None])[0, 0])
    return auroc_interval(value, int(member.sum()), int((~member).sum()))


def auroc_difference(first: Floats, second: Floats, member: Bools, n_resamples: int, seed: int) -> Estimate:
    """By how much the AUROC of the first score exceeds that of the second on the same examples, with its interval.

    The bootstrap draws inside the class and outside of it, for both scores alike.
    """
    rng = np.random.default_rng(seed)
    n_in, n_out = int(member.sum()), int((~member).sum())
    gain = concordance(first, member) - concordance(second, member)
    inside = rng.multinomial(n_in, np.full(n_in, 1 / n_in), n_resamples) / n_in
    outside = rng.multinomial(n_out, np.full(n_out, 1 / n_out), n_resamples) / n_out
    return interval(float(gain.mean()), ((inside @ gain) * outside).sum(1), n_in)


def concordance(scores: Floats, member: Bools) -> Floats:
    """Whether each example of the class scores higher than each other one: 1, 0, or a half where they tie."""
    above = scores[member][:, None] - scores[~member]
    return (np.sign(above) + 1) / 2


def auroc_interval(value: float, n_in: int, n_out: int) -> Estimate:
    """Give the 95 % interval of an AUROC by Newcombe's method 5 (2006), which holds at 0 and 1 too.

    It is made of the values from which the one found is 1.96 standard errors away.
    """

    def variance(at: float) -> float:
        spread = ((n_in + n_out) / 2 - 1) * ((1 - at) / (2 - at) + at / (1 + at))
        return at * (1 - at) * (1 + spread) / (n_in * n_out)

    def too_far(at: float) -> float:
        return float((value - at) ** 2 - 1.96**2 * variance(at))

    inside = min(max(value, _NEAR), 1 - _NEAR)  # the ends are solutions of their own
    low = 0.0 if value <= 0 else brentq(too_far, 0, inside)
    high = 1.0 if value >= 1 else brentq(too_far, inside, 1)
    return Estimate(value, low, high, n_in)


def members(labels: Ints, n_classes: int) -> Bools:
    """Say which examples belong to which class (example, class)."""
    return labels[:, None] == np.arange(n_classes)


def auroc_draws(scores: Floats, member: np.ndarray, weights: Floats) -> Floats:
    """AUROC of one score for one class in each resample (draw), ties counted half; `weights` are (draw, example)."""
    above = concordance(scores, member)
    inside, outside = weights[:, member], weights[:, ~member]
    with np.errstate(invalid="ignore"):
        return ((inside @ above) * outside).sum(1) / (inside.sum(1) * outside.sum(1))
