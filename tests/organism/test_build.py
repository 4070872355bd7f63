"""A small embedded model trained from scratch: files that load, a card, and nothing done twice."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest

from emomech.core.errors import UsageError
from emomech.models.loading import load_model
from emomech.organism import build, evaluate, learning_curve, records
from emomech.organism.curriculum import PHASES
from emomech.organism.evaluate import EvaluationSizes
from emomech.organism.model_card import card as write_card
from emomech.organism.recipe import Recipe
from emomech.presets import lookup
from emomech.saes.files import scan

TINY = Recipe(
    d_model=32, n_layers=1, n_heads=2, batch=4, binding=2, appraisal=2, grammar=4, d_sae=64, k=8, sae_tokens=600_000
)
FEW = EvaluationSizes(texts=150, shifted=20, drills=20, ordinary=20, features=20, losses=20)


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "_SAE_LESSONS", 200)
        measure = evaluate.evaluate
        patch.setattr(build, "evaluate", lambda study: measure(study, FEW))
        measure_saes = evaluate.measure_saes
        patch.setattr(build, "measure_saes", lambda study, saes: measure_saes(study, saes, FEW))
        yield patch


@pytest.fixture(scope="module")
def made(patched: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("organism") / "made"
    build.train(out, recipe=TINY, say=lambda _: None)
    return out


def test_model_and_saes_load(made: Path) -> None:
    lm = load_model("made", made / "model")
    assert (lm.n_layers, lm.d_model) == (1, 32)
    assert lm.prepend_bos
    assert {str(file.point) for file in scan(made / "saes", name="made")} == {p.name for p in (made / "saes").iterdir()}


def test_nothing_unfinished_is_left(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == {"model", "saes", "README.md", "training.json"}


def test_the_card_shows_what_was_measured(made: Path) -> None:
    card = (made / "README.md").read_text()
    record = json.loads((made / "training.json").read_text())
    for row in record["measured"]:
        assert f"| {row['measure']} | {row['group']} | {row['value']:.3g} | {row['n']} |" in card
    assert "1 blocks, width 32" in card
    assert "2 steps of binding, 2 steps of appraisal, 4 steps of grammar" in card
    assert "every emotion is the answer equally often" in card
    assert "{" not in card


def test_the_record_tells_how_it_was_learned(made: Path) -> None:
    record = learning_curve.read(made / "model" / "training.json")
    assert record["recipe"] == asdict(TINY)
    assert (record["seed"], record["device"]) == (0, "cpu")
    assert [end["phase"] for end in record["transitions"]] == list(PHASES)
    assert record["curve"][-1]["step"] == 8
    assert record["seconds"] > 0


def test_a_card_of_a_scarce_emotion_says_so(made: Path) -> None:
    learned = learning_curve.read(made / "model" / "training.json")
    learned["recipe"]["shares"] = {"disgust": 0.02}
    measured = pd.DataFrame(json.loads((made / "training.json").read_text())["measured"])
    assert "disgust is the answer in 2% of the questions, the other emotions share the rest equally" in write_card(
        learned, measured
    )


def test_a_recipe_is_that_of_its_preset() -> None:
    recipe = build.recipe_of(lookup.organisms("disgust05-seed2")["disgust05-seed2"])
    assert recipe == replace(Recipe(), n_layers=5, d_sae=256, shares={"disgust": 0.05})
    assert build.recipe_of(lookup.organisms("default")["default"]) == Recipe()


def test_what_is_finished_is_left_alone(made: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in made.rglob("*")}
    messages: list[str] = []
    build.train(made, recipe=TINY, say=messages.append)
    assert len(messages) == 1
    assert "is finished" in messages[0]
    assert before == {file: file.stat().st_mtime_ns for file in made.rglob("*")}


def test_another_seed_needs_another_folder(made: Path) -> None:
    with pytest.raises(UsageError, match="another recipe or seed"):
        build.train(made, recipe=TINY, seed=1, say=lambda _: None)


def test_what_is_missing_is_made_again_and_alike(made: Path, patched: pytest.MonkeyPatch, tmp_path: Path) -> None:
    patched.setattr(build, "_train_model", lambda *_: pytest.fail("the model is there"))
    record = (made / "training.json").read_text()
    (made / "training.json").unlink()
    build.train(made, recipe=TINY, say=lambda _: None)
    assert (made / "training.json").read_text() == record


@pytest.fixture(scope="module")
def more(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the model, with controls and SAEs of a second seed."""
    out = shutil.copytree(made, tmp_path_factory.mktemp("organism") / "more")
    build.train_beside(out, controls=True, second=True, say=lambda _: None)
    return out


def test_controls_and_a_second_seed_lie_beside_the_saes(more: Path, made: Path) -> None:
    added = {"saes-soft-frozen", "saes-frozen", "saes-seed1", "beside.json"}
    assert {path.name for path in more.iterdir()} == {path.name for path in made.iterdir()} | added
    recipes = {part["folder"]: part["recipe"] for part in records.beside(more)}
    own = asdict(build._sae_recipe(TINY, 0))
    assert recipes == {
        "saes-soft-frozen": own | {"control": "soft-frozen"},
        "saes-frozen": own | {"control": "frozen"},
        "saes-seed1": own | {"seed": 1},
    }
    assert (more / "training.json").read_bytes() == (made / "training.json").read_bytes()
    for part in records.beside(more):
        points = [row["hook_point"] for row in part["measured"]]
        assert points == [str(file.point) for file in scan(more / part["folder"], name="x")]


def test_the_card_shows_the_saes_beside(more: Path, made: Path) -> None:
    card = (more / "README.md").read_text()
    assert "## Controls and other seeds" in card and "## Controls" not in (made / "README.md").read_text()
    for part in records.beside(more):
        for row in part["measured"]:
            assert f"| {row['hook_point']} | {row['l0']:.3g} | {row['fvu']:.3g} | {row['dead']:.3g} |" in card
    assert "| saes-frozen | frozen | 0 | 600,000 | blocks.0.hook_resid_pre |" in card
    assert "| saes-seed1 | trained | 1 |" in card
    assert "{" not in card


def test_what_lies_beside_is_left_alone_and_measured_if_it_is_not(more: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in more.rglob("*")}
    said: list[str] = []
    build.train_beside(more, controls=True, second=False, say=said.append)
    assert said == ["saes-soft-frozen: exists already", "saes-frozen: exists already"]
    assert before == {file: file.stat().st_mtime_ns for file in more.rglob("*")}
    record = (more / "beside.json").read_text()
    (more / "beside.json").unlink()
    build.train_beside(more, controls=False, second=False, say=said.append)
    assert (more / "beside.json").read_text() == record


def test_saes_are_added_to_finished_models_only(made: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no finished model. Train it first: emomech organism train"):
        build.train_beside(tmp_path, controls=True, second=False, say=lambda _: None)


def test_a_device_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match="--device cuda"):
        build.train(tmp_path / "x", recipe=TINY, device="cuda", say=lambda _: None)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        build.train(tmp_path / "file", recipe=TINY, say=lambda _: None)
    assert not (tmp_path / "x").exists()
