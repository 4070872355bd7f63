"""Numbers that a user may give: whole numbers such as seeds and counts, and numbers of bytes.

Example:
    >>> from emomech.core.limits import whole_number
    >>> whole_number("512"), whole_number("-3"), whole_number("9" * 30), whole_number("0", smallest=1)
    (512, None, None, None)
"""

import re

LARGEST = 2**31 - 1
"""Largest whole number, with either sign; random generators and arrays take no larger seed or size."""


def whole_number(text: str, smallest: int = 0) -> int | None:
    """Read a whole number from `smallest` to `LARGEST`; None for any other text."""
    if not text.isdecimal() or len(text) > len(str(LARGEST)):
        return None
    number = int(text)
    return number if smallest <= number <= LARGEST else None


_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_BYTES = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]*)", re.IGNORECASE)


def byte_count(text: str) -> int | None:
    """Read a number of bytes, such as 20GB, 1.5 GiB or 500000; None for any other text, and for less than 1.

    Example:
        >>> from emomech.core.limits import byte_count
        >>> byte_count("1.5GB"), byte_count("2 MiB"), byte_count("big")
        (1500000000, 2097152, None)
    """
    match = _BYTES.fullmatch(text.strip())
    if match is None or (unit := _UNITS.get(match[2].lower())) is None:
        return None
    return round(float(match[1]) * unit) or None
