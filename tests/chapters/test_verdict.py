"""Verdicts: their fields, the sentences that rules write, and the list of rules that the book reads."""

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import get_args

import pytest

from emomech import chapters
from emomech.book import claims
from emomech.chapters.verdict import OUTCOMES, Check, Outcome, Verdict, sentences


def test_every_chapter_with_a_rule_is_listed_among_the_claims() -> None:
    """A chapter whose `rule.py` nobody calls would have no verdict in the book."""
    with_rule = {file.parent.name for folder in chapters.__path__ for file in Path(folder).glob("*/rule.py")}
    assert with_rule == {claim.page for claim in claims.CLAIMS}


def test_a_verdict_cannot_be_changed() -> None:
    verdict = Verdict("C1", "Emotion comes last.", "partly", "At the answer only.")
    with pytest.raises(FrozenInstanceError):
        verdict.outcome = "replicates"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_outcomes_are_listed_once() -> None:
    assert get_args(Outcome) == OUTCOMES
    assert len(set(OUTCOMES)) == 6


def test_a_verdict_tells_effects_from_comparisons_with_controls() -> None:
    effect = Check("It falls.", "decides", "met", "points lost", "9 [6, 12]")
    control = Check("It falls by more.", "decides", "undefined", "points", "undefined", "matched features")
    verdict = Verdict("C1", "Emotion comes last.", "does not replicate", "Undefined.", (effect, control))
    assert verdict.estimate == "points lost: 9 [6, 12]"
    assert verdict.control == "matched features: undefined"


def test_a_sentence_is_written_for_each_text_with_names() -> None:
    assert sentences(("It does not beat", ["majority", "bag of words"]), ("Not above chance on", [])) == (
        "It does not beat: majority, bag of words."
    )
    assert sentences() == ""
