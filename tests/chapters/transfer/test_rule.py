"""The rule on results made by hand: gains that carry over, some that do, none, and too few sets."""

from dataclasses import replace

import pytest
from tables import table

from emomech.causal.steering.experiment import BIAS, FEATURES
from emomech.chapters.transfer.analysis import CELLS, MEANS, OTHER, SAME, SETS, Transfer
from emomech.chapters.transfer.rule import transfer
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked


def carried(gain: float, kept: float = 1.0, sets: int = 3, dose: float = 0.5, pair: float = 0.0) -> Transfer:
    """A mean gain ± 0.05, the share of pairs that do not lose, the number of usable sets, and the gain of a pair."""
    rows = [
        (f"set {i}", "style", 0.8, 0.7, 0.9, 0.25, 40, "scale", dose, "" if i < sets else "at chance") for i in range(3)
    ]
    means = [(FEATURES, OTHER, gain, gain - 0.05, gain + 0.05, kept, 6), (FEATURES, SAME, 0.2, 0.1, 0.3, 1.0, 3)]
    means.append((BIAS, OTHER, 0.0, -0.1, 0.1, 0.5, 6))
    cells = [
        (FEATURES, a, b, pair, pair - 0.05, pair + 0.05, 3, 1, 40, "")
        for a, b in (("set 0", "set 1"), ("set 1", "set 0"))
    ]
    cells.append((FEATURES, "set 0", "set 0", 0.2, 0.1, 0.3, 9, 0, 40, ""))
    return checked(Transfer(sets=table(SETS, rows), cells=table(CELLS, cells), means=table(MEANS, means)))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (carried(0.1), "replicates"),
        (carried(0.1, kept=0.8), "replicates"),
        (carried(0.1, kept=0.7), "partly"),
        (carried(0.02), "does not replicate"),
        (carried(0.02, pair=0.1), "partly"),
        (carried(-0.02, pair=0.1), "does not replicate"),
        (carried(0.0), "does not replicate"),
        (carried(-0.1, kept=0.0), "does not replicate"),
        (carried(0.1, sets=1), "cannot be tested here"),
    ],
)
def test_transfer(result: Transfer, outcome: str) -> None:
    assert transfer(result).outcome == outcome


def test_it_says_what_was_found_beside_the_bias_and_why_not() -> None:
    assert transfer(carried(0.1)).control == "a logit bias carried over in the same way: 0.00 [−0.10, 0.10]"
    assert "of 100 pairs, 70 do not lose" in transfer(carried(0.1, kept=0.7)).reason
    assert "nothing to carry over" in transfer(carried(0.0, dose=0.0)).reason
    assert "set 2: at chance" in transfer(carried(0.1, sets=1)).reason


def test_no_verdict_without_the_control() -> None:
    result = carried(0.1)
    with pytest.raises(EmomechError, match="0 rows"):
        transfer(replace(result, means=result.means[result.means.method != BIAS]))
