"""The rule on results made by hand: few needed features, many, no better than baselines, and texts that cannot be tested."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest
from tables import table

from emomech.chapters.tracing import analysis
from emomech.chapters.tracing.analysis import Tracing
from emomech.chapters.tracing.rule import numbers, size, tracing
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked, schemas

BASELINES = ("matched features", "shuffled labels", "residual dimensions", "writing no label", "random weights")
HEADLINE = {"features to 80 %": 16, "share of alive features": 0.02, "features kept alone to 80 %": 900}
HEADLINE |= {"log-odds lost without all features": 7.0, "share of it lost without these": 0.9}


def traced(leads: Mapping[str, float] = MappingProxyType({}), untested: str = "", **headline: float) -> Tracing:
    """Lead over each baseline, 2 unless it is named, each ± 0.5; measures of the headline, each ± a fifth."""
    empty = {name: table(schema) for name, schema in schemas(Tracing).items()}
    setting = [("planted", *([np.nan] * 8 if untested else [0.9, 0.8, 1.0, 0.25, 5.0, 1000, 80, 40]), untested)]
    if untested:
        return checked(Tracing(**empty | {"setting": table(analysis.SETTING, setting)}))
    values = HEADLINE | {name.replace("_", " "): value for name, value in headline.items()}
    rows = [(t, m, x, 0.8 * x, 1.2 * x, 40) for t in ("all texts", "recognised texts") for m, x in values.items()]
    gaps = {name: leads.get(name, 2.0) for name in BASELINES}
    beside = [
        (texts, name, 16, 6.0, 6.0 - gap, gap, gap - 0.5, gap + 0.5, 40)
        for texts in ("all texts", "recognised texts")
        for name, gap in gaps.items()
    ]
    layers = [
        ("all hook points", kind, np.nan, 9, 3, 0.45, 2, 2, 0.8, 1.0, 0.9, 0.9) for kind in ("screened", "audited")
    ]
    filled = {
        "setting": table(analysis.SETTING, setting),
        "headline": table(analysis.HEADLINE, rows),
        "advantage": table(analysis.ADVANTAGE, beside),
        "layers": table(analysis.LAYERS, layers),
        "nodes": table(analysis.NODES_LOST, [("all hook points", "SAE error", np.nan, 1.0, 0.5, 1.5, 40)]),
        "first": table(analysis.FIRST, [(1, "a", 3, 0.5, 1.0, 9, "joy"), (2, "a", 4, 0.5, 0.9, 8, "")]),
    }
    return checked(Tracing(**empty | filled))


MANY = {"share_of_alive_features": 0.045}
"""Its interval ends above one in twenty."""


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (traced(), "replicates"),
        (traced({"writing no label": 0.0, "random weights": 0.0}), "replicates"),
        (traced(**MANY), "partly"),
        (traced({"residual dimensions": 0.2}), "partly"),
        (traced({"shuffled labels": -1.0}), "partly"),
        (traced({"matched features": 0.2}), "does not replicate"),
        (traced({"matched features": float("nan")}), "does not replicate"),
        (traced({"matched features": 0.2}, **MANY), "does not replicate"),
        (traced(untested="The model is at chance."), "cannot be tested here"),
    ],
)
def test_tracing(result: Tracing, outcome: str) -> None:
    assert tracing(result).outcome == outcome


def test_tracing_says_what_decides_it() -> None:
    verdict = tracing(traced({"residual dimensions": 0.2}, **MANY))
    assert verdict.reason == (
        "Without 16 of 1,000 features 80 % of the joint effect of all is lost, which is not few: the interval's upper end "
        "is above 5 % of them. Ablating as many of these does not cost less: residual dimensions. "
        "Keeping 80 % of the joint effect when all others are ablated takes 900 of 1,000."
    )
    assert "features to 80 % of the joint effect: 16 [13, 19]" in verdict.estimate
    assert "beyond residual dimensions: 0.20 [−0.30, 0.70]" in verdict.control
    assert tracing(traced(untested="Too few texts.")).reason == "Too few texts."


def test_a_set_that_is_never_enough_is_told() -> None:
    result = traced()
    result.headline.loc[result.headline.measure == "features kept alone to 80 %", ["value", "low", "high"]] = np.nan
    assert tracing(result).reason.endswith(
        "No number of features that was tried keeps 80 % of the joint effect when all others are ablated."
    )


@pytest.mark.parametrize("baseline", BASELINES)
def test_no_verdict_without_a_control(baseline: str) -> None:
    result = traced()
    without = dataclasses.replace(result, advantage=result.advantage.query("baseline != @baseline"))
    with pytest.raises(EmomechError, match=baseline):
        tracing(without)


def test_numbers_of_the_page_are_there_whether_or_not_something_can_be_said() -> None:
    told, untold = numbers(traced()), numbers(traced(untested="Too few texts."))
    assert told.keys() == untold.keys() and set(untold.values()) == {"undefined"}
    assert (told["n_first"], told["n_writing"], told["size"], told["silent"]) == (2, 1, "16 [13, 19]", 4.0)
    assert size(traced()) == 16 and size(traced(untested="Too few texts.")) == 0
