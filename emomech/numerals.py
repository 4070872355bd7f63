"""How numbers are written for a reader: to the digits that mean something, with a true minus, with their interval."""

import math
from numbers import Integral, Real

from emomech.errors import EmomechError
from emomech.stats import Estimate


def number_text(value: object) -> str:
    """Write a value as prose quotes it: an estimate with its interval, a number to two or three significant digits.

    Raises EmomechError for what is neither number nor text.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Estimate):
        return str(value).replace(" ", "\u00a0")  # an interval is not broken between lines
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}".replace("-", "−")
    if isinstance(value, Real):
        return _significant(float(value))
    raise EmomechError(f"{value!r} is a {type(value).__name__}, expected an estimate, a number or text.")


def _significant(value: float) -> str:
    if not math.isfinite(value):
        return "undefined" if math.isnan(value) else ("−∞" if value < 0 else "∞")
    size = abs(value)
    if size >= 100:
        text = f"{value:,.0f}"
    elif size >= 10:
        text = f"{value:.1f}"
    elif size >= 0.1 or size == 0:
        text = f"{value:.2f}"
    elif size >= 0.0001:
        text = f"{value:.{1 - math.floor(math.log10(size))}f}"
    else:
        text = f"{value:.1e}"
    return text.replace("-", "−")
