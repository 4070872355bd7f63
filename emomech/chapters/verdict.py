"""What every rule gives, a verdict, and how it puts its reasons in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["replicates", "partly", "does not replicate", "cannot be tested here"]


@dataclass(frozen=True)
class Verdict:
    """A claim and what came of it here."""

    claim: str
    statement: str
    outcome: Outcome
    reason: str
    estimate: str
    """The deciding estimates with their intervals."""
    control: str
    """The same in the control, or what had to be beaten."""


def sentences(*parts: tuple[str, Sequence[str]]) -> str:
    """Make a sentence of every text that has names to go with it."""
    return " ".join(f"{text}: {', '.join(names)}." for text, names in parts if names)
