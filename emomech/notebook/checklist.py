"""The checklist of a verdict: each criterion with its role, its estimate, and whether it is met.

The box of a claim and the cells of the matrix show the same list. Whether a criterion is met is a word and a shape, so
that it does not depend on colour.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape

from emomech.chapters.verdict import Check, Outcome, Role, Status

_BATTERY = (
    '<rect x="1" y="5" width="15" height="10" rx="2" class="line"/>'
    '<path d="M18.5 8v4" class="line"/><rect x="3.5" y="7.5" width="3" height="5" class="fill"/>'
)
SHAPES: Mapping[Outcome, str] = {
    "replicates": '<circle cx="10" cy="10" r="9" class="fill"/><path d="M5.5 10.5l3 3 6-7" class="cut"/>',
    "partly": '<circle cx="10" cy="10" r="8" class="line"/><path d="M10 2a8 8 0 0 1 0 16z" class="fill"/>',
    "does not replicate": '<rect x="1.5" y="1.5" width="17" height="17" rx="3" class="fill"/>'
    '<path d="M6 6l8 8M14 6l-8 8" class="cut"/>',
    "reversed": '<path d="M10 .5l9.5 9.5-9.5 9.5L.5 10z" class="fill"/>'
    '<path d="M14 10H6.5M9.5 7l-3 3 3 3" class="cut"/>',
    "no power here": _BATTERY,
    "cannot be tested here": '<circle cx="10" cy="10" r="8" class="dashed"/>',
}
"""The shape of each outcome, as the content of an SVG of 20 by 20."""
_STATUSES: Mapping[Status, tuple[str, Outcome]] = {
    "met": ("met", "replicates"),
    "not met": ("not met", "does not replicate"),
    "reversed": ("opposite", "reversed"),
    "not stable": ("not stable", "partly"),
    "no power": ("too few data", "no power here"),
    "undefined": ("undefined", "cannot be tested here"),
}
"""The word for each status, and the outcome that has the same shape and colour."""
ROLES: Mapping[Role, str] = {
    "decides": "These decide",
    "lowers": "These lower the verdict if they are not met",
    "describes": "These are shown and do not count",
}
"""The heading over the criteria of each role, in the order of the list."""
_INTERVAL = re.compile(r"\S+ \[[^]]*\]")


def shape(outcome: Outcome) -> str:
    """Draw the shape of an outcome."""
    return f'<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">{SHAPES[outcome]}</svg>'


def css_class(outcome: str) -> str:
    """Name the class of an outcome in the style sheet, such as `emo-no-power-here`."""
    return f"emo-{outcome.replace(' ', '-')}"


def unbroken(text: str) -> str:
    """Write text without line breaks inside its intervals, as HTML."""
    return escape(_INTERVAL.sub(lambda match: match[0].replace(" ", "\u00a0"), text))


def html(checks: Sequence[Check]) -> str:
    """Write a checklist: one list for each role, those that decide first. Empty for no criteria.

    Criteria that are only shown are folded.
    """
    lists = [_list(role, of_role) for role in ROLES if (of_role := [check for check in checks if check.role == role])]
    return f'<div class="emo-checklist">{"".join(lists)}</div>' if lists else ""


def _list(role: Role, checks: Sequence[Check]) -> str:
    items = f'<ul aria-label="{ROLES[role]}">{"".join(map(_item, checks))}</ul>'
    if role == "describes":
        return f'<details class="emo-described"><summary class="emo-role">{ROLES[role]}</summary>{items}</details>'
    return f'<p class="emo-role" aria-hidden="true">{ROLES[role]}</p>{items}'


def _item(check: Check) -> str:
    word, like = _STATUSES[check.status]
    against = f'<span class="emo-against">Against: <b>{escape(check.control)}</b></span>' if check.control else ""
    return (
        f'<li class="emo-check {css_class(like)}" data-role="{check.role}" data-status="{check.status}">'
        f'<span class="emo-status">{shape(like)} <b>{word}</b></span>'
        f'<span class="emo-criterion">{escape(check.criterion)}</span>'
        f'<span class="emo-measured"><i>{escape(check.estimand)}:</i> <b>{unbroken(check.estimate)}</b></span>'
        f"{against}</li>"
    )


def to_json(checks: Sequence[Check]) -> str:
    """Write a checklist as the text of one cell of a table; `from_json` reads it back.

    Example:
        >>> from emomech.chapters.verdict import Check
        >>> from emomech.notebook.checklist import from_json, to_json
        >>> checks = (Check("It falls.", "decides", "met", "points", "9.00 [6.00, 12.00]"),)
        >>> from_json(to_json(checks)) == checks
        True
    """
    return json.dumps([asdict(check) for check in checks], ensure_ascii=False)


def from_json(text: str) -> tuple[Check, ...]:
    """Read the checklist that `to_json` wrote."""
    return tuple(Check(**check) for check in json.loads(text or "[]"))
