"""The rule on results made by hand: the order, half of it, its opposite, and texts without annotation."""

import pytest
from tables import table

from emomech.chapters.flow.analysis import (
    CENTRES,
    DIFFERENCES,
    FAMILIES,
    PHASES,
    PROFILE,
    QUALITY,
    STAGE_PROFILE,
    TEXTS,
    Flow,
)
from emomech.chapters.flow.rule import flow
from emomech.stats.tables import checked

UP = {"semantics − syntax": 0.2, "emotion − semantics": 0.2, "emotion − syntax": 0.4}
DOWN = {contrast: -value for contrast, value in UP.items()}
LAST = {"semantics − syntax": -0.1, "emotion − semantics": 0.3, "emotion − syntax": 0.2}
NONE = dict.fromkeys(UP, 0.0)


def flowed(
    words: dict[str, float],
    answer: dict[str, float],
    control: dict[str, float] = NONE,
    best: str = "K=3",
    treebank: str = "mine",
) -> Flow:
    """Tables with differences at both places and in the control, each ± 0.05; `best` has the smallest error."""
    groups = [("trained", "words", words), ("trained", "answer", answer)]
    groups += [("random weights", where, control) for where in ("words", "answer")]
    rows = [(c, w, name, x, x - 0.05, x + 0.05, 300) for c, w, group in groups for name, x in group.items()]
    forms = ("K=1", "K=2", "K=3", "ramp")
    phases = [("trained", w, form, 0.1 if form == best else 0.5, "") for w in ("words", "answer") for form in forms]
    families = [("words", "role", "syntax", 0, "", "the texts have no such annotation")]
    stages = {"lexical": treebank, "syntax": treebank, "semantics": treebank, "emotion": "mine"}
    texts = [(stage, "", name, name, 300, 1) for stage, name in stages.items()]
    empty = {"profile": PROFILE, "stages": STAGE_PROFILE, "centres": CENTRES, "quality": QUALITY}
    tables = {name: table(schema) for name, schema in empty.items()}
    filled = {
        "differences": table(DIFFERENCES, rows),
        "phases": table(PHASES, phases),
        "families": table(FAMILIES, families),
        "texts": table(TEXTS, texts),
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
        (flowed(UP, UP, treebank="news"), "partly"),
        (flowed(DOWN, DOWN, treebank="news"), "does not replicate"),
        (flowed({"emotion − semantics": 0.2}, {}), "cannot be tested here"),
    ],
)
def test_flow(result: Flow, outcome: str) -> None:
    assert flow(result).outcome == outcome


def test_flow_says_where_the_order_holds_and_how_many_phases_there_are() -> None:
    verdict = flow(flowed(UP, DOWN, best="ramp"))
    assert verdict.reason == (
        "Syntax, semantics and emotion follow one another in depth, by more than in the control, at the words. "
        "Syntax, semantics and emotion do not follow one another by more than in the control at the answer. "
        "The profile of held-out texts is best predicted by a straight ramp at the words and at the answer."
    )
    assert "Emotion lies deeper than syntax at the words." in flow(flowed(LAST, DOWN)).reason
    assert "words, semantics − syntax: 0.20 [0.15, 0.25]" in verdict.estimate


def test_a_control_without_selective_features_does_not_count_against_the_claim() -> None:
    nothing = dict.fromkeys(UP, float("nan"))
    assert flow(flowed(UP, UP, control=nothing)).outcome == "replicates"


def test_a_stage_without_a_centre_has_no_place_in_the_order() -> None:
    absent = UP | dict.fromkeys(("emotion − semantics", "emotion − syntax"), float("nan"))
    verdict = flow(flowed(absent, absent))
    assert verdict.outcome == "does not replicate"
    assert "One of the three stages has no more selective features than chance" in verdict.reason
    assert "emotion − semantics: undefined" in verdict.estimate


def test_flow_says_what_is_not_annotated() -> None:
    verdict = flow(flowed({}, {}))
    assert "Some label families cannot be read: role (the texts have no such annotation)." in verdict.reason


def test_flow_says_when_the_stages_are_read_on_different_texts() -> None:
    expected = "read on different texts (syntax and semantics on news; emotion on mine)"
    assert expected in flow(flowed(UP, UP, treebank="news")).reason
    assert "different texts" not in flow(flowed(UP, UP)).reason
