"""What goes wrong, told so that a user can put it right.

A message names the thing, what was found, what was expected and the way out.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class EmomechError(Exception):
    """The work could not be done. The command line exits with 1."""


class UsageError(EmomechError):
    """What was asked for does not exist or does not fit. The command line exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UsageError:
    """Build the error for a name that is not there: the nearest known name and all there are."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    did_you_mean = f" Did you mean {near[0]!r}?" if near else ""
    listing = ", ".join(names) or "none"
    return UsageError(f"unknown {kind} {name!r}.{did_you_mean} Known: {listing}.{' ' + hint if hint else ''}")
