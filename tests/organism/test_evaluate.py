"""The measurement of the embedded model: what its card says is so, and a network that knows nothing is at chance."""

import json
from dataclasses import asdict, replace

import pandas as pd
import pytest

from emomech.data.grammar.vignettes import STYLES
from emomech.models.language_model import randomised
from emomech.organism import learning_curve
from emomech.organism.build import recipe_of
from emomech.organism.evaluate import (
    ACCURACY,
    BOTH,
    EVALUATION,
    EXCESS,
    GATES,
    EvaluationSizes,
    evaluate,
    gated,
    measure_saes,
)
from emomech.organism.model_card import card
from emomech.organism.records import TRAINING, WEIGHTS, beside
from emomech.presets import lookup
from emomech.study.spec import StudySpec
from emomech.study.study import Study

CHANCE = 1 / 7
FEW = EvaluationSizes(texts=1200, shifted=100, drills=100, ordinary=200, features=600, losses=60)
SHIPPED = [name for name in lookup.table("organisms") if (WEIGHTS / name).is_dir()]
AGAIN = [name for name in SHIPPED if name in ("default", "seed1", "seed2", "disgust02", "anger02")]
"""Models that are measured again: those of the book, and a small one of each scarce emotion."""
STORY = (ACCURACY, "two persons, conflict, story")
SHORT_OF_STORIES = ("seed2", "disgust02", "disgust02-seed1", "disgust02-seed2", "disgust05-seed2", "anger02-seed2")
MISSED = {name: {STORY} for name in SHORT_OF_STORIES}
"""Gates that a shipped model does not meet; its card says by how much, and what it has not learned."""


def values(table: pd.DataFrame) -> pd.Series:
    return table.set_index(["measure", "group"]).value


def told(name: str) -> pd.DataFrame:
    return pd.DataFrame(json.loads((WEIGHTS / name / TRAINING).read_text())["measured"])


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_tells_what_was_measured(name: str) -> None:
    learned = learning_curve.read(WEIGHTS / name / "model" / TRAINING)
    assert (WEIGHTS / name / "README.md").read_text() == card(learned, told(name), beside(WEIGHTS / name))
    assert learned["recipe"] == asdict(recipe_of(lookup.organisms(name)[name]))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_meets_its_gates(name: str) -> None:
    gates = gated(told(name))
    assert set(gates.measure) == {gate.measure for gate in GATES}
    missed = gates[~gates.met]
    assert set(zip(missed.measure, missed.group)) == MISSED.get(name, set())


@pytest.mark.parametrize("name", AGAIN)
def test_what_was_measured_is_so(name: str) -> None:
    """Measured on fewer texts, so shares agree within four standard errors; other measures are not compared."""
    model = "organism" if name == "default" else f"organism-{name}"
    found, record = evaluate(Study(StudySpec(model=model)), FEW), told(name).set_index(["measure", "group"])
    for row in found.itertuples():
        if row.measure in (ACCURACY, BOTH, "recall", "drill, name", "drill, name and verb"):
            was = record.value[row.measure, row.group]
            assert abs(row.value - was) < 0.03 + 4 * (max(was * (1 - was), 0.02) / row.n) ** 0.5, (
                row.measure,
                row.group,
            )
    excess = values(found)[EXCESS, "ordinary text"]
    assert abs(excess - record.value[EXCESS, "ordinary text"]) < 0.03
    assert values(found)["SAE fvu"].max() < 0.3
    assert values(found)["SAE loss recovered"].min() > 0.8
    assert values(found)["SAE l0"].between(1, 17).all()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_says_what_is_hard_about_stories_of_two(name: str) -> None:
    right = values(told(name))["share right"]
    by_name, by_pronoun = right["one of two in a story, by name"], right["one of two in a story, by pronoun"]
    assert by_name > 0.9
    text = (WEIGHTS / name / "README.md").read_text()
    assert f"{by_name:.0%} of its answers are right where the person is named" in text
    assert f"{by_pronoun:.0%} where a pronoun has to be resolved" in text


