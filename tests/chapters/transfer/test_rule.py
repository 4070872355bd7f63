"""The rule on results made by hand: gains that carry over, controls that carry over too, none, and too few sets."""

import pytest
from tables import table

from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED
from emomech.chapters.stability import STABILITY
from emomech.chapters.transfer.analysis import KEPT, LEADS, MEANS, SETS, Transfer
from emomech.chapters.transfer.evidence import NONE, NOT_LOSING, OTHER, SAME
from emomech.chapters.transfer.rule import transfer
from emomech.stats.tables import checked, filled


def carried(gain: float, bias: float = 0.1, matched: float | None = 0.1, width: float = 0.05, **other) -> Transfer:
    """Make leads ± width over pairs of three sets; `kept`, `own`, `sets`, `dose` and `without` may be given."""
    given = {"kept": 1.0, "own": 0.2, "sets": 3, "dose": 0.5, "without": (gain,) * 3} | other
    rows = [
        (f"set {i}", "style", 0.8, 0.7, 0.9, 0.25, 40, "scale", given["dose"], "" if i < given["sets"] else "at chance")
        for i in range(3)
    ]
    own, share = given["own"], given["kept"] - 0.5
    means = [(FEATURES, OTHER, gain, gain - width, gain + width, given["kept"], 6)]
    means.append((FEATURES, SAME, own, own - 0.1, own + 0.1, 1.0, 3))
    leads = {NONE: gain, BIAS: bias, MATCHED: matched}
    return checked(
        filled(
            Transfer,
            sets=table(SETS, rows),
            means=table(MEANS, means),
            leads=table(LEADS, [(v, x, x - width, x + width, 6) for v, x in leads.items() if x is not None]),
            kept=table(KEPT, [(NOT_LOSING, share, share - 0.1, min(0.5, share + 0.1), 6)]),
            stability=table(STABILITY, [("gain", i, x) for i, x in enumerate(given["without"])]),
        )
    )


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (carried(0.1), "replicates"),
        (carried(0.1, kept=0.8), "replicates"),
        (carried(0.1, kept=0.7), "partly"),
        (carried(0.1, without=(0.1, 0.1, -0.01)), "partly"),
        (carried(0.1, bias=0.0, width=0.005), "does not replicate"),
        (carried(0.1, matched=0.0, width=0.005), "does not replicate"),
        (carried(0.1, matched=None), "does not replicate"),
        (carried(0.0, bias=0.0, matched=0.0, width=0.005), "does not replicate"),
        (carried(0.01, bias=0.0, matched=0.0), "no power here"),
        (carried(-0.1), "reversed"),
        (carried(0.1, sets=2), "cannot be tested here"),
        (carried(0.1, dose=0.0), "cannot be tested here"),
        (carried(0.1, own=0.05), "cannot be tested here"),
    ],
)
def test_transfer(result: Transfer, outcome: str) -> None:
    assert transfer(result).outcome == outcome


def test_it_says_why_nothing_can_be_tested() -> None:
    assert "set 2: at chance" in transfer(carried(0.1, sets=2)).reason
    assert "nothing to carry over" in transfer(carried(0.1, dose=0.0)).reason
    assert "nothing is shown that could carry over" in transfer(carried(0.1, own=0.05)).reason
