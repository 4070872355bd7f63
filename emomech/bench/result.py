"""The package compared with one implementation in one task: times, memory, targets, and how far the answers differ.

A target is a ratio of times; it applies to the first implementation, the plain way. Where an edit changes many tokens,
the target is a share of the largest ratio that is possible (`bounds`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from emomech.bench.interleaved import OURS, Outcome

OF_BOUND = 0.95
"""Target of a ratio, as a share of its bound."""


@dataclass(frozen=True)
class Result:
    """The package compared with one implementation. The fields are those of a result in `book/bench.json`."""

    subject: str
    """Name of the workload."""
    task: str
    unit: str
    ours: float
    """Seconds per unit."""
    contender: str
    """The implementation that the package is compared with."""
    theirs: float | str
    """Seconds per unit, or why they were not measured."""
    target: float | None = None
    """Target of `ratio`, or of seconds if nothing is compared."""
    met: bool | None = None
    """Whether the target was met; None without a target."""
    note: str = ""
    difference: float | None = None
    """Largest difference of the two answers, as a share of the largest difference of ours between edits or layers."""
    share: float | None = None
    """Share of the rate of a matrix product that ours reaches, if its operations are known."""
    held: Mapping[str, float] | None = None
    """Bytes that `ours` and `theirs` hold above interpreter and libraries, and `most`, the target."""
    bound: float | None = None
    """Largest possible `ratio`, if it is known."""
    whole: bool = False
    """Whether it is a whole piece of work, such as a training, rather than a step of one."""

    @property
    def ratio(self) -> float | None:
        """Time of the other implementation divided by that of the package."""
        return self.theirs / self.ours if isinstance(self.theirs, float) else None


@dataclass(frozen=True)
class Heading:
    """What the results of one comparison share."""

    workload: str
    task: str
    unit: str
    note: str
    target: float | None = None
    """Target of the ratio to the first implementation."""
    share: float | None = None
    memory_factor: float | None = None
    """Target of memory, as a multiple of what the first implementation and `memory_beside` take."""
    memory_beside: int = 0
    """Bytes that the task needs besides what the first implementation holds."""
    bound: float | None = None
    """Largest possible ratio to the first implementation, if it is known."""
    whole: bool = False
    """As in a `Result`."""


def results_of(
    heading: Heading, outcomes: Mapping[str, Outcome], others: Mapping[str, tuple[str, str]]
) -> Iterator[Result]:
    """Yield one result per other implementation; `others` maps its name to its title in the table and a note."""
    own = outcomes[OURS]
    assert isinstance(own.seconds, float)
    for i, (name, (title, note)) in enumerate(others.items()):
        other, first = outcomes[name], i == 0
        target = heading.target if first else None
        met = None
        if target is not None and isinstance(other.seconds, float):
            met = other.seconds / own.seconds >= target
        held = None
        if own.held is not None and other.held is not None:
            held = {"ours": float(own.held), "theirs": float(other.held)}
            if heading.memory_factor and first:
                held["most"] = heading.memory_factor * (other.held + heading.memory_beside)
        line = (heading.workload, heading.task, heading.unit, own.seconds, title, other.seconds)
        share = heading.share if first else None
        limits = (share, held, heading.bound if first else None, heading.whole)
        yield Result(*line, target, met, heading.note if first else note, _difference(own, other), *limits)


def _difference(own: Outcome, other: Outcome) -> float | None:
    """Compare the answers that both have: slow implementations answer for the first features only."""
    if own.answer is None or other.answer is None or not other.answer.size:
        return None
    between = np.ptp(own.answer, axis=0).max()
    return float(np.abs(own.answer[: len(other.answer)] - other.answer).max() / between)


def bounded(workload: str, task: str, unit: str, note: str, bound: float) -> Heading:
    """Make the heading of a comparison whose ratio has a bound, with the target that follows from it."""
    return Heading(workload, task, unit, note, OF_BOUND * bound, bound=bound)
