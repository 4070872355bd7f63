"""The rule on results made by hand: weaker and more diffuse, one of the two, the opposite, and controls with the same difference."""

import pytest
from tables import table

from emomech.causal.concentration import EFFECTIVE, RECALL, TOTAL
from emomech.chapters.concentration.analysis import (
    COACTIVATION,
    CONFUSIONS,
    CONTRASTS,
    CURVES,
    DEPTHS,
    EMOTIONS,
    INTERFERENCE,
    SETTING,
    Concentration,
)
from emomech.chapters.concentration.rule import (
    concentrated_most,
    concentration,
    expected_by_chance,
    hardest,
    spread_most,
)
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked

NAN = float("nan")
NONE = (0.0, 0.0)


def concentrated(
    its: tuple[float, float],
    matched: tuple[float, float] = NONE,
    untested: str = "",
    rival: float = -1.0,
    reach: float = 0.5,
) -> Concentration:
    """Differences of disgust from the others in effective number and total effect, each ± `reach`."""
    setting = [("disgust", "anger", "blocks.6", 0.9, 0.9, 0.85, 0.95, 0.14, 50, 10, untested)]
    if untested:
        empty = {"emotions": EMOTIONS, "contrasts": CONTRASTS, "interference": INTERFERENCE, "confusions": CONFUSIONS}
        tables = {name: table(schema) for name, schema in empty.items()}
    else:
        place = ("one hook point", "disgust")
        differences = [
            (condition, *place, measure, x, x - reach, x + reach, 0.01, 50)
            for condition, differences in (("its features", its), ("matched features", matched))
            for measure, x in zip((EFFECTIVE, TOTAL), differences, strict=True)
        ]
        everywhere = ("its features", "all hook points", "disgust", EFFECTIVE, 4.0, 3.0, 5.0, 0.01, 50)
        recall = ("its features", "one hook point", "joy", RECALL, -0.2, -0.3, -0.1, 0.01, 50)
        values = [
            ("its features", *place, m, 8 + x, 7.0, 9.0, 50) for m, x in zip((EFFECTIVE, TOTAL), its, strict=True)
        ]
        change = ("anger", "ablated", "its features", "disgust", "log-odds", rival, rival - 0.5, rival + 0.5, 50)
        tables = {
            "emotions": table(EMOTIONS, values),
            "contrasts": table(CONTRASTS, [*differences, everywhere, recall]),
            "interference": table(INTERFERENCE, [change]),
            "confusions": table(CONFUSIONS, [("disgust", "anger", 0.12, 0.05, 0.2, 50)]),
        }
    rest = {"depths": DEPTHS, "curves": CURVES, "coactivation": COACTIVATION}
    return checked(
        Concentration(table(SETTING, setting), **tables, **{name: table(schema) for name, schema in rest.items()})
    )


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (concentrated((3.0, -2.0)), "replicates"),
        (concentrated((3.0, 0.0)), "partly"),
        (concentrated((0.0, -2.0)), "partly"),
        (concentrated((3.0, 2.0)), "partly"),
        (concentrated((0.0, 0.0)), "does not replicate"),
        (concentrated((-3.0, 2.0)), "does not replicate"),
        (concentrated((0.001, -0.001), reach=0.0), "does not replicate"),
        (concentrated((3.0, -2.0), matched=(3.0, -2.0)), "does not replicate"),
        (concentrated((3.0, -2.0), matched=(0.0, -2.0)), "partly"),
        (concentrated((3.0, -2.0), matched=(NAN, NAN)), "replicates"),
        (concentrated((NAN, NAN)), "does not replicate"),
        (concentrated(NONE, untested="the texts have no disgust"), "cannot be tested here"),
    ],
)
def test_concentration(result: Concentration, outcome: str) -> None:
    assert concentration(result).outcome == outcome


def test_the_rule_needs_its_control() -> None:
    result = concentrated((3.0, -2.0))
    kept = result.contrasts[result.contrasts.condition != "matched features"]
    object.__setattr__(result, "contrasts", kept)
    with pytest.raises(EmomechError, match="0 rows of the table have these keys"):
        concentration(result)


def test_concentration_says_what_holds_what_not_and_what_is_the_other_way_round() -> None:
    verdict = concentration(concentrated((3.0, 2.0)))
    assert verdict.reason == (
        "Disgust is spread over more features, by more than matched features. "
        "It does not show that the features of disgust carry less. "
        "The opposite holds: its features carry more than the mean of the others. "
        "Counted over all hook points together, it is spread over more features than the others (4.00 [3.00, 5.00]). "
        "12% of its texts are mistaken for anger. Without the first features of anger the model is less sure of disgust."
    )
    assert verdict.estimate.startswith("effective number, disgust minus the others: 3.00 [2.50, 3.50]; total effect")
    assert verdict.statement.startswith("Disgust is weaker and more diffuse")


@pytest.mark.parametrize(("change", "word"), [(1.0, "surer"), (0.0, "neither surer nor less sure")])
def test_it_says_what_the_rival_does(change: float, word: str) -> None:
    assert f"the model is {word} of disgust" in concentration(concentrated(NONE, rival=change)).reason


def test_a_rival_that_the_texts_do_not_have_is_told() -> None:
    result = concentrated((3.0, -2.0))
    object.__setattr__(result, "interference", result.interference.iloc[:0])
    assert concentration(result).reason.endswith("The texts have no anger.")


def test_emotions_that_stand_out_are_named() -> None:
    result = concentrated((3.0, -2.0))
    assert (hardest(result), spread_most(result), concentrated_most(result)) == ("joy", "disgust", "none")
    assert expected_by_chance(result) == pytest.approx(0.05 * 3)


def test_texts_that_cannot_speak_are_told() -> None:
    verdict = concentration(concentrated(NONE, untested="the texts have no disgust"))
    assert verdict.reason == "The texts have no disgust."
