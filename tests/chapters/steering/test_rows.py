"""Rows that decide follow from right answers and log-odds made by hand."""

from typing import Any

import numpy as np

from emomech.causal.steering.dose_response import DoseResponse
from emomech.causal.steering.experiment import BIAS, FEATURES, MATCHED, MethodResult
from emomech.causal.steering.recognition import Change
from emomech.chapters.steering import rows
from emomech.chapters.steering.evidence import FLIPS, NONE, leads, leads_by_draw, shares, trends

GOLD = np.arange(40) % 2
BEFORE = np.arange(40) >= 10
AFTER = np.stack([np.arange(40) >= 2, np.arange(40) >= 6])
WEIGHTS = np.ones((20, 40))


def _rows(rows: Any) -> list[Any]:
    return list(rows)


def test_leads_average_over_draws() -> None:
    right = {FEATURES: AFTER, NONE: BEFORE[None]}
    (row,) = _rows(leads(GOLD, right, WEIGHTS, 0))
    assert np.isclose(row["lead"].value, 6 / 40) and row["draws"] == 2
    assert [round(r["value"], 3) for r in _rows(leads_by_draw(GOLD, right))] == [0.2, 0.1]


def test_shares_and_trends() -> None:
    log_odds = np.arange(5.0)[:, None] * np.ones(40)
    response = DoseResponse((-1.0, -0.5, 0.0, 0.5, 1.0), log_odds, np.stack([BEFORE] * 5), WEIGHTS)
    flips, rising = _rows(shares(BEFORE, AFTER[0], response))
    assert flips["quantity"] == FLIPS and flips["n"] == 8 and flips["share"].low > 0
    assert rising["share"].value == 0.5
    assert [row["trend"].value for row in _rows(trends(response))] == [1, 1]


def test_texts_that_turn_are_counted_by_emotion_and_answer() -> None:
    labels = ("joy", "fear", "anger")
    before, after = np.eye(3)[[0, 1, 1, 1, 0]], np.eye(3)[[0, 0, 0, 2, 1]]
    change = Change(np.array([0, 0, 0, 0, 0]), before, after, np.ones((1, 5)))
    found = _rows(rows.turned([MethodResult(BIAS, "", change), MethodResult(MATCHED, "", change)], labels))
    assert {row["method"] for row in found} == {BIAS}
    turns = {(row["before"], row["after"]): (row["turn"], row["n"]) for row in found}
    assert turns == {
        ("joy", "fear"): ("becomes wrong", 1),
        ("fear", "joy"): ("becomes right", 2),
        ("fear", "anger"): ("stays wrong", 1),
    }


def test_no_rows_without_results() -> None:
    assert list(rows.emotions([], ())) == []
