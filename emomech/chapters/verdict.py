"""What every rule returns: a verdict on one claim, with the checklist that it follows from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["replicates", "partly", "does not replicate", "reversed", "no power here", "cannot be tested here"]
OUTCOMES: tuple[Outcome, ...] = (
    "replicates",
    "partly",
    "does not replicate",
    "reversed",
    "no power here",
    "cannot be tested here",
)
"""All outcomes, from the best for the claim to those that say nothing about it."""
Role = Literal["decides", "lowers", "describes"]
"""A criterion that decides has to be met; one that lowers, if it is not met, leaves *partly* at most; one that
describes is shown and changes nothing."""
Status = Literal["met", "not met", "reversed", "not stable", "no power", "undefined"]
"""Whether a criterion is met. Not stable: it is met on the first draw of the texts, and its sign changes on another.
No power: the smallest effect that the sample could have shown is larger than the margin. Undefined: there is no
estimate, or no interval."""


@dataclass(frozen=True)
class Check:
    """One line of a checklist: a criterion of a rule, its estimate, and whether it is met."""

    criterion: str
    """The criterion as a sentence that is true if it is met."""
    role: Role
    status: Status
    estimand: str
    """What is estimated, with its units."""
    estimate: str
    """The estimate with its interval, and what the sample could have shown where it shows nothing."""
    control: str = ""
    """The control that it is compared with, as the tables name it; empty for the effect itself."""


@dataclass(frozen=True)
class Verdict:
    """A claim and the outcome of testing it on one model and its texts.

    Example:
        >>> from emomech.chapters.verdict import Check, Verdict
        >>> check = Check("Emotion lies deeper.", "decides", "met", "difference of depth", "0.2 [0.1, 0.3]")
        >>> verdict = Verdict("C1", "Emotion comes last.", "replicates", "Every criterion is met.", (check,))
        >>> verdict.outcome, verdict.estimate
        ('replicates', 'difference of depth: 0.2 [0.1, 0.3]')
    """

    claim: str
    statement: str
    outcome: Outcome
    reason: str
    checks: tuple[Check, ...] = ()

    @property
    def estimate(self) -> str:
        """The estimates of the effects themselves, with their intervals."""
        return "; ".join(f"{check.estimand}: {check.estimate}" for check in self.checks if not check.control)

    @property
    def control(self) -> str:
        """The estimates of the comparisons with controls, with their intervals."""
        return "; ".join(f"{check.control}: {check.estimate}" for check in self.checks if check.control)


def sentences(*parts: tuple[str, Sequence[str]]) -> str:
    """Write one sentence "text: name, name." for each text that has names; texts without names are left out."""
    return " ".join(f"{text}: {', '.join(names)}." for text, names in parts if names)
