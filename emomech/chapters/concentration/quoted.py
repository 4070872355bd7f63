"""Numbers that the page on claim C3 quotes."""

import math

from emomech.chapters.concentration.analysis import Concentration
from emomech.chapters.concentration.rule import median, share_of_specifications
from emomech.chapters.concentration.specifications import DIFFUSE, WEAKER

_PARTS = {"weaker": (WEAKER, -1), "diffuse": (DIFFUSE, 1)}
"""Name of each part of the claim -> the part, and the claimed sign of its contrast."""


def numbers(result: Concentration) -> dict[str, object]:
    """Both median contrasts and the shares of specifications on each side, by name; undefined where there is none."""
    quoted: dict[str, object] = {}
    for name, (part, sign) in _PARTS.items():
        quoted[name] = median(result, part) if len(result.medians) else "undefined"
        for side, of_side in (("as_claimed", sign), ("opposite", -sign)):
            share = share_of_specifications(result, part, of_side)
            quoted[f"{name}_{side}"] = "undefined" if math.isnan(share) else f"{share:.0%}"
    return quoted
