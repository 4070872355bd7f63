"""Whole numbers that a user may give: seeds, counts and sizes.

Example:
    >>> from emomech.core.limits import whole_number
    >>> whole_number("512"), whole_number("-3"), whole_number("9" * 30), whole_number("0", smallest=1)
    (512, None, None, None)
"""

LARGEST = 2**31 - 1
"""Largest whole number, with either sign; random generators and arrays take no larger seed or size."""


def whole_number(text: str, smallest: int = 0) -> int | None:
    """Read a whole number from `smallest` to `LARGEST`; None for any other text."""
    if not text.isdecimal() or len(text) > len(str(LARGEST)):
        return None
    number = int(text)
    return number if smallest <= number <= LARGEST else None
