"""Numbers as a reader meets them."""

import numpy as np
import pytest

from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate, number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Estimate(-0.12, -0.2, 0.034, 9), "−0.12\u00a0[−0.20,\u00a00.03]"),
        ("as it is", "as it is"),
        (1200, "1,200"),
        (np.int64(-1200), "−1,200"),
        (True, "yes"),
        (np.bool_(False), "no"),
        (0.0, "0.00"),
        (0.8349, "0.83"),
        (-0.5, "−0.50"),
        (0.0431, "0.043"),
        (0.00215, "0.0022"),
        (0.00001234, "1.2e−05"),
        (np.float32(12.34), "12.3"),
        (1234.5, "1,234"),
        (float("nan"), "undefined"),
        (float("-inf"), "−∞"),
    ],
)
def test_numbers_as_prose_quotes_them(value: object, text: str) -> None:
    assert number_text(value) == text


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(EmomechError, match="list, expected an estimate, a number or text"):
        number_text([1])
