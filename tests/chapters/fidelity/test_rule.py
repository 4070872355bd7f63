"""The rule on results made by hand: an advantage for most values, some, none, and over some baselines only."""

import pytest
from tables import table

from emomech.chapters.fidelity.analysis import ADVANTAGE, BEST, DETECTION, QUALITY, Fidelity
from emomech.chapters.fidelity.rule import BASELINES, fidelity
from emomech.stats.tables import checked


def tables_with(leads: dict[str, float]) -> Fidelity:
    """Tables with the advantage of SAE features over every baseline, per value, each ± 0.05."""
    readers = ("SAE features", *BASELINES, "linear probe")
    best = [(r, "emotion", v, "blocks.0", 0.5, 0.8, 0.7, 0.9, 0.6, 40) for r in readers for v in leads]
    gains = [(r, "emotion", v, x, x - 0.05, x + 0.05, 40) for r in BASELINES for v, x in leads.items()]
    gains += [("linear probe", "emotion", v, -0.2, -0.25, -0.15, 40) for v in leads]
    empty = {"detection": DETECTION, "quality": QUALITY}
    tables = {name: table(schema) for name, schema in empty.items()}
    return checked(Fidelity(best=table(BEST, best), advantage=table(ADVANTAGE, gains), **tables))


@pytest.mark.parametrize(
    ("leads", "outcome"),
    [
        ({"joy": 0.2, "fear": 0.2, "calm": 0.0}, "replicates"),
        ({"joy": 0.2, "fear": 0.0}, "partly"),
        ({"joy": 0.0, "fear": -0.2}, "does not replicate"),
    ],
)
def test_fidelity(leads: dict[str, float], outcome: str) -> None:
    assert fidelity(tables_with(leads)).outcome == outcome


def test_fidelity_needs_a_lead_over_every_control() -> None:
    result = tables_with({"joy": 0.2, "fear": 0.2})
    worse = result.advantage.baseline == "random weights"
    result.advantage.loc[worse, ["difference", "low", "high"]] = 0.0
    verdict = fidelity(result)
    assert verdict.outcome == "does not replicate"
    assert verdict.reason.endswith("for 0 of 2 values. For 2 values no feature reaches an AUROC of 0.9.")
