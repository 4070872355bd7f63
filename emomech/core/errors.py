"""Errors that a user can resolve.

A message names the thing, what was found, what was expected, and the way out.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class EmomechError(Exception):
    """The work could not be done. The command line exits with 1."""


class UsageError(EmomechError):
    """A name or an input does not exist or does not fit. The command line exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "") -> UsageError:
    """Error for an unknown name, which offers the nearest known name and lists all of them.

    Example:
        >>> from emomech.core.errors import unknown
        >>> print(unknown("prompt", "plein", ["plain", "person"]))
        unknown prompt 'plein'. Did you mean 'plain'? Known: person, plain.
    """
    names = sorted(known)
    nearest = get_close_matches(name, names, n=1)
    did_you_mean = f" Did you mean {nearest[0]!r}?" if nearest else ""
    listing = ", ".join(names) or "none"
    return UsageError(f"unknown {kind} {name!r}.{did_you_mean} Known: {listing}.{' ' + hint if hint else ''}")
