"""Criteria and history of a rule are read from the rule and the lock."""

import datetime
from dataclasses import replace

import pandas as pd
import planted_rules
import pytest

from emomech.book import rule_history
from emomech.chapters.criteria import Criterion
from emomech.notebook.rule_identity import Entry, rule_hash

RULE = planted_rules.RULE
DAY = datetime.date(2026, 1, 2)
OLD = Entry(
    hash="0" * 32,
    date=DAY,
    seen="",
    reason="First.",
    rule="It falls.",
    said="It <said>.",
    wrong="It was not so.",
    outcomes={"organism": "partly", "gpt2": "replicates"},
)
NEW = Entry(hash=rule_hash(RULE), date=DAY, seen="The old results.", reason="A control did not count.")
MATRIX = pd.DataFrame({"claim": ["C1", "C2"], "model": ["organism", "organism"], "outcome": ["reversed", "partly"]})


def test_every_criterion_and_every_described_control_is_listed() -> None:
    table = rule_history.criteria(RULE)
    assert table.role.tolist() == ["decides", "decides", "lowers", "describes"]
    assert table.control.tolist() == ["", "beyond matched", "beyond silent", "beyond nothing"]
    assert table.expected.tolist()[:2] == ["interval above 0, value 2 or more", "interval above 0"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"sign": -1, "margin": 2}, "interval below 0, value −2 or less"),
        ({"form": "within", "margin": 0.1}, "interval between −0.1 and 0.1"),
        ({"form": "below", "margin": 3}, "interval below 3"),
        ({"need": 0.5}, "interval above 0, for 50% of the family or more"),
    ],
)
def test_what_is_expected_is_in_words(changes: dict, text: str) -> None:
    assert rule_history.expected(replace(Criterion("a", "A.", "a"), **changes)) == text


def test_the_history_has_the_outcomes_then_and_now() -> None:
    table = rule_history.history(RULE, [OLD, NEW], rule_history.now(MATRIX, "C1"))
    assert table["what it asked"].tolist() == ["It falls.", rule_history.NOW]
    assert table.outcomes.tolist() == ["organism: partly; gpt2: replicates", "organism: reversed"]
    assert table.why.tolist() == ["First.", "A control did not count. The old results."]


def test_words_of_a_reading_are_named_without_braces() -> None:
    assert rule_history.plain("{Emotion} is weaker.") == "Emotion is weaker."


def test_a_rule_that_is_not_fixed_says_so() -> None:
    table = rule_history.history(RULE, [OLD], {})
    assert table.rule.tolist() == ["2026-01-02, 000000000000", f"today, {rule_hash(RULE)[:12]}"]
    assert "not fixed yet" in table.why.iloc[1]


def test_a_section_has_the_anchor_that_the_boxes_link_to() -> None:
    html = rule_history.section(RULE, "flow", [OLD, NEW], {}, "<p>rates</p>")
    assert 'id="rule-c1"' in html and 'href="flow.html"' in html and "<p>rates</p>" in html
    assert "The features matter &lt;b&gt;." in html


def test_errata_name_what_was_wrong_with_the_outcomes_of_the_lock() -> None:
    html = rule_history.errata({"C1": [OLD, NEW], "C2": [NEW]}, {"C1": {"organism": "reversed"}})
    assert html.count("<li>") == 1 and "It &lt;said&gt;." in html and "It was not so." in html
    assert "Outcome then: organism: partly; gpt2: replicates. Now: organism: reversed." in html
