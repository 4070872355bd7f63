"""The leads of SAE features on other random divisions of the same texts, for the table of stability.

Units are chosen again on other texts, and measured again on the rest. Nothing is read or ablated anew except units that
were not chosen before.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from emomech.chapters.fidelity.causal import Losses, Unit
from emomech.chapters.fidelity.readers import ABLATED, BASELINES, FEATURES, Reader
from emomech.chapters.fidelity.units import EMOTION, Choice, Family, Units, choices_of
from emomech.core.hook_points import HookPoint

DETECTS, MATTERS = "detects", "matters"
"""Names of the quantities: AUROC above one half, and log-odds lost without the unit."""
NEED = 0.5001
"""Share of the values that have to meet a criterion: more than half."""
Key = tuple[Reader, int, int]
"""Reader, number of the family, and number of the value in it."""


@dataclass(frozen=True)
class Division:
    """The best hook point and unit of each reader and value, on one division of the texts."""

    families: Sequence[Family]
    chosen: Mapping[Key, tuple[HookPoint, Choice]]

    def units(self) -> Iterator[tuple[str, Unit]]:
        """Emotion and unit of every reader with units to ablate."""
        for (reader, family, value), (point, choice) in self.chosen.items():
            if self.families[family].name == EMOTION and reader in (FEATURES, *ABLATED):
                yield self.families[family].values[value], (reader, point, choice.unit)


def compared(quantity: str, baseline: str = "") -> str:
    """Name of a quantity, or of its difference to that of a baseline."""
    return f"{quantity}, {baseline}" if baseline else quantity


def divisions(
    families: Sequence[Family], read: Mapping[tuple[Reader, HookPoint], Units], n: int, seed: int
) -> list[Division]:
    """Divide the texts of each value `n` times at random, and choose the best unit of each reader anew."""
    made = []
    for draw in range(n):
        again = [family.divided_again(seed + draw) for family in families]
        chosen: dict[Key, tuple[HookPoint, Choice]] = {}
        for (reader, point), x in read.items():
            for number, choices in enumerate(choices_of(again, [x] * len(again))):
                for value, choice in choices.items():
                    key = reader, number, value
                    if key not in chosen or choice.auroc > chosen[key][1].auroc:
                        chosen[key] = point, choice
        made.append(Division(again, chosen))
    return made


def quantities(
    made: Sequence[Division], read: Mapping[tuple[Reader, HookPoint], Units], lost: Losses | None
) -> dict[str, list[float]]:
    """What the rule reads on each division: the lead that enough values reach, by name of the criterion."""
    values: dict[str, list[float]] = {}
    for division in made:
        scores = {
            key: choice.auroc_elsewhere(division.families[key[1]], key[2], read[key[0], point])
            for key, (point, choice) in division.chosen.items()
        }
        own = {key[1:]: score for key, score in scores.items() if key[0] == FEATURES}
        leads = {compared(DETECTS): [score - 0.5 for score in own.values()]}
        for baseline in BASELINES:
            leads[compared(DETECTS, baseline)] = [own[key] - scores.get((baseline, *key), np.nan) for key in own]
        if lost is not None:
            leads |= _dependence(division, lost)
        for name, of_values in leads.items():
            values.setdefault(name, []).append(reached(of_values))
    return {name: of_name for name, of_name in values.items() if np.isfinite(of_name).all()}


def _dependence(division: Division, lost: Losses) -> dict[str, list[float]]:
    """Mean log-odds lost by each emotion, and the leads over the baselines, by name of the criterion."""
    number = next(i for i, family in enumerate(division.families) if family.name == EMOTION)
    family = division.families[number]
    loss: dict[str, dict[str, float]] = {}
    for emotion, unit in division.units():
        loss.setdefault(unit[0], {})[emotion] = float(lost.elsewhere(family, emotion, unit).mean())
    own = loss[FEATURES]
    leads = {compared(MATTERS): list(own.values())}
    for baseline in ABLATED:
        of_baseline = loss.get(baseline, {})
        leads[compared(MATTERS, baseline)] = [own[e] - of_baseline.get(e, np.nan) for e in own]
    return leads


def reached(values: Sequence[float]) -> float:
    """The value that as many reach as have to; NaN if one is undefined.

    Example:
        >>> from emomech.chapters.fidelity.stability import reached
        >>> reached([0.3, 0.1, -0.2])
        0.1
    """
    ordered = sorted(values, reverse=True)
    return float(ordered[math.ceil(NEED * len(ordered)) - 1]) if np.isfinite(values).all() else math.nan
