"""The page of the embedded model, from records made by hand: every table shows what was recorded or drawn."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from emomech.chapters.organism import inventory
from emomech.chapters.organism.analysis import Organism, organism
from emomech.core.errors import EmomechError, UsageError
from emomech.data.grammar.lexicon import EMOTION_NOUNS
from emomech.data.grammar.vignettes import CONFLICT, ITEM_TYPES, PAIR, SHIFTS, STYLES
from emomech.organism import evaluate, learning_curve, records
from emomech.organism.evaluate import ACCURACY, BAG, GATED
from emomech.stats.tables import checked
from emomech.study.identity import declared_states
from emomech.study.run import Run
from emomech.study.spec import StudySpec
from emomech.study.study import Study

N = 240
RECIPE = {"d_model": 8, "n_layers": 2, "n_heads": 1, "batch": 64, "d_sae": 32, "k": 4}
CURVE = [
    {"step": 50, "phase": "binding", "loss": 2.0, "rate": 0.001, "tokens": 1000, "right": {"recall": [10, 100]}},
    {"step": 70, "phase": "binding", "loss": 1.0, "rate": 0.001, "tokens": 1400, "right": {"recall": [95, 100]}},
    {
        "step": 120,
        "phase": "grammar",
        "loss": 1.5,
        "rate": 0.0005,
        "tokens": 9000,
        "right": {"recall": [99, 100], f"{CONFLICT}, story": [30, 40], f"{CONFLICT}, diary": [0, 10], "worth": [3, 4]},
    },
]
ENDED = [{"phase": "binding", "steps": 70, "solved": True}, {"phase": "grammar", "steps": 50, "solved": False}]
MEASURED = [
    {"measure": ACCURACY, "group": "all", "value": 0.91, "n": 400},
    {"measure": ACCURACY, "group": f"{CONFLICT}, story", "value": 0.95, "n": 40},
    {"measure": ACCURACY, "group": f"{PAIR}, story", "value": 0.5, "n": 40},
    {"measure": BAG, "group": CONFLICT, "value": 0.51, "n": 90},
    {"measure": "SAE l0", "group": "blocks.0.hook_resid_pre", "value": 4.0, "n": 9},
    {"measure": "SAE fvu", "group": "blocks.0.hook_resid_pre", "value": 0.2, "n": 9},
    {"measure": "SAE dead", "group": "blocks.0.hook_resid_pre", "value": 0.3, "n": 9},
    {"measure": "SAE loss recovered", "group": "blocks.0.hook_resid_pre", "value": 0.98, "n": 9},
]
SWEPT = {"hook_point": "blocks.0.hook_resid_pre", "d_sae": 32, "k": 4, "fvu": 0.2, "l0": 4.0, "dead": 0.0}
SWEPT |= {"loss_recovered": 0.9, "stable": 0.4, "stable_chance": 0.01, "cosine": 0.6, "cosine_chance": 0.3}


def write(folder: Path, *, seed: int = 0, **changed: Any) -> Path:
    """Make the records of an embedded model; the path of its model folder."""
    model = folder / "model"
    model.mkdir(parents=True)
    save_file({"a": np.zeros((3, 5), np.float16), "b": np.zeros(7, np.float16)}, model / "model.safetensors")
    training = {"recipe": RECIPE, "seed": seed, "device": "cpu", "seconds": 60.0, "curve": CURVE, "transitions": ENDED}
    learning_curve.write(model / "training.json", training | changed)
    record = {"recipe": RECIPE, "seed": seed, "libraries": {}, "measured": MEASURED}
    (folder / "training.json").write_text(json.dumps(record | changed))
    return model


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(records, "WEIGHTS", tmp_path)
    write(tmp_path / "default")
    return tmp_path


def found(weights: Path, name: str = "default", **spec: Any) -> Organism:
    model = str(weights / name / "model")
    return checked(organism(Study(StudySpec(model=model, sae=None, **{"limit": 12, **spec}))))


def row(table: pd.DataFrame, **keys: object) -> Mapping[str, Any]:
    for key, value in keys.items():
        table = table[table[key] == value]
    assert len(table) == 1
    return table.iloc[0].to_dict()


@pytest.fixture(scope="module")
def drawn() -> list[Any]:
    return inventory.sample(3, N)


def test_facts_are_those_of_the_records(weights: Path) -> None:
    facts = found(weights).facts.set_index("fact").value
    assert facts[["parameters", "blocks", "width", "steps", "tokens", "lessons", "seconds"]].tolist() == [
        *(3 * 5 + 7, 2, 8, 120, 9000, 120 * 64, 60),
    ]
    assert facts["texts in the sample"] == 12
    assert 600 < facts.words < 1000


def test_the_curve_is_told_by_kind_and_style(weights: Path) -> None:
    learning = found(weights).learning
    assert row(learning, step=120, kind=CONFLICT, style="story")["accuracy"] == 0.75
    assert row(learning, step=120, kind=CONFLICT, style="diary")["accuracy"] == 0.0
    assert row(learning, step=120, kind="worth", style="")["n"] == 4
    assert row(learning, step=50, kind="recall", style="") | {"accuracy": 0.1} == row(learning, step=50, kind="recall")
    assert len(learning) == sum(len(one["right"]) for one in CURVE)


def test_losses_and_phases(weights: Path) -> None:
    result = found(weights)
    assert result.losses.loss.tolist() == [2.0, 1.0, 1.5]
    assert result.phases.first_token.tolist() == [0, 1400]
    assert result.phases.last_token.tolist() == [1400, 9000]
    assert result.phases.solved.tolist() == [True, False]


def test_gates_of_all_that_are_made_stand_side_by_side(weights: Path) -> None:
    write(weights / "seed1", seed=1)
    write(weights / "no-preset")
    result = found(weights, "seed1")
    assert result.organisms.organism.tolist() == ["seed1", "default"]  # the page's own comes first
    own = row(result.organisms, organism="seed1")
    assert (own["seed"], own["accuracy"], own["met"], own["gates"]) == (1, 0.91, 2, 4)
    assert own["missed"] == f"{ACCURACY}, {PAIR}, story: 0.50 (≥ 0.85); SAE dead, blocks.0.hook_resid_pre: 0.30 (≤ 0.1)"
    for name in ("seed1", "default"):
        gates = result.gates[result.gates.organism == name].reset_index(drop=True)
        pd.testing.assert_frame_equal(gates[list(GATED.columns)], evaluate.gated(pd.DataFrame(MEASURED)))


def test_scarce_emotions_are_told(weights: Path) -> None:
    write(weights / "disgust02")
    assert row(found(weights).organisms, organism="disgust02")["scarce"] == "disgust 2%"
    assert row(found(weights).organisms, organism="default")["scarce"] == ""


def test_a_folder_that_is_no_preset_is_shown_beside_those_that_are(weights: Path, tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "mine")
    result = found(tmp_path / "elsewhere", "mine")
    assert result.organisms.organism.tolist() == ["mine", "default"]


def test_baselines_have_the_chance_of_their_own_choice(weights: Path) -> None:
    baselines = found(weights).baselines
    assert row(baselines, reader="bag of words")["chance"] == 0.5
    assert row(baselines, reader="model", group=f"{CONFLICT}, story")["chance"] == pytest.approx(1 / 7)
    assert "all" not in set(baselines.group)


def test_saes_are_one_row_each(weights: Path) -> None:
    (sae,) = found(weights).saes.to_dict("records")
    assert sae == {"hook_point": "blocks.0.hook_resid_pre", "l0": 4.0, "fvu": 0.2, "dead": 0.3, "loss_recovered": 0.98}


def test_a_sweep_is_shown_if_there_is_one(weights: Path) -> None:
    assert found(weights).sweep.empty
    (weights / "default" / "sweep.json").write_text(json.dumps([SWEPT]))
    assert found(weights).sweep.to_dict("records") == [SWEPT]


def test_a_sweep_of_other_columns_is_refused(weights: Path) -> None:
    (weights / "default" / "sweep.json").write_text(json.dumps([{"d_sae": 32}]))
    with pytest.raises(EmomechError, match="'sweep.json': has columns"):
        found(weights)


def test_a_model_that_is_no_organism_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"model 'gpt2-small': is not an embedded model.*Models with a record: "):
        organism(Study(StudySpec(model="gpt2-small", sae=None)))
    bare = tmp_path / "bare" / "model"
    bare.mkdir(parents=True)
    with pytest.raises(UsageError, match="has no record of its training"):
        organism(Study(StudySpec(model=str(bare), sae=None)))
    (weights / "default" / "training.json").unlink()
    with pytest.raises(UsageError, match="has no record of its training"):
        found(weights)


@pytest.mark.parametrize(("lost", "said"), [("curve", "has no curve"), ("measured", "has no measures")])
def test_a_record_of_another_form_is_refused(weights: Path, lost: str, said: str) -> None:
    write(weights / "seed1", **{lost: []})
    with pytest.raises(UsageError, match=said):
        found(weights, "seed1")


def test_texts_of_another_corpus_are_refused(weights: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("text,label\nShe won,joy\nHe lost,sadness\n")
    with pytest.raises(UsageError, match="is not drawn from the embedded grammar"):
        found(weights, corpus=str(file))


def test_a_result_is_made_anew_when_an_organism_is(weights: Path) -> None:
    spec, before = StudySpec(model=str(weights / "default" / "model"), sae=None, limit=12), records.state()
    stale = Run(organism, spec)
    assert declared_states(organism) == {"state": before} and stale.key
    write(weights / "seed1")
    assert declared_states(organism) == {"state": records.state()} != {"state": before}
    assert Run(organism, spec).key != stale.key
    with pytest.raises(UsageError, match="state .* has changed to"):
        stale.result()
    assert len(organism(Study(spec)).organisms) == 2


def test_the_sample_is_what_studies_read(drawn: list[Any]) -> None:
    assert [one.example for one in drawn] == list(Study(StudySpec(sae=None, seed=3, limit=N)).corpus.examples)


def test_there_is_an_example_of_every_type_and_style(drawn: list[Any]) -> None:
    table = inventory.EXAMPLES.check(inventory.examples(drawn), "examples")
    assert len(table.drop_duplicates(["item_type", "style"])) == (len(ITEM_TYPES) + 1) * len(STYLES)
    pairs = table[table.item_type == PAIR].groupby("style")
    assert (pairs.size() == 2).all()
    assert (pairs.emotion.nunique() == 2).all()
    assert set(table.text) <= {one.example.text for one in drawn}


def test_annotation_is_the_grammar_s(drawn: list[Any]) -> None:
    table = inventory.ANNOTATION.check(inventory.annotation(drawn), "annotation")
    (shown,) = [one.example for one in drawn if [w.tags.get("emotion", "") for w in one.example.words] == [*table.emotion]
                and [one.example.text[w.start : w.end] for w in one.example.words] == [*table.word]]  # fmt: skip
    assert (shown.item_type, shown.style) == (CONFLICT, "story")
    assert set(table.emotion) - {""} >= {shown.label}
    first, last = (table.index[table[tag] != ""][0] for tag in ("agency", "emotion"))
    assert first <= last


def test_counts_are_of_all_texts(drawn: list[Any]) -> None:
    table = inventory.COUNTS.check(inventory.counts(drawn), "counts")
    assert table.n.sum() == N
    assert len(table) == (len(ITEM_TYPES) + 1) * len(STYLES) * len(EMOTION_NOUNS)
    told = sum((one.example.item_type, one.example.label) == (PAIR, "joy") for one in drawn)
    assert table.query("item_type == @PAIR and emotion == 'joy'").n.sum() == told
    assert table.query("item_type == @CONFLICT and emotion == 'calm'").n.sum() == 0


def test_forms_count_wordings_of_texts_in_distribution(drawn: list[Any]) -> None:
    table = inventory.FORMS.check(inventory.forms(drawn), "forms")
    events = [event for one in drawn if not one.example.shift for event in one.events]
    harmed = [event.verb[0] for event in events if event.verb_sign < 0]
    harms = row(table, latent="verb sign", value="harms")
    assert (harms["forms"], harms["n"]) == (len(set(harmed)), len(harmed))
    assert harms["often"].split("; ")[0] in {verb for verb in harmed if harmed.count(verb) >= harmed.count("ruin")}
    assert row(table, latent="certainty", value="fact")["forms"] == 2
    assert "unsaid" not in set(table.value)


def test_lengths_are_those_of_the_texts(drawn: list[Any]) -> None:
    table = inventory.LENGTHS.check(inventory.lengths(drawn), "lengths")
    stories = [one for one in drawn if one.example.style == "story"]
    sentences = row(table, measure="sentences", style="story")
    assert sentences["n"] == len(stories)
    assert sentences["mean"] == pytest.approx(np.mean([one.example.text.count(".") for one in stories]))
    assert sentences["most"] <= 5


def test_held_out_words_are_in_no_text_for_training(drawn: list[Any]) -> None:
    table = inventory.HELD_OUT.check(inventory.held_out(), "held out")
    assert set(table["shift"]) == set(SHIFTS)
    new = {word for names in table[table["shift"] == "new things"].which for word in names.split(", ")}
    plain = {event.thing for one in drawn if not one.example.shift for event in one.events}
    shifted = {event.thing for one in drawn if one.example.shift == "new things" for event in one.events}
    assert not new & plain
    assert shifted <= new
    assert row(table, shift="new frames", kind="diary")["learned"] == 3
