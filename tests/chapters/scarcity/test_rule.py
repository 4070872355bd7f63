"""The rule on results made by hand: scarcity, the emotion itself, neither, and missing models."""

import pytest
from tables import table

from emomech.causal.concentration import EFFECTIVE, TOTAL
from emomech.chapters.scarcity.analysis import CONTRASTS, LESS, MODELS, OTHERS, SCARCE, SETTING, VALUES, Scarcity
from emomech.chapters.scarcity.rule import measured, scarcity
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked


def scarce(own: float, other: float | None, rest: float = 0.0, untested: str = "") -> Scarcity:
    """Tables with the change of the effective number for scarce disgust, for scarce anger, and for the others; ± 1."""
    made = {("disgust", 0.02): own, ("disgust", 0.05): -9.0} | ({("anger", 0.02): other} if other is not None else {})
    rows = [
        (emotion, share, who, measure, 0.18, x, x - 1, x + 1, 3)
        for (emotion, share), change in made.items()
        for who, x in ((SCARCE, change), (OTHERS, rest), (LESS, change - rest))
        for measure in (EFFECTIVE, TOTAL)
    ]
    rival = "" if other is None else "anger"
    setting = [("disgust", rival, "blocks.3", 9, 24, untested)]
    models = [("organism-disgust02", "disgust", 0.02, 0, 0.9, 0.8, 0.95, 24, untested)]
    contrasts = table(CONTRASTS, () if untested else rows)
    return checked(Scarcity(table(SETTING, setting), table(MODELS, models), table(VALUES), contrasts))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (scarce(3.0, 3.0), "replicates"),
        (scarce(3.0, 0.0), "partly"),
        (scarce(0.0, 3.0), "partly"),
        (scarce(3.0, None), "partly"),
        (scarce(0.0, 0.0), "does not replicate"),
        (scarce(-3.0, -3.0), "does not replicate"),
        (scarce(0.0, None), "does not replicate"),
        (scarce(0.0, 3.0, rest=3.0), "does not replicate"),
        (scarce(0.0, -1.0, rest=-5.0), "does not replicate"),
        (scarce(3.0, 3.0, untested="there are not 2 models"), "cannot be tested here"),
    ],
)
def test_scarcity(result: Scarcity, outcome: str) -> None:
    assert scarcity(result).outcome == outcome


@pytest.mark.parametrize("who", [OTHERS, LESS])
def test_the_rule_needs_its_controls(who: str) -> None:
    result = scarce(3.0, 3.0)
    object.__setattr__(result, "contrasts", result.contrasts[result.contrasts.who != who])
    with pytest.raises(EmomechError, match="0 rows of the table have these keys"):
        scarcity(result)


def test_it_says_what_scarcity_does_to_each() -> None:
    verdict = scarcity(scarce(3.0, 0.0))
    assert verdict.reason == (
        "If disgust is scarce, it is spread over more features than if it is frequent. "
        "If anger is scarce, it is spread over neither more nor fewer features than if it is frequent. "
        "This change is not larger than that of the emotions that are not scarce. Each interval comes from few seeds."
    )
    assert "the cause may be the emotion itself" in scarcity(scarce(3.0, None)).reason
    assert verdict.estimate == "effective number of features of disgust, scarce minus frequent: 3.00 [2.00, 4.00]"


def test_missing_models_are_counted() -> None:
    result = scarce(3.0, 3.0, untested="there are not 2 models: make them")
    assert scarcity(result).reason == "There are not 2 models: make them"
    assert measured(result) == "0 of 1 models are measured. 1 are not measured; the table gives the reason."
    assert measured(scarce(3.0, 3.0)) == "1 of 1 models are measured."
