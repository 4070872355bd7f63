"""Each rule on results made by hand: the claim, half of it, its opposite, and texts that cannot speak."""

import pandas as pd
import pytest

from emomech import verdicts
from emomech.analyses import fidelity
from emomech.analyses.behaviour import ACCURACY, ADVANTAGE, CALIBRATION, CONFUSION, EMOTIONS, MEASURES, Behaviour
from emomech.analyses.fidelity import Fidelity
from emomech.analyses.flow import (
    CENTRES,
    DIFFERENCES,
    FAMILIES,
    PHASES,
    PROFILE,
    QUALITY,
    STAGE_PROFILE,
    Flow,
)
from emomech.schema import Schema, checked


def table(schema: Schema, rows: list[tuple] = []) -> pd.DataFrame:  # noqa: B006
    return pd.DataFrame(rows, columns=list(schema.columns))


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
    found = verdicts.behaviour(result)
    assert found.outcome == outcome
    assert reason in found.reason


def test_behaviour_shows_its_estimates() -> None:
    found = verdicts.behaviour(behaved({"bag of words": 0.2}, conflict=0.5))
    assert found.estimate == "balanced accuracy 0.60 [0.55, 0.65]"
    assert found.control == "less bag of words: 0.20 [0.15, 0.25]"


def told(leads: dict[str, float]) -> Fidelity:
    """Lead of the SAE's features over all that needs none, per value, each ± 0.05."""
    readers = ("SAE features", *verdicts.NO_SAE, "linear probe")
    best = [(r, "emotion", v, "blocks.0", 0.5, 0.8, 0.7, 0.9, 0.6, 40) for r in readers for v in leads]
    gains = [(r, "emotion", v, x, x - 0.05, x + 0.05, 40) for r in verdicts.NO_SAE for v, x in leads.items()]
    gains += [("linear probe", "emotion", v, -0.2, -0.25, -0.15, 40) for v in leads]
    empty = {"detection": fidelity.DETECTION, "quality": fidelity.QUALITY}
    tables = {name: table(schema) for name, schema in empty.items()}
    return checked(Fidelity(best=table(fidelity.BEST, best), advantage=table(fidelity.ADVANTAGE, gains), **tables))


@pytest.mark.parametrize(
    ("leads", "outcome"),
    [
        ({"joy": 0.2, "fear": 0.2, "calm": 0.0}, "replicates"),
        ({"joy": 0.2, "fear": 0.0}, "partly"),
        ({"joy": 0.0, "fear": -0.2}, "does not replicate"),
    ],
)
def test_fidelity(leads: dict[str, float], outcome: str) -> None:
    assert verdicts.fidelity(told(leads)).outcome == outcome


def test_fidelity_needs_a_lead_over_every_control() -> None:
    result = told({"joy": 0.2, "fear": 0.2})
    worse = result.advantage.baseline == "random weights"
    result.advantage.loc[worse, ["difference", "low", "high"]] = 0.0
    found = verdicts.fidelity(result)
    assert found.outcome == "does not replicate"
    assert found.reason.endswith("for 0 of 2 values. For 2 no feature reaches an AUROC of 0.9.")


UP = {"semantics − syntax": 0.2, "emotion − semantics": 0.2, "emotion − syntax": 0.4}
DOWN = {contrast: -value for contrast, value in UP.items()}
LAST = {"semantics − syntax": -0.1, "emotion − semantics": 0.3, "emotion − syntax": 0.2}
NONE = dict.fromkeys(UP, 0.0)


def flowed(
    words: dict[str, float], answer: dict[str, float], control: dict[str, float] = NONE, best: str = "K=3"
) -> Flow:
    """Differences at both places and in the control, each ± 0.05; `best` has the least held-out error."""
    found = [("trained", "words", words), ("trained", "answer", answer)]
    found += [("random weights", where, control) for where in ("words", "answer")]
    rows = [(c, w, name, x, x - 0.05, x + 0.05, 300) for c, w, group in found for name, x in group.items()]
    forms = ("K=1", "K=2", "K=3", "ramp")
    phases = [("trained", w, form, 0.1 if form == best else 0.5, "") for w in ("words", "answer") for form in forms]
    families = [("words", "role", "syntax", 0, "", "the corpus has no such annotation")]
    empty = {"profile": PROFILE, "stages": STAGE_PROFILE, "centres": CENTRES, "quality": QUALITY}
    tables = {name: table(schema) for name, schema in empty.items()}
    filled = {
        "differences": table(DIFFERENCES, rows),
        "phases": table(PHASES, phases),
        "families": table(FAMILIES, families),
    }
    return checked(Flow(**tables, **filled))


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (flowed(UP, UP), "replicates"),
        (flowed(UP, UP, best="ramp"), "partly"),
        (flowed(UP, UP, best="K=4"), "partly"),
        (flowed(UP, DOWN), "partly"),
        (flowed(LAST, LAST), "partly"),
        (flowed(DOWN, DOWN), "does not replicate"),
        (flowed(NONE, NONE), "does not replicate"),
        (flowed(UP, UP, control=UP), "does not replicate"),
        (flowed({"emotion − semantics": 0.2}, {}), "cannot be tested here"),
    ],
)
def test_flow(result: Flow, outcome: str) -> None:
    assert verdicts.flow(result).outcome == outcome


def test_flow_says_where_the_order_holds_and_how_many_phases_there_are() -> None:
    found = verdicts.flow(flowed(UP, DOWN, best="ramp"))
    assert found.reason == (
        "The three follow one another, beyond the control, at the words. "
        "The three do not follow one another, beyond the control, at the answer. "
        "Held-out texts are best predicted by a straight ramp at the words and at the answer."
    )
    assert "Emotion lies deeper than syntax at the words." in verdicts.flow(flowed(LAST, DOWN)).reason
    assert "words, semantics − syntax: 0.20 [0.15, 0.25]" in found.estimate


def test_a_control_without_selective_features_does_not_count_against_the_claim() -> None:
    nothing = dict.fromkeys(UP, float("nan"))
    assert verdicts.flow(flowed(UP, UP, control=nothing)).outcome == "replicates"


def test_a_stage_without_a_centre_has_no_place_in_the_order() -> None:
    absent = UP | dict.fromkeys(("emotion − semantics", "emotion − syntax"), float("nan"))
    found = verdicts.flow(flowed(absent, absent))
    assert found.outcome == "does not replicate"
    assert "One of the three shows no more features than chance" in found.reason
    assert "emotion − semantics: undefined" in found.estimate


def test_flow_says_what_is_not_annotated() -> None:
    found = verdicts.flow(flowed({}, {}))
    assert "Not all stages can be read: role (the corpus has no such annotation)." in found.reason
