"""The rule on results made by hand: the premise holds, holds in part, fails, or cannot be tested."""

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
    """Tables with an advantage over each baseline and an accuracy on conflict items; intervals ± 0.05, chance 0.2."""
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
            "The model is not above chance on: conflict.",
        ),
        (
            behaved({"bag of words": 0.0, "majority": 0.3}, conflict=0.5),
            "partly",
            "The model does not beat: bag of words.",
        ),
        (behaved({"bag of words": -0.2, "majority": 0.3}, conflict=0.2), "does not replicate", "does not beat"),
        (behaved({"bag of words": 0.2}, conflict=0.5, n=12), "cannot be tested here", "Only 12 texts"),
    ],
)
def test_behaviour(result: Behaviour, outcome: str, reason: str) -> None:
    verdict = behaviour(result)
    assert verdict.outcome == outcome
    assert reason in verdict.reason


def test_behaviour_shows_its_estimates() -> None:
    verdict = behaviour(behaved({"bag of words": 0.2}, conflict=0.5))
    assert verdict.estimate == "balanced accuracy 0.60 [0.55, 0.65]"
    assert verdict.control == "advantage over bag of words: 0.20 [0.15, 0.25]"
