"""A verdict is shown in words and as a shape, with its checklist, and its text stays text."""

import datetime
from typing import get_args

import planted_rules
import pytest

from emomech.chapters.verdict import Outcome, Verdict
from emomech.notebook import checklist, rule_identity, verdicts


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_a_verdict_is_told_in_words_and_shape(outcome: Outcome) -> None:
    html = str(verdicts.verdict_box(Verdict("C<1>", "It & so.", outcome, "r")).data)
    assert f"<strong>{outcome}</strong>" in html and checklist.SHAPES[outcome] in html
    assert "It &amp; so." in html and "C&lt;1&gt;" in html and "emo-checklist" not in html


def test_the_box_shows_the_reason_and_then_the_checklist() -> None:
    html = str(verdicts.verdict_box(planted_rules.verdict()).data)
    assert html.index("<dd>Because &lt;it&gt; is.</dd>") < html.index(checklist.html(planted_rules.checks()))


def test_a_box_names_the_rule_and_when_it_was_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    day = datetime.date(2026, 1, 2)
    monkeypatch.setattr(rule_identity, "fixed", lambda claim: ("abcdef" * 5, day))
    html = str(verdicts.verdict_box(planted_rules.verdict()).data)
    assert "<code>abcdefabcdef</code>, fixed on 2026-01-02" in html and 'href="rules.html#rule-c1"' in html
    monkeypatch.setattr(rule_identity, "fixed", lambda claim: ("abcdef" * 5, None))
    assert "changed since it was last fixed" in str(verdicts.verdict_box(planted_rules.verdict()).data)
