"""Numbers that nothing could take are no numbers here."""

import pytest

from emomech.core.limits import LARGEST, whole_number


@pytest.mark.parametrize("text", ["", " 1", "1.0", "-1", "1e3", "nan", "½", str(LARGEST + 1), "9" * 5000])
def test_other_texts_are_no_whole_numbers(text: str) -> None:
    assert whole_number(text) is None


def test_both_ends_are_taken() -> None:
    assert (whole_number("0"), whole_number(str(LARGEST))) == (0, LARGEST)
    assert (whole_number("1", smallest=1), whole_number("0", smallest=1)) == (1, None)
