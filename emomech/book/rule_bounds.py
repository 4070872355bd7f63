"""What the outcomes of a rule have to be in worlds whose truth is known: bounds on the rates of events.

A bound is broken if the whole 95 % interval of a rate (Clopper and Pearson, 1934) lies on its wrong side. So a rule
passes if its rate is too uncertain to tell, and more draws make the check stricter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from emomech.book.edition import Profile
from emomech.chapters.criteria import POWER
from emomech.chapters.simulation import MOST_PARTLY, MOST_REPLICATES, World
from emomech.chapters.verdict import Outcome
from emomech.stats.estimates import exact_interval

REPLICATES, OR_BETTER, MISSED = "replicates", "partly or better", "denied"
OPPOSITE = "reversed"
EVENTS: Mapping[str, tuple[Outcome, ...]] = {
    REPLICATES: ("replicates",),
    OR_BETTER: ("replicates", "partly"),
    MISSED: ("does not replicate", "reversed"),
    OPPOSITE: ("reversed",),
}
"""The outcomes that count together under one name."""
MOST_MISSED = 1 - POWER


@dataclass(frozen=True)
class Bound:
    """What the rate of an event has to be in a world."""

    event: str
    side: Literal["at most", "at least"]
    value: float

    def __str__(self) -> str:
        return f"{self.side} {self.value:g}"

    def broken(self, low: float, high: float) -> bool:
        """Whether the whole interval of a rate lies on the wrong side."""
        return low > self.value if self.side == "at most" else high < self.value


SHOWN = Bound(REPLICATES, "at least", POWER)
"""What makes an effect one that a rule shows reliably."""
_TRUE: Mapping[Profile, tuple[Bound, ...]] = {
    "full": (SHOWN, Bound(MISSED, "at most", MOST_MISSED)),
    "quick": (Bound(MISSED, "at most", MOST_MISSED),),
}
_OPPOSITE_TRUE: Mapping[Profile, tuple[Bound, ...]] = {
    "full": (Bound(OR_BETTER, "at most", MOST_REPLICATES), Bound(OPPOSITE, "at least", POWER)),
    "quick": (Bound(OR_BETTER, "at most", MOST_REPLICATES),),
}


def bounds(world: World, profile: Profile) -> tuple[Bound, ...]:
    """Give the bounds of a world at the sizes of a profile.

    The quick sizes may say that they have no power. In a world with the opposite effect they may also say that the
    claim does not replicate, which is true.
    """
    if world == "null":
        return Bound(REPLICATES, "at most", MOST_REPLICATES), Bound(OR_BETTER, "at most", MOST_PARTLY)
    if world == "partial null":
        return (Bound(REPLICATES, "at most", MOST_REPLICATES),)
    return _TRUE[profile] if world == "planted" else _OPPOSITE_TRUE[profile]


def hits(outcomes: Mapping[str, int], event: str) -> int:
    """Count the studies with an event, from the number of studies by outcome."""
    return sum(outcomes.get(outcome, 0) for outcome in EVENTS[event])


def decided(outcomes: Mapping[str, int], of_world: tuple[Bound, ...]) -> bool:
    """Whether each bound is clearly kept or clearly broken by what was drawn so far."""
    n = sum(outcomes.values())
    for bound in of_world:
        rate = exact_interval(hits(outcomes, bound.event), n)
        if rate.low <= bound.value < rate.high:
            return False
    return True
