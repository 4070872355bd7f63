"""The rule on medians made by hand: both parts, one of them, the opposite, and every control with the same contrast."""

from collections.abc import Mapping

import pytest
from tables import table

from emomech.chapters.concentration.analysis import Concentration
from emomech.chapters.concentration.rule import CONTROLS, concentration, median, overshadowed, share_of_specifications
from emomech.chapters.concentration.specifications import (
    DIFFUSE,
    ESTIMATORS,
    ROLES,
    SAME_VALENCE,
    SHUFFLED,
    SILENT,
    WEAKER,
    WHOLE,
)
from emomech.chapters.concentration.tables import CONFUSIONS, INTERFERENCE, MEDIANS, SETTING, SPECIFICATIONS
from emomech.chapters.conditions import FROZEN, SECOND_SAES
from emomech.chapters.stability import STABILITY
from emomech.core.errors import EmomechError
from emomech.stats.tables import filled

Key = tuple[str, str, str, str]
NAN = float("nan")
NO_SHIFT: Mapping[Key, float] = {}


def keys(part: str) -> list[Key]:
    controls = [(part, WHOLE, c, m) for c in CONTROLS[part] for m in (("1", "2") if c == SHUFFLED else ("",))]
    roles = [(part, what, ROLES, emotion) for what in (WHOLE, SILENT) for emotion in ("joy", "anger")]
    return [(part, what, "", "") for what in (WHOLE, SILENT, SAME_VALENCE)] + controls + roles


def medians(
    weaker: float, diffuse: float, changed: Mapping[Key, float] = NO_SHIFT, reach: float = 0.1
) -> Concentration:
    """Every row of a part has the same value, apart from those that are changed."""
    made = {key: value for part, value in ((WEAKER, weaker), (DIFFUSE, diffuse)) for key in keys(part)}
    rows = [(*key, x, x - reach, x + reach, 60, 40) for key, x in (made | dict(changed)).items() if x is not None]
    setting = [("disgust", "anger", "blocks.6", "block 6", 0.9, 0.9, 0.85, 0.95, 0.14, 40, 12, 10, "")]
    return filled(Concentration, setting=table(SETTING, setting), medians=table(MEDIANS, rows))


def test_both_parts_replicate() -> None:
    verdict = concentration(medians(-0.4, 0.4))
    assert verdict.outcome == "replicates"
    assert verdict.statement == "Disgust is weaker and more diffuse than the other emotions."


@pytest.mark.parametrize(
    ("weaker", "diffuse", "reach", "outcome"),
    [
        (-0.4, 0.0, 0.05, "partly"),
        (0.0, 0.4, 0.05, "partly"),
        (0.0, 0.0, 0.05, "does not replicate"),
        (-0.05, 0.05, 0.01, "does not replicate"),
        (0.4, -0.4, 0.1, "reversed"),
        (0.4, 0.0, 0.05, "reversed"),
        (-0.1, 0.1, 0.5, "no power here"),
        (NAN, NAN, 0.1, "cannot be tested here"),
    ],
)
def test_parts(weaker: float, diffuse: float, reach: float, outcome: str) -> None:
    assert concentration(medians(weaker, diffuse, reach=reach)).outcome == outcome


DECIDING = [key for part in ESTIMATORS for key in keys(part) if key[1] != SAME_VALENCE]


@pytest.mark.parametrize("key", DECIDING)
@pytest.mark.parametrize("value", [0.0, NAN])
def test_each_control_that_shows_the_same_or_is_undefined_stops_its_part(key: Key, value: float) -> None:
    assert concentration(medians(-0.4, 0.4, {key: value})).outcome == "partly"


def test_controls_of_both_parts_stop_the_claim() -> None:
    same = {(part, WHOLE, FROZEN, ""): 0.0 for part in ESTIMATORS}
    assert concentration(medians(-0.4, 0.4, same, reach=0.02)).outcome == "does not replicate"


def test_a_control_that_is_missing_is_not_exceeded() -> None:
    result = medians(-0.4, 0.4)
    object.__setattr__(result, "medians", result.medians[result.medians.versus != FROZEN])
    verdict = concentration(result)
    assert verdict.outcome == "does not replicate"
    assert {check.status for check in verdict.checks if check.control == FROZEN} == {"undefined"}


def test_valence_lowers() -> None:
    assert concentration(medians(-0.4, 0.4, {(WEAKER, SAME_VALENCE, "", ""): 0.0})).outcome == "partly"


def test_other_saes_and_other_splits_have_to_agree() -> None:
    assert concentration(medians(-0.4, 0.4, {(WEAKER, WHOLE, "", SECOND_SAES): 0.1})).outcome == "partly"
    result = medians(-0.4, 0.4)
    draws = table(STABILITY, [("weaker, all specifications", 0, -0.4), ("weaker, all specifications", 1, 0.1)])
    object.__setattr__(result, "stability", draws)
    assert concentration(result).outcome == "partly"


def test_an_unnamed_control_is_refused() -> None:
    with pytest.raises(EmomechError, match="does not name"):
        concentration(medians(-0.4, 0.4, {(WEAKER, WHOLE, "a new control", ""): 0.0}))


def test_texts_that_cannot_speak_are_told() -> None:
    result = medians(-0.4, 0.4)
    result.setting.loc[0, "untested"] = "the texts have no disgust"
    verdict = concentration(result)
    assert (verdict.outcome, verdict.reason) == ("cannot be tested here", "The texts have no disgust.")


@pytest.mark.parametrize(("change", "word"), [(1.0, "surer"), (0.0, "neither surer nor less sure"), (-1, "less sure")])
def test_what_the_rival_does_is_described(change: float, word: str) -> None:
    result = medians(-0.4, 0.4)
    assert overshadowed(result) == "The texts have no anger."
    row = ("anger", "ablated", "its features", "disgust", "log-odds", change, change - 0.5, change + 0.5, 40)
    object.__setattr__(result, "interference", table(INTERFERENCE, [row]))
    object.__setattr__(result, "confusions", table(CONFUSIONS, [("disgust", "anger", 0.12, 0.05, 0.2, 40)]))
    assert f"12% of its texts are mistaken for anger. Without the first features of anger the model is {word}" in (
        concentration(result).reason
    )


def test_shares_of_specifications_are_counted_by_their_intervals() -> None:
    result = medians(-0.4, 0.4)
    rows = [(WEAKER, f"block {i}", "e", "f", "o", x, x - 0.1, x + 0.1, 40) for i, x in enumerate((-1, -0.05, 1, NAN))]
    object.__setattr__(result, "specifications", table(SPECIFICATIONS, rows))
    assert share_of_specifications(result, WEAKER, -1) == share_of_specifications(result, WEAKER, 1) == 1 / 3
    assert share_of_specifications(result, DIFFUSE, 1) != share_of_specifications(result, DIFFUSE, 1)
    assert median(result, DIFFUSE).value == 0.4
