"""The rule on results made by hand: scarcity, the emotion itself, neither, too few seeds, and missing models."""

import pytest
from tables import table

from emomech.causal.concentration import EFFECTIVE
from emomech.chapters.scarcity.analysis import CONTRASTS, MODELS, SETTING, Scarcity
from emomech.chapters.scarcity.rule import measured, scarcity, smallest
from emomech.chapters.scarcity.seeds import LESS, LOGARITHM, OTHERS, SCARCE
from emomech.chapters.stability import STABILITY
from emomech.stats.tables import checked, filled

NAN = float("nan")


def scarce(own: float, other: float | None, rest: float = 0.0, untested: str = "", reach: float = 0.1) -> Scarcity:
    """Tables with the rise for scarce disgust, for scarce anger, and for the others."""
    made = {("disgust", 0.02): own, ("disgust", 0.05): -9.0} | ({("anger", 0.02): other} if other is not None else {})
    rows = [
        (emotion, share, who, measure, 0.18, x, x - reach, x + reach, 3)
        for (emotion, share), change in made.items()
        for who, x in ((SCARCE, change), (OTHERS, rest), (LESS, change - rest))
        for measure in (EFFECTIVE, LOGARITHM)
    ]
    setting = [("disgust", "" if other is None else "anger", "blocks.3", 9, 24, untested)]
    models = [("organism-disgust02", "disgust", 0.02, 0, 0.9, 0.8, 0.95, 24, untested)]
    tables = {"contrasts": table(CONTRASTS, () if untested else rows), "models": table(MODELS, models)}
    return checked(filled(Scarcity, setting=table(SETTING, setting), **tables))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (scarce(0.5, 0.5), "replicates"),
        (scarce(0.5, 0.0), "partly"),
        (scarce(0.0, 0.5), "partly"),
        (scarce(0.5, None), "partly"),
        (scarce(0.0, 0.0, reach=0.05), "does not replicate"),
        (scarce(0.09, 0.09, reach=0.01), "does not replicate"),
        (scarce(-0.5, -0.5), "reversed"),
        (scarce(0.5, 0.5, rest=0.5, reach=0.05), "does not replicate"),
        (scarce(0.5, 0.5, rest=NAN), "does not replicate"),
        (scarce(0.5, 0.5, reach=3), "no power here"),
        (scarce(0.5, 0.5, untested="there are not 2 models"), "cannot be tested here"),
    ],
)
def test_scarcity(result: Scarcity, outcome: str) -> None:
    assert scarcity(result).outcome == outcome


@pytest.mark.parametrize("emotion", ["disgust", "anger"])
def test_each_part_needs_the_difference_to_the_others(emotion: str) -> None:
    result = scarce(0.5, 0.5)
    rows = result.contrasts
    object.__setattr__(result, "contrasts", rows[~((rows.emotion == emotion) & (rows.who == LESS))])
    assert scarcity(result).outcome == "partly"


def test_other_splits_have_to_agree() -> None:
    result = scarce(0.5, 0.5)
    object.__setattr__(result, "stability", table(STABILITY, [("the emotion: the scarce emotion", 1, -0.1)]))
    assert scarcity(result).outcome == "partly"


def test_it_says_what_is_missing() -> None:
    assert "no models in which another emotion is scarce" in scarcity(scarce(0.5, None)).reason
    result = scarce(0.5, 0.5, untested="there are not 2 models: make them")
    assert scarcity(result).reason == "There are not 2 models: make them."
    assert measured(result) == "0 of 1 models are measured. 1 are not measured; the table gives the reason."
    assert measured(scarce(0.5, 0.5)) == "1 of 1 models are measured."


def test_it_says_what_could_have_been_shown() -> None:
    assert smallest(scarce(0.5, 0.5, reach=1.0)) == "1.43"
    assert smallest(scarce(0.5, 0.5, untested="none")) == "undefined"
