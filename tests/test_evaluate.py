"""The measurement of the embedded model: what its card says is so, and a network that knows nothing is at chance."""

import json

import pandas as pd
import pytest

from emomech.models import randomised
from emomech.organism.card import card
from emomech.organism.evaluate import EVALUATION, GATES, evaluate, gated
from emomech.organism.train import RECORD, SHIPPED
from emomech.organism.training import Recipe
from emomech.study import Study, StudySpec

CHANCE = 1 / 7


@pytest.fixture(scope="module")
def shipped() -> pd.Series:
    return values(evaluate(Study(StudySpec())))


def values(table: pd.DataFrame) -> pd.Series:
    return table.set_index(["measure", "group"]).value


def test_the_card_tells_what_is_shipped(shipped: pd.Series) -> None:
    told = json.loads((SHIPPED / RECORD).read_text())["measured"]
    pd.testing.assert_series_equal(values(pd.DataFrame(told)), shipped, atol=0.01, rtol=0.01)
    record, losses = (json.loads((SHIPPED / name).read_text()) for name in (RECORD, f"model/{RECORD}"))
    written = card(Recipe(**record["recipe"]), record["seed"], losses["losses"], pd.DataFrame(told))
    assert (SHIPPED / "README.md").read_text() == written


def test_the_shipped_model_meets_its_gates_but_those_of_features_that_never_fire() -> None:
    told = pd.DataFrame(json.loads((SHIPPED / RECORD).read_text())["measured"])
    gates = gated(told)
    assert set(gates.measure) == {gate.measure for gate in GATES}
    assert set(gates[~gates.met].measure) <= {"SAE dead"}
    assert gates[~gates.met].group.isin(["blocks.0.hook_resid_pre", "blocks.7.hook_resid_post"]).all()


@pytest.mark.parametrize(("value", "met"), [(0.97, False), (0.98, True)])
def test_a_gate_is_met_from_its_bound_on(value: float, met: bool) -> None:
    rows = [("drill, name", "two to four persons", value, 9), ("SAE dead", "x", 1 - value, 9), ("SAE l0", "x", 16.0, 9)]
    found = gated(pd.DataFrame(rows, columns=list(EVALUATION.columns)))
    assert found.bound.tolist() == ["≥ 0.98", "≤ 0.1"]
    assert found.met.tolist() == [met, True]


def test_the_shipped_model_recalls_what_a_name_did(shipped: pd.Series) -> None:
    assert shipped["drill, name"].min() >= 0.98
    assert shipped["drill, name and verb"].min() >= 0.98


def test_the_shipped_model_infers_better_than_chance(shipped: pd.Series) -> None:
    assert shipped["balanced accuracy"].min() > 2 * CHANCE
    assert shipped["recall"].min() > CHANCE


def test_the_shipped_saes_hold(shipped: pd.Series) -> None:
    assert shipped["SAE fvu"].max() < 0.3
    assert shipped["SAE loss recovered"].min() > 0.8
    assert shipped["SAE l0"].between(1, 17).all()


def test_a_network_that_knows_nothing_is_at_chance() -> None:
    study = Study(StudySpec(limit=400))
    vars(study).update(lm=randomised(study.lm, seed=0), saes={})
    found = values(EVALUATION.check(evaluate(study, n_ordinary=20), "evaluation"))
    assert abs(found["balanced accuracy", "all"] - CHANCE) < 0.06
    assert abs(found["drill, name"].min() - CHANCE) < 0.1
    assert found["both of a minimal pair right"].min() < 0.1
    assert found["loss per token, nats"].min() > 5


def test_what_ships_is_small() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*")) < 20e6
    assert {file.suffix for file in SHIPPED.rglob("*") if file.is_file()} == {".json", ".safetensors", ".md"}
