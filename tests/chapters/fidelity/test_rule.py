"""The rule on results made by hand: both parts, one, none, each baseline that does the same, and no power."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tables import table

from emomech.chapters.fidelity.analysis import ABLATION, ADVANTAGE, BEST, DEPENDENCE, SETTING, Fidelity
from emomech.chapters.fidelity.readers import ABLATED, BASELINES, FEATURES, PROBE
from emomech.chapters.fidelity.rule import fidelity
from emomech.chapters.stability import STABILITY
from emomech.core.errors import EmomechError
from emomech.stats.tables import checked, schemas

VALUES = ("joy", "fear", "calm")


def tables_with(
    auroc: float = 0.97, lead: float = 0.2, loss: float = 2.0, error: float = 0.01, untested: str = ""
) -> Fidelity:
    """Tables in which every value has this AUROC, lead over every baseline, and loss, each ± `error`."""
    best = [
        (r, "emotion", v, "blocks.0", 0.5, auroc, auroc - error, 0.98, 0.6, 40)
        for r in (FEATURES, PROBE)
        for v in VALUES
    ]
    ends = (lead, lead - error, lead + error, 40)
    leads = [(FEATURES, b, "emotion", v, *ends) for b in (*BASELINES, PROBE) for v in VALUES]
    of_loss = (loss, loss - error, loss + error)
    ablation = [(FEATURES, v, *of_loss, "blocks.0", 40) for v in VALUES if not untested]
    dependence = [(FEATURES, b, v, *of_loss, 40) for b in ABLATED for v in VALUES if not untested]
    filled = {
        "best": table(BEST, best),
        "advantage": table(ADVANTAGE, leads),
        "ablation": table(ABLATION, ablation),
        "dependence": table(DEPENDENCE, dependence),
        "setting": table(SETTING, [("m", 0.9, 0.8, 0.95, untested)]),
        "stability": table(STABILITY, [("detects", 0, 0.4), ("matters", 0, 1.0)]),
    }
    return checked(Fidelity(**{name: filled.get(name, table(schema)) for name, schema in schemas(Fidelity).items()}))


def with_rows(result: Fidelity, name: str, baseline: str, values: Mapping[str, float]) -> Fidelity:
    """Set the differences to one baseline."""
    changed = getattr(result, name).copy()
    changed.loc[changed.baseline == baseline, list(values)] = list(values.values())
    return replace(result, **{name: changed})


NONE = {"difference": 0.0, "low": -0.005, "high": 0.005}


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (tables_with(), "replicates"),
        (tables_with(auroc=0.8), "partly"),
        (tables_with(loss=0.0), "partly"),
        (tables_with(untested="the model is at chance"), "partly"),
        (tables_with(auroc=0.8, loss=0.0), "does not replicate"),
        (tables_with(auroc=0.8, loss=-2.0), "reversed"),
        (tables_with(lead=0.0, loss=0.0, error=0.5), "no power here"),
    ],
)
def test_fidelity(result: Fidelity, outcome: str) -> None:
    assert fidelity(result).outcome == outcome


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_baseline_that_detects_as_well_decides(baseline: str) -> None:
    assert fidelity(with_rows(tables_with(), "advantage", baseline, NONE)).outcome == "partly"


@pytest.mark.parametrize("baseline", ABLATED)
def test_a_baseline_that_matters_as_much_decides(baseline: str) -> None:
    assert fidelity(with_rows(tables_with(), "dependence", baseline, NONE)).outcome == "partly"


@pytest.mark.parametrize("baseline", ABLATED)
def test_a_baseline_that_is_missing_is_not_beaten(baseline: str) -> None:
    result = tables_with()
    kept = {name: getattr(result, name) for name in ("advantage", "dependence")}
    kept = {name: rows[rows.baseline != baseline] for name, rows in kept.items()}
    verdict = fidelity(replace(result, **kept))
    assert verdict.outcome == "does not replicate"
    assert {check.status for check in verdict.checks if check.control == baseline} == {"undefined"}


def test_the_probe_is_described_and_another_reader_is_refused() -> None:
    assert fidelity.roles[PROBE] == "describes"
    result = tables_with()
    result.best.loc[0, "reader"] = "another"
    with pytest.raises(EmomechError, match="another"):
        fidelity(result)


def test_more_than_half_of_the_values_are_needed() -> None:
    result = tables_with()
    result.advantage.loc[result.advantage.value == "calm", ["difference", "low", "high"]] = (0.0, -0.01, 0.01)
    assert fidelity(result).outcome == "replicates"
    result.advantage.loc[result.advantage.value == "fear", ["difference", "low", "high"]] = (0.0, -0.01, 0.01)
    assert fidelity(result).outcome == "partly"


def test_the_statement_says_what_is_tested() -> None:
    assert "the answer depends on them" in fidelity(tables_with()).statement
    verdict = fidelity(tables_with(untested="the model is at chance"))
    assert "depends" not in verdict.statement
    assert "cannot be tested: the model is at chance." in verdict.reason


def test_a_lead_that_other_divisions_do_not_have_is_partly() -> None:
    result = tables_with()
    result.stability.loc[0, "value"] = -0.1
    assert fidelity(result).outcome == "partly"
