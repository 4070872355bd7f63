"""What every rule returns: a verdict on one claim.

A rule is a function in a chapter's `rule.py` that reads the tables of the chapter's analysis and returns a `Verdict`.
It computes nothing from texts or models and draws no random numbers, so the same tables always give the same verdict.
Its thresholds are constants of the module. Its docstring states the criterion: what has to hold for the claim to
replicate, what is enough for "partly", and when the claim cannot be tested here. The criterion compares intervals
rather than point values wherever there are intervals, and it includes a control or a baseline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["replicates", "partly", "does not replicate", "cannot be tested here"]


@dataclass(frozen=True)
class Verdict:
    """A claim and the outcome of testing it on one model and its texts.

    Example:
        >>> from emomech.chapters.verdict import Verdict
        >>> Verdict("C1", "Emotion comes last.", "partly", "At the answer only.", "0.2 [0.1, 0.3]", "0.0").outcome
        'partly'
    """

    claim: str
    statement: str
    outcome: Outcome
    reason: str
    estimate: str
    """The deciding estimates with their intervals."""
    control: str
    """The same estimates in the control, or the baselines to beat."""


def sentences(*parts: tuple[str, Sequence[str]]) -> str:
    """Write one sentence "text: name, name." for each text that has names; texts without names are left out."""
    return " ".join(f"{text}: {', '.join(names)}." for text, names in parts if names)
