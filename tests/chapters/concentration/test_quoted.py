"""The numbers that the page quotes; all are words where there is nothing to quote."""

from tables import table

from emomech.chapters.concentration.analysis import Concentration
from emomech.chapters.concentration.quoted import numbers
from emomech.chapters.concentration.specifications import WEAKER
from emomech.chapters.concentration.tables import SPECIFICATIONS
from emomech.stats.tables import filled


def test_shares_are_written_in_per_cent() -> None:
    values = enumerate((-1.0, -0.05, 1.0, 2.0))
    rows = [(WEAKER, f"block {i}", "e", "f", "o", x, x - 0.1, x + 0.1, 40) for i, x in values]
    quoted = numbers(filled(Concentration, specifications=table(SPECIFICATIONS, rows)))
    assert (quoted["weaker_as_claimed"], quoted["weaker_opposite"]) == ("25%", "50%")


def test_nothing_to_quote_is_undefined() -> None:
    assert set(numbers(filled(Concentration)).values()) == {"undefined"}
