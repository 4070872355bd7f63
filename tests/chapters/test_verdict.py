"""Verdicts: their fields, the sentences that rules write, and the list of rules that the book reads."""

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import get_args

import pytest

from emomech import chapters
from emomech.book import claims
from emomech.chapters.verdict import Outcome, Verdict, sentences


def test_every_chapter_with_a_rule_is_listed_among_the_claims() -> None:
    """A chapter whose `rule.py` nobody calls would have no verdict in the book."""
    with_rule = {file.parent.name for folder in chapters.__path__ for file in Path(folder).glob("*/rule.py")}
    listed = {claim.rule.__module__.split(".")[-2] for claim in claims.CLAIMS}
    assert with_rule == listed


def test_a_verdict_cannot_be_changed() -> None:
    verdict = Verdict("C1", "Emotion comes last.", "partly", "At the answer only.", "", "")
    with pytest.raises(FrozenInstanceError):
        verdict.outcome = "replicates"  # pyright: ignore[reportAttributeAccessIssue]


def test_there_are_four_outcomes() -> None:
    assert get_args(Outcome) == ("replicates", "partly", "does not replicate", "cannot be tested here")


def test_a_sentence_is_written_for_each_text_with_names() -> None:
    assert sentences(("It does not beat", ["majority", "bag of words"]), ("Not above chance on", [])) == (
        "It does not beat: majority, bag of words."
    )
    assert sentences() == ""
