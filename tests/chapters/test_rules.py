"""The engine: parts, controls that decide, lower or describe, every outcome, and controls that nobody named."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import pytest

from emomech.chapters.criteria import Criterion
from emomech.chapters.rules import Reading, Rule
from emomech.core.errors import EmomechError
from emomech.stats.estimates import Estimate

UP, DOWN, ZERO = Estimate(9, 6, 12, 40), Estimate(-9, -12, -6, 40), Estimate(0, -1, 1, 40)
WIDE, NOTHING = Estimate(0.5, -9, 9, 40), Estimate(math.nan, math.nan, math.nan, 0)
RULE: Rule[Reading] = Rule(
    "C0",
    "{emotion} is weak and diffuse.",
    (
        Criterion("weak", "It is weaker.", "nats", part="weak", margin=2),
        Criterion("weak, matched", "By more.", "nats", part="weak", control="matched features"),
        Criterion("diffuse", "It is more diffuse.", "features", part="diffuse", margin=2),
        Criterion("diffuse, shuffled", "By more.", "features", part="diffuse", control="shuffled labels"),
        Criterion("silent", "Without writers too.", "nats", "lowers", control="writing no label"),
        Criterion("other", "So does another.", "nats", "describes", control="zero ablation"),
    ),
    read=lambda reading: reading,
    described={"random weights": "They do not answer."},
)


def reading(**changed: Estimate) -> Reading:
    every = {criterion.name: UP for criterion in RULE.criteria}
    return Reading(
        every | {name.replace("_", ", "): value for name, value in changed.items()}, words={"emotion": "Joy"}
    )


@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({}, "replicates"),
        ({"other": DOWN}, "replicates"),
        ({"silent": ZERO}, "partly"),
        ({"silent": NOTHING}, "partly"),
        ({"weak_matched": ZERO}, "partly"),
        ({"weak_matched": NOTHING}, "partly"),
        ({"weak": ZERO, "diffuse": ZERO}, "does not replicate"),
        ({"weak": ZERO, "diffuse_shuffled": NOTHING}, "does not replicate"),
        ({"weak_matched": NOTHING, "diffuse_shuffled": NOTHING}, "does not replicate"),
        ({"weak": DOWN, "diffuse": ZERO}, "reversed"),
        ({"weak": DOWN}, "partly"),
        ({"weak": WIDE, "diffuse": WIDE}, "no power here"),
        ({"weak": WIDE, "diffuse": ZERO}, "does not replicate"),
        ({"weak": NOTHING, "diffuse": NOTHING}, "cannot be tested here"),
    ],
)
def test_the_outcome_follows_from_the_parts(changed: Mapping[str, Estimate], outcome: str) -> None:
    assert RULE.decide(reading(**changed)).outcome == outcome


@pytest.mark.parametrize("name", [c.name for c in RULE.criteria if c.role != "describes"])
def test_without_any_criterion_that_counts_the_claim_does_not_replicate(name: str) -> None:
    full = reading()
    assert RULE.decide(Reading({k: v for k, v in full.estimates.items() if k != name}, words=full.words)).outcome in (
        "partly",
        "does not replicate",
    )


def test_the_reason_names_what_is_not_met_and_the_checklist_has_every_criterion() -> None:
    verdict = RULE.decide(reading(weak=DOWN, silent=NOTHING))
    assert verdict.statement == "Joy is weak and diffuse."
    assert (
        verdict.reason
        == "The opposite is shown: It is weaker. Controls that are not beaten: writing no label (undefined)."
    )
    assert [check.status for check in verdict.checks] == ["reversed", "met", "met", "met", "undefined", "met"]
    assert RULE.decide(reading()).reason == "All 5 criteria are met."


def test_several_parts_to_choose_from_need_wider_intervals() -> None:
    barely = Estimate(9, 0.5, 17.5, 40)
    single: Rule[Reading] = Rule("C0", "One.", (Criterion("weak", "It is weaker.", "nats"),), read=lambda r: r)
    assert single.decide(Reading({"weak": barely})).outcome == "replicates"
    assert RULE.decide(reading(weak=barely, diffuse=barely)).outcome != "replicates"


def test_what_changes_between_draws_is_at_most_partly() -> None:
    full = reading()
    steady = Reading(full.estimates, words=full.words, draws={"weak": [1, 2, 3]})
    unstable = Reading(full.estimates, words=full.words, draws={"weak": [1, -2, 3]})
    assert RULE.decide(steady).outcome == "replicates"
    verdict = RULE.decide(unstable)
    assert (verdict.outcome, verdict.checks[0].status) == ("partly", "not stable")
    assert "Not stable over draws of the texts: It is weaker." in verdict.reason


def test_other_saes_of_the_model_have_to_agree() -> None:
    full = reading()
    verdict = RULE.decide(Reading(full.estimates, words=full.words, dictionaries={"weak": [ZERO]}))
    assert verdict.checks[0].status == "no power"
    assert verdict.outcome == "partly"


def test_what_cannot_be_tested_has_a_reason_and_no_checklist() -> None:
    verdict = RULE.decide(Reading(untested="the texts have no joy", words={"emotion": "Joy"}))
    assert (verdict.outcome, verdict.reason, verdict.checks) == ("cannot be tested here", "The texts have no joy.", ())


@dataclass(frozen=True)
class Result:
    table: pd.DataFrame


def test_a_control_that_a_table_shows_has_to_be_named() -> None:
    rule: Rule[Result] = Rule(
        "C0", RULE.statement, RULE.criteria, lambda result: reading(), ("condition",), frozenset({"trained"})
    )
    named = Result(pd.DataFrame({"condition": ["trained", "matched features"]}))
    unnamed = Result(pd.DataFrame({"condition": ["trained", "random weights"]}))
    assert rule(named).outcome == "replicates"
    with pytest.raises(EmomechError, match="random weights"):
        rule(unnamed)


def test_every_control_has_its_strongest_role() -> None:
    assert RULE.roles == {
        "random weights": "describes",
        "zero ablation": "describes",
        "writing no label": "lowers",
        "matched features": "decides",
        "shuffled labels": "decides",
    }


def test_an_estimate_without_a_criterion_is_refused() -> None:
    with pytest.raises(EmomechError, match="'weaker'"):
        RULE.decide(Reading({"weaker": UP}, words={"emotion": "Joy"}))
