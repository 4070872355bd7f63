"""One criterion of a rule: what is estimated, what it has to be, and whether an estimate meets it.

A criterion is met if its interval excludes zero on the claimed side and its value reaches the margin. An estimate
without an interval is undefined and never meets it, so an undefined control is never beaten.

Example:
    >>> from emomech.chapters.criteria import Criterion, judge
    >>> from emomech.stats.estimates import Estimate
    >>> lost = Criterion("loss", "Accuracy falls.", estimand="points of accuracy lost", margin=2)
    >>> [judge(lost, Estimate(*values, n=40))[0] for values in ((9, 6, 12), (-9, -12, -6), (0, -1, 1), (1, -9, 11))]
    ['met', 'reversed', 'not met', 'no power']
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from scipy.stats import norm

from emomech.chapters.verdict import Role, Status
from emomech.stats.estimates import Estimate, covering, decimal
from emomech.stats.testing import LEVEL

Form = Literal["beyond", "within", "below"]
"""Beyond: the interval excludes zero on the claimed side, and the value reaches the margin. Within: the interval lies
between minus the margin and the margin (equivalence). Below: the interval lies below the margin (no relevant harm)."""
Family: TypeAlias = Mapping[str, Estimate]
"""Estimates of one criterion for several members, such as emotions or pairs of sets."""
POWER = 0.8
"""Chance with which an effect of the smallest detectable size is shown."""
_UNDEFINED = Estimate(math.nan, math.nan, math.nan, 0)
_LISTED = 3
"""Members of a family that a checklist names, at most."""


@dataclass(frozen=True)
class Criterion:
    """One criterion of a rule."""

    name: str
    """Name in the readings of the rule."""
    text: str
    """The criterion as a sentence that is true if it is met; it may name words of the reading in braces."""
    estimand: str
    """What is estimated, in which units."""
    role: Role = "decides"
    part: str = ""
    """The part of the claim that it belongs to; a claim of one part needs no name for it."""
    control: str = ""
    """The control that it is compared with, as the tables name it; empty for the effect itself."""
    sign: Literal[1, -1] = 1
    """The claimed sign of the estimate."""
    margin: float = 0.0
    """The smallest effect that matters, or the largest that does not, in the units of the estimate."""
    form: Form = "beyond"
    need: float = 1.0
    """Share of the members of a family that have to meet the criterion, at least one."""


def judge(
    criterion: Criterion,
    read: "Estimate | Family | None",
    others: "Sequence[Estimate | Family]" = (),
    comparisons: int = 1,
) -> tuple[Status, str]:
    """Judge an estimate, or those of a family; give the status, and the estimate as a checklist shows it.

    `others` are the same estimates with other SAEs of the same model: the interval that decides covers them all. It is
    widened for the number of `comparisons` (Bonferroni), and once more for the members of a family of which not all
    are needed. An estimate without a value but with an interval says only where it may lie; it has no power if the
    margin is among these values.
    """
    if isinstance(read, Mapping):
        covered = {name: covering(own, [_member(other, name) for other in others]) for name, own in read.items()}
        return _judge_family(criterion, covered, comparisons)
    estimate, z = covering(read or _UNDEFINED, [_member(other) for other in others]), _z(comparisons)
    status = _status(criterion, estimate, z)
    if status != "no power":
        return status, str(estimate)
    if math.isnan(estimate.value):
        return status, f"no estimate; it may lie anywhere from {decimal(estimate.low)} to {decimal(estimate.high)}"
    least = decimal(detectable(estimate, z))
    return (
        status,
        f"{estimate}; the smallest effect that could have been shown is {least}, and {criterion.margin:g} matters",
    )


def _judge_family(criterion: Criterion, family: Family, comparisons: int) -> tuple[Status, str]:
    """Judge a criterion that enough members of a family have to meet."""
    n = len(family)
    if not n:
        return "undefined", "undefined"
    z = _z(comparisons * (n if criterion.need < 1 else 1))
    statuses = [_status(criterion, estimate, z) for estimate in family.values()]
    needed = max(1, math.ceil(criterion.need * n - 1e-9))
    met, opposite, unclear = (statuses.count(status) for status in ("met", "reversed", "no power"))
    listed = [f"{member} {family[member]}" for member, s in zip(family, statuses, strict=True) if s == "met"]
    more = ["…"] if len(listed) > _LISTED else []
    text = "; ".join([f"{met} of {n}, {needed} needed", *listed[:_LISTED], *more])
    if met >= needed or opposite >= needed:
        return ("met" if met >= needed else "reversed"), text
    if statuses.count("undefined") == n:
        return "undefined", text
    return ("no power" if met + unclear >= needed else "not met"), text


def _member(read: "Estimate | Family", name: str = "") -> Estimate:
    """The estimate itself, or that of a member of a family; undefined for a member that is not there."""
    return read if isinstance(read, Estimate) else read.get(name, _UNDEFINED)


def _z(comparisons: int) -> float:
    """Standard errors to either side of an interval that is corrected for the number of comparisons."""
    return float(norm.isf(LEVEL / 2 / max(1, comparisons)))


def _status(criterion: Criterion, estimate: Estimate, z: float) -> Status:
    value, margin, stretch = estimate.value, criterion.margin, z / _z(1)
    low, high = value - stretch * (value - estimate.low), value + stretch * (estimate.high - value)
    if math.isnan(value) and estimate.low < criterion.sign * margin < estimate.high:
        return "no power"
    if not all(map(math.isfinite, (value, low, high))):
        return "undefined"
    if criterion.form == "beyond":
        if criterion.sign < 0:
            value, low, high = -value, -high, -low
        met, opposite = low > 0 and value >= margin, high < 0 and value <= -margin
        excluded = high < margin
    else:
        met, opposite = high < margin and (criterion.form == "below" or low > -margin), False
        excluded = low > margin or (criterion.form == "within" and high < -margin)
    if met or opposite:
        return "met" if met else "reversed"
    return "no power" if not excluded and 0 < margin < detectable(estimate, z) else "not met"


def detectable(estimate: Estimate, z: float = 1.96) -> float:
    """Smallest effect that a sample with this 95 % interval shows with a chance of `POWER`, in the same units.

    `z` is the number of standard errors that the test needs. NaN for an undefined interval.

    Example:
        >>> from emomech.chapters.criteria import detectable
        >>> from emomech.stats.estimates import Estimate
        >>> round(detectable(Estimate(0.0, -0.196, 0.196, 100)), 2)
        0.28
    """
    return float((z + norm.ppf(POWER)) * (estimate.high - estimate.low) / (2 * _z(1)))


def stable(criterion: Criterion, draws: Sequence[float]) -> bool:
    """Whether the estimate is on the claimed side on every draw of the texts; NaN counts as the other side."""
    if criterion.form == "within":
        return all(abs(value) < criterion.margin for value in draws)
    if criterion.form == "below":
        return all(value < criterion.margin for value in draws)
    return all(criterion.sign * value > 0 for value in draws)


def stable_sentence(sentence: str, draws: Sequence[float], sign: float) -> str:
    """Give a sentence on a direction if all draws of the texts have its sign; else say that it is not stable.

    Example:
        >>> from emomech.chapters.criteria import stable_sentence
        >>> stable_sentence("Emotion lies deeper than syntax.", [0.1, 0.2, -0.1], sign=1)
        'Not stable over draws of the texts: emotion lies deeper than syntax.'
    """
    if all(sign * value > 0 for value in draws):
        return sentence
    return f"Not stable over draws of the texts: {sentence[:1].lower()}{sentence[1:]}"
