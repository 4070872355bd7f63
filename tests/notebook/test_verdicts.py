"""A verdict is shown in words and as a shape, and its text stays text."""

from typing import get_args

import pytest

from emomech.chapters.verdict import Outcome, Verdict
from emomech.notebook import verdicts


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_a_verdict_is_told_in_words_and_shape(outcome: Outcome) -> None:
    html = verdicts.verdict_box(Verdict("C<1>", "It & so.", outcome, "r", "one; two", "")).data
    assert f"<strong>{outcome}</strong>" in html and "<svg" in html and "It &amp; so." in html and "C&lt;1&gt;" in html
    assert "<dd>one<br>two</dd>" in html and "Control" not in html


def test_outcomes_differ_in_shape() -> None:
    assert set(verdicts.SHAPES) == set(get_args(Outcome)) and len(set(verdicts.SHAPES.values())) == 4


def test_a_reason_is_one_paragraph_and_an_interval_stands_on_one_line() -> None:
    html = str(verdicts.verdict_box(Verdict("C1", "So.", "partly", "It is; it was.", "gain 0.1 [0.0, 0.2]", "")).data)
    assert "<dd>It is; it was.</dd>" in html and "gain 0.1\u00a0[0.0,\u00a00.2]" in html
