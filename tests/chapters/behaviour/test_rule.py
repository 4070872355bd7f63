"""The rule on results made by hand: the premise, half of it, its opposite, and texts that cannot speak."""

import pytest
from tables import table

from emomech.chapters.behaviour.analysis import (
    ACCURACY,
    ADVANTAGE,
    CALIBRATION,
    CONFUSION,
    EMOTIONS,
    MEASURES,
    Behaviour,
)
from emomech.chapters.behaviour.rule import behaviour
from emomech.stats.tables import checked


def behaved(advantage: dict[str, float], conflict: float, n: int = 200) -> Behaviour:
    """Advantage over each baseline, and balanced accuracy on conflict items; every interval is ± 0.05, chance 0.2."""
    accuracy = [
        ("model", "all", "all texts", 0.6, 0.55, 0.65, 0.6, 0.2, n),
        ("model", "item type", "conflict", conflict, conflict - 0.05, conflict + 0.05, 0.6, 0.2, n),
        ("model", "item type", "rare", 0.1, 0.0, 0.5, 0.6, 0.2, 3),
    ]
    gains = [(name, gain, gain - 0.05, gain + 0.05, n) for name, gain in advantage.items()]
    empty = {"emotions": EMOTIONS, "confusion": CONFUSION, "calibration": CALIBRATION, "measures": MEASURES}
    tables = {name: table(schema) for name, schema in empty.items()}
    return checked(Behaviour(table(ACCURACY, accuracy), table(ADVANTAGE, gains), **tables))


@pytest.mark.parametrize(
    ("result", "outcome", "reason"),
    [
        (behaved({"bag of words": 0.2, "majority": 0.3}, conflict=0.5), "replicates", "beats every baseline"),
        (
            behaved({"bag of words": 0.2, "majority": 0.3}, conflict=0.2),
            "partly",
            "It is not above chance on: conflict.",
        ),
        (behaved({"bag of words": 0.0, "majority": 0.3}, conflict=0.5), "partly", "It does not beat: bag of words."),
        (behaved({"bag of words": -0.2, "majority": 0.3}, conflict=0.2), "does not replicate", "does not beat"),
        (behaved({"bag of words": 0.2}, conflict=0.5, n=12), "cannot be tested here", "Only 12 texts"),
    ],
)
def test_behaviour(result: Behaviour, outcome: str, reason: str) -> None:
    found = behaviour(result)
    assert found.outcome == outcome
    assert reason in found.reason


def test_behaviour_shows_its_estimates() -> None:
    found = behaviour(behaved({"bag of words": 0.2}, conflict=0.5))
    assert found.estimate == "balanced accuracy 0.60 [0.55, 0.65]"
    assert found.control == "less bag of words: 0.20 [0.15, 0.25]"
