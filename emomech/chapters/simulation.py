"""What a rule does on simulated studies: how often it errs where nothing is there, and what it can show.

A chapter's `simulation.py` draws the tables that its rule reads, as the analysis would have made them of texts in a
world whose truth is known, at the sizes of the page. `book.operating` sends many of them through the rule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeAlias, TypeVar

import numpy as np

from emomech.chapters.rules import Rule

R = TypeVar("R")
World = Literal["null", "partial null", "planted", "reversed"]
"""Null: no effect, or one that a control shows as well; neither *replicates* nor *partly* may follow more often than
the error rates allow. Partial null: a part of the claim is false, so that *replicates* may not follow. Planted: the
claim is true. Reversed: its opposite is."""
Parameters: TypeAlias = Mapping[str, Any]
"""The parameters of the page, such as its numbers of texts and of resamples, by name."""
MOST_REPLICATES, MOST_PARTLY = 0.05, 0.10
"""Largest error rates that a rule may have in a null world: of *replicates*, and of *partly* or better."""


@dataclass(frozen=True)
class Scenario(Generic[R]):
    """One world, from which studies are drawn."""

    name: str
    """The world in a few words, such as "a shift of the prior only"."""
    world: World
    draw: Callable[[np.random.Generator, Parameters, float], R] = field(repr=False)
    """Tables of one study, from random numbers, the page's parameters, and the size of the effect in `units`."""


@dataclass(frozen=True)
class Simulation(Generic[R]):
    """The worlds in which a rule is tried."""

    rule: Rule[R]
    units: str
    """What an effect of size 1 is, with its units, such as "ten points of balanced accuracy"."""
    scenarios: tuple[Scenario[R], ...]
    effects: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)
    """Sizes of the planted effect among which the smallest that is shown reliably is looked for."""
    effect: float = 1.0
    """Size of the effect in the worlds with one."""
