"""Measure how well a single unit separates one class of texts from all others.

A unit is a feature, a dimension of the residual stream, or the score of a probe. AUROC (Hanley and McNeil, 1982) is the
probability that a random text of the class scores higher than a random other text. The best of many units looks
good by chance on the texts that it was chosen on. So choose the unit, its sign and its threshold on one split, and
measure AUROC and F1 on another.

Example:
    >>> import numpy as np
    >>> from emomech.stats.auroc import Detector, auroc, members
    >>> units = np.array([[0.1, 3.0], [0.2, 2.0], [0.1, 0.0], [0.3, 1.0]])  # (text, unit)
    >>> member = members(np.array([0, 0, 1, 1]), n_classes=2)
    >>> joy, _ = Detector.find(units, member)
    >>> joy
    Detector(unit=1, sign=1, threshold=2.0)
    >>> auroc(joy.scores(units), member[:, 0]).value
    1.0
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import rankdata

from emomech.stats.estimates import Bools, Estimate, Floats, Ints, interval

_NEAR = 1e-9
"""The ends of an interval are searched for at least this far from 0 and 1."""


def aurocs(units: Floats, member: Bools) -> Floats:
    """AUROC of every unit for every class (class, unit); NaN for a class that has no example, or all of them.

    `units` are activations (example, unit); `member` says which examples belong to which class (example, class). Ties
    count half.
    """
    ranks = rankdata(units, axis=0)
    n_in = member.sum(0)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return (member.T @ ranks - n_in * (n_in + 1) / 2) / (n_in * (len(units) - n_in))


@dataclass(frozen=True)
class Detector:
    """A unit that predicts a class wherever sign × activation reaches the threshold."""

    unit: int
    sign: int
    threshold: float

    @classmethod
    def find(cls, units: Floats, member: Bools) -> "list[Detector]":
        """Choose for each class the unit whose AUROC is farthest from one half, and the threshold of best F1.

        `units` is (example, unit), `member` is (example, class).
        """
        scores = aurocs(units, member)
        chosen = np.abs(scores - 0.5).argmax(1)
        signs = np.where(scores[np.arange(len(scores)), chosen] < 0.5, -1, 1)
        return [
            cls(int(unit), int(sign), _best_threshold(sign * units[:, unit], member[:, i]))
            for i, (unit, sign) in enumerate(zip(chosen, signs, strict=True))
        ]

    def scores(self, units: Floats) -> Floats:
        """Evidence for the class: sign × activation (example)."""
        return self.sign * units[:, self.unit]

    def f1(self, units: Floats, member: Bools) -> float:
        """F1 at the threshold, for one class (example)."""
        predicted = self.scores(units) >= self.threshold
        return float(2 * (predicted & member).sum() / max(predicted.sum() + member.sum(), 1))


def _best_threshold(values: Floats, member: Bools) -> float:
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(member[order])
    f1 = 2 * hits / (np.arange(1, len(values) + 1) + member.sum())
    last = np.append(values[order][1:] != values[order][:-1], True)  # no threshold separates equal activations
    return float(values[order][np.where(last, f1, -1).argmax()])


def auroc(scores: Floats, member: Bools) -> Estimate:
    """AUROC of one score for one class (both: example), with its 95 % interval; n is the size of the class."""
    value = float(aurocs(scores[:, None], member[:, None])[0, 0])
    return auroc_interval(value, int(member.sum()), int((~member).sum()))


def auroc_difference(first: Floats, second: Floats, member: Bools, n_resamples: int, seed: int) -> Estimate:
    """AUROC of the first score minus that of the second on the same examples, with its bootstrap interval.

    Examples inside and outside of the class are resampled separately; both scores use the same resamples.
    """
    rng = np.random.default_rng(seed)
    n_in, n_out = int(member.sum()), int((~member).sum())
    gain = concordance(first, member) - concordance(second, member)
    inside = rng.multinomial(n_in, np.full(n_in, 1 / n_in), n_resamples) / n_in
    outside = rng.multinomial(n_out, np.full(n_out, 1 / n_out), n_resamples) / n_out
    return interval(float(gain.mean()), ((inside @ gain) * outside).sum(1), n_in)


def concordance(scores: Floats, member: Bools) -> Floats:
    """Whether an example of the class scores higher than another one (inside, outside): 1, 0, or 0.5 for a tie."""
    above = scores[member][:, None] - scores[~member]
    return (np.sign(above) + 1) / 2


def auroc_interval(value: float, n_in: int, n_out: int) -> Estimate:
    """AUROC with its 95 % interval by Newcombe's method 5 (2006), which is valid at 0 and 1 too.

    The interval holds every AUROC whose distance to the measured one is at most 1.96 of its standard errors.
    """

    def variance(at: float) -> float:
        excess = ((n_in + n_out) / 2 - 1) * ((1 - at) / (2 - at) + at / (1 + at))
        return at * (1 - at) * (1 + excess) / (n_in * n_out)

    def too_far(at: float) -> float:
        return float((value - at) ** 2 - 1.96**2 * variance(at))

    inside = min(max(value, _NEAR), 1 - _NEAR)  # 0 and 1 always solve the equation
    low = 0.0 if value <= 0 else brentq(too_far, 0, inside)
    high = 1.0 if value >= 1 else brentq(too_far, inside, 1)
    return Estimate(value, low, high, n_in)


def members(labels: Ints, n_classes: int) -> Bools:
    """Which examples belong to which class (example, class), from class numbers (example)."""
    return labels[:, None] == np.arange(n_classes)


def auroc_draws(scores: Floats, member: np.ndarray, weights: Floats) -> Floats:
    """AUROC of one score for one class in each resample (draw); NaN for a resample without one side.

    `scores` and `member` are (example); `weights` is how often each example is drawn (draw, example). Ties count half.
    """
    above = concordance(scores, member)
    inside, outside = weights[:, member], weights[:, ~member]
    with np.errstate(invalid="ignore"):
        return ((inside @ above) * outside).sum(1) / (inside.sum(1) * outside.sum(1))
