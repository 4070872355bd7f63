"""Dead features: those that never fire. An SAE that consists mostly of them was trained wrongly, and is refused.

A few hundred tokens do not show which features are dead. So this reads what the training recorded: SAELens counts the
features that did not fire for many steps.

Example:
    >>> from emomech.saes.collection import load_saes
    >>> from emomech.saes.dead import all_mostly_dead
    >>> all_mostly_dead(load_saes("organism"))
    []
"""

from collections.abc import Mapping

from emomech.core.hook_points import HookPoint
from emomech.saes.sae import Sae

MAX_DEAD = 0.5
"""Largest share of features that may be dead at the end of the training; SAEs with a frozen decoder are not judged."""


def mostly_dead(sae: Sae) -> str:
    """Describe an SAE with too many dead features; empty for others, and if their number is not known."""
    if sae.dead is None or sae.dead <= MAX_DEAD * sae.d_sae:
        return ""
    return f"has {sae.dead:,} of {sae.d_sae:,} features dead since its training, expected at most half of them"


def all_mostly_dead(saes: Mapping[HookPoint, Sae]) -> list[str]:
    """Name the SAEs with too many dead features, one line each."""
    return [f"{point}: {dead}" for point, sae in saes.items() if (dead := mostly_dead(sae))]