@pytest.mark.parametrize(("value", "met"), [(0.97, False), (0.98, True)])
def test_a_gate_is_met_from_its_bound_on(value: float, met: bool) -> None:
    rows = [("drill, name", "two to four persons", value, 9), ("SAE dead", "x", 1 - value, 9), ("SAE l0", "x", 16.0, 9)]
    found = gated(pd.DataFrame(rows, columns=list(EVALUATION.columns)))
    assert found.bound.tolist() == ["≥ 0.98", "≤ 0.1"]
    assert found.met.tolist() == [met, True]


@pytest.mark.parametrize(("value", "met"), [(0.5, False), (0.56, True), (0.95, False)])
def test_shifted_texts_are_neither_too_hard_nor_too_easy(value: float, met: bool) -> None:
    rows = [(ACCURACY, "shifted, story", value, 9), (ACCURACY, "new things", value, 9)]
    found = gated(pd.DataFrame(rows, columns=list(EVALUATION.columns)))
    assert found[["group", "bound", "met"]].to_numpy().tolist() == [["shifted, story", "0.55–0.9", met]]


def test_a_network_that_knows_nothing_is_at_chance() -> None:
    study = Study(StudySpec())
    study = study.replaced(lm=randomised(study.lm, seed=0), saes={})
    found = values(EVALUATION.check(evaluate(study, replace(FEW, ordinary=20)), "evaluation"))
    assert abs(found[ACCURACY, "all"] - CHANCE) < 0.06
    assert abs(found["drill, name"].min() - CHANCE) < 0.15
    assert found[BOTH].max() < 0.1
    assert found[EXCESS].min() > 1


def test_every_gate_is_of_something_measured() -> None:
    study = Study(StudySpec())
    study = study.replaced(saes=dict(list(study.saes.items())[:1]))
    found = gated(evaluate(study, replace(FEW, texts=300, shifted=20)))
    assert set(found.measure) == {gate.measure for gate in GATES}
    per_style = found[found.measure == ACCURACY].groupby("bound").group.apply(list)
    assert [group for group in per_style["≥ 0.85"]] == [f"minimal pair, {style}" for style in sorted(STYLES)]
    assert per_style["0.55–0.9"] == [f"shifted, {style}" for style in STYLES]


@pytest.mark.parametrize("name", [name for name in SHIPPED if beside(WEIGHTS / name)])
def test_what_was_measured_of_the_saes_beside_is_so(name: str) -> None:
    """Their recipes differ from that of the model's SAEs in what they are for; frozen decoders explain less."""
    model = "organism" if name == "default" else f"organism-{name}"
    study, found = Study(StudySpec(model=model)), {part["folder"]: part for part in beside(WEIGHTS / name)}
    assert list(found)[:2] == ["saes-soft-frozen", "saes-frozen"]
    last = list(study.saes)[-1]
    fvu = {}
    for folder, saes in zip(found, [*study.control_saes.values(), study.other_saes]):
        (quality,), _ = measure_saes(study, {last: saes[last]}, replace(FEW, losses=1))
        row = found[folder]["measured"][-1]
        assert row["fvu"] == pytest.approx(quality.fvu, rel=0.1)
        assert row["l0"] == pytest.approx(quality.l0, rel=0.05)
        fvu[folder] = row["fvu"]
    own = values(told(name))["SAE fvu", str(last)].item()
    assert own < fvu["saes-soft-frozen"] < fvu["saes-frozen"] < 1


def test_what_ships_is_small() -> None:
    files = [file for file in WEIGHTS.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 80e6
    assert sum(file.stat().st_size for file in files if "saes-" in str(file.relative_to(WEIGHTS))) < 20e6
    assert {file.suffix for file in files} == {".json", ".safetensors", ".md"}
