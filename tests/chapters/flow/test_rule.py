"""The rule on results made by hand: the order, its parts, its opposite, its controls, and what cannot be tested."""

from dataclasses import replace

import pandas as pd
import pytest

from emomech.chapters.conditions import RANDOM_DICTIONARY, RANDOM_WEIGHTS, SECOND_SAES, SHUFFLED_LABELS, TRAINED
from emomech.chapters.flow.analysis import FAMILIES, TEXTS, Flow
from emomech.chapters.flow.rows import AMOUNTS, BEYOND, DIFFERENCES
from emomech.chapters.flow.rule import flow
from emomech.chapters.stability import STABILITY, stability_rows
from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate
from emomech.stats.tables import checked, filled, frame

UP = {"semantics − syntax": 0.2, "emotion − semantics": 0.2}
DOWN, NONE, NAN = ({step: value for step in UP} for value in (-0.2, 0.0, float("nan")))
FIRST_ONLY = {"semantics − syntax": 0.2, "emotion − semantics": 0.0}
PLACES = ("words", "answer")


def about(value: float, reach: float) -> Estimate:
    return Estimate(value, value - reach, value + reach, 300)


def flowed(
    words: dict[str, float], answer: dict[str, float], reach: float = 0.05, emotion: float = 0.1, **less: dict
) -> Flow:
    """Tables with differences at both places, and less those of controls (0 unless `less` names them)."""
    own = {"words": words, "answer": answer}
    differences = [
        {"condition": TRAINED, "where": where, "contrast": step, "difference": about(x, reach), "n": 300}
        for where, steps in own.items()
        for step, x in steps.items()
    ]
    beyond = [
        {"control": control, "where": where, "contrast": step, "difference": about(x - shown[step], reach), "n": 300}
        for control, shown in {RANDOM_WEIGHTS: NONE, SHUFFLED_LABELS: NONE, **less.get("less", {})}.items()
        for where, steps in own.items()
        for step, x in steps.items()
    ]
    amounts = [
        {"condition": TRAINED, "where": where, "stage": stage, "explained": about(x, 0.001), "n": 300}
        for where in PLACES
        for stage, x in {"syntax": 0.1, "semantics": 0.1, "emotion": emotion}.items()
    ]
    families = [
        {"where": "words", "family": "role", "stage": "syntax", "untested": "the texts have no such annotation"}
    ]
    return checked(
        filled(
            Flow,
            differences=frame(DIFFERENCES, differences),
            beyond=frame(BEYOND, beyond),
            amounts=frame(AMOUNTS, amounts),
            families=frame(FAMILIES, families),
            texts=texts("mine"),
        )
    )


def texts(treebank: str) -> pd.DataFrame:
    sources = {"lexical": treebank, "syntax": treebank, "semantics": treebank, "emotion": "mine"}
    return frame(TEXTS, [{"stage": stage, "texts": name, "n_tested": 1} for stage, name in sources.items()])


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (flowed(UP, UP), "replicates"),
        (flowed(UP, NONE), "partly"),
        (flowed(DOWN, UP), "partly"),
        (flowed(FIRST_ONLY, FIRST_ONLY), "partly"),
        (flowed(DOWN, DOWN), "reversed"),
        (flowed(NONE, NONE, reach=0.02), "does not replicate"),
        (flowed(UP, UP, less={RANDOM_WEIGHTS: UP}, reach=0.02), "does not replicate"),
        (flowed(UP, UP, less={SHUFFLED_LABELS: UP}, reach=0.02), "does not replicate"),
        (flowed(UP, UP, less={RANDOM_WEIGHTS: NAN}), "does not replicate"),
        (flowed(UP, UP, reach=0.5), "no power here"),
        (flowed({"emotion − semantics": 0.2}, {}), "cannot be tested here"),
    ],
)
def test_flow(result: Flow, outcome: str) -> None:
    assert flow(result).outcome == outcome


def test_a_control_that_is_missing_is_not_beaten() -> None:
    result = flowed(UP, UP)
    for control in (RANDOM_WEIGHTS, SHUFFLED_LABELS):
        without = replace(result, beyond=result.beyond[result.beyond.control != control])
        assert flow(without).outcome == "does not replicate"


def test_a_control_without_a_role_is_refused() -> None:
    result = flowed(UP, UP)
    result.beyond.loc[0, "control"] = "another control"
    with pytest.raises(EmomechError, match="another control"):
        flow(result)


def test_the_opposite_at_the_words_is_said() -> None:
    assert "The opposite is shown: At the words, semantics lies deeper than syntax" in flow(flowed(DOWN, UP)).reason


def test_stages_on_different_texts_lower() -> None:
    verdict = flow(replace(flowed(UP, UP), texts=texts("news")))
    assert verdict.outcome == "partly"
    assert "read on different texts (syntax and semantics on news; emotion on mine)" in verdict.reason


def test_a_dictionary_with_the_same_order_changes_nothing_and_is_named() -> None:
    result = flowed(UP, UP)
    same = result.differences.assign(condition=RANDOM_DICTIONARY)
    verdict = flow(replace(result, differences=pd.concat([result.differences, same])))
    assert verdict.outcome == "replicates"
    assert "random dictionary (semantics − syntax at the words; emotion − semantics at the words;" in verdict.reason


def test_saes_of_another_seed_have_to_agree() -> None:
    result = flowed(UP, UP)
    result = replace(result, amounts=pd.concat([result.amounts, result.amounts.assign(condition=SECOND_SAES)]))
    other = result.differences.assign(condition=SECOND_SAES)
    assert flow(replace(result, differences=pd.concat([result.differences, other]))).outcome == "replicates"
    other = other.assign(difference=-0.2, low=-0.25, high=-0.15)
    assert flow(replace(result, differences=pd.concat([result.differences, other]))).outcome != "replicates"


def test_a_step_that_changes_its_sign_on_a_half_leaves_partly() -> None:
    draws = frame(STABILITY, stability_rows({"emotion − semantics, answer": [0.2, -0.1]}))
    assert flow(replace(flowed(UP, UP), stability=draws)).outcome == "partly"


@pytest.mark.parametrize(("emotion", "status"), [(0.0, "undefined"), (0.002, "no power")])
def test_a_stage_without_a_centre_is_absent_or_unclear(emotion: float, status: str) -> None:
    absent = UP | {"emotion − semantics": float("nan")}
    checks = {check.criterion: check.status for check in flow(flowed(absent, absent, emotion=emotion)).checks}
    assert checks["At the words, emotion lies deeper than semantics."] == status


def test_flow_says_what_is_not_annotated() -> None:
    assert (
        "Some label families cannot be read: role (the texts have no such annotation)." in flow(flowed({}, {})).reason
    )
