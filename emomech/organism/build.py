"""Train an embedded model and its SAEs from scratch: `model/`, `saes/`, a model card and a record of the training.

Controls of the SAEs, and SAEs of a second seed, are trained on request and lie beside `saes/`, see `saes.beside`.

`records` describes the files. Finished parts are kept, and an interrupted training resumes where it stopped. The same
preset on the same machine with the same library versions gives the same files; elsewhere weights differ in the last
digits.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emomech.core import devices
from emomech.core.devices import Device
from emomech.core.errors import UsageError
from emomech.core.files import atomic_folder, write_atomic
from emomech.models.loading import load_model
from emomech.organism import learning_curve, records
from emomech.organism.curriculum import lessons
from emomech.organism.evaluate import evaluate, measure_saes, measures_of
from emomech.organism.model_card import card
from emomech.organism.recipe import Recipe
from emomech.organism.records import TRAINING
from emomech.organism.training_loop import Training
from emomech.presets.kinds import OrganismPreset
from emomech.saes import beside
from emomech.saes.config_fields import RECIPE
from emomech.saes.files import CONFIG
from emomech.saes.points import default_points
from emomech.saes.recipe import SaeRecipe
from emomech.saes.training import train_saes
from emomech.study.spec import StudySpec
from emomech.study.study import Study

Say = Callable[[str], None]
_SAE_LESSONS = 12_000
"""Lessons whose activations the SAEs are trained on; they have more tokens than the pool of the SAE training holds."""


def recipe_of(preset: OrganismPreset) -> Recipe:
    """Recipe of a preset."""
    size = {"n_layers": preset.n_layers, "d_model": preset.d_model, "d_sae": preset.d_sae}
    return Recipe(**size, shares=dict(preset.shares))


def train(out: Path, *, recipe: Recipe | None = None, seed: int = 0, device: Device = "auto", say: Say) -> None:
    """Train a model and its SAEs into the folder `out`, and measure them; progress goes to `say`.

    Raises UsageError for a folder with a model of another recipe or seed, and for an unavailable device.
    """
    recipe = recipe or Recipe()
    chosen_device = devices.chosen(device)
    made_by = {"recipe": asdict(recipe), "seed": seed}
    if _finished(out, made_by):
        say(f"{out}: is finished; delete the folder to train again")
        return
    out.mkdir(parents=True, exist_ok=True)
    if (out / "model").exists():
        say("model: exists already")
    else:
        _train_model(out, Training(recipe, seed, chosen_device), made_by, say)
    lm = load_model("organism", out / "model", device=chosen_device)
    train_saes(lm, _sae_texts(seed), default_points(lm), _sae_recipe(recipe, seed), out=out / "saes", say=say)
    measure(out, say)
    shutil.rmtree(out / "partial", ignore_errors=True)


def _sae_texts(seed: int) -> list[str]:
    """Draw the texts that all SAEs of a model are trained on, by the seed of the model."""
    return [lesson.text for lesson in lessons("grammar", seed + 1, _SAE_LESSONS)]


def _sae_recipe(recipe: Recipe, seed: int) -> SaeRecipe:
    return SaeRecipe(d_sae=recipe.d_sae, k=recipe.k, n_tokens=recipe.sae_tokens, seed=seed)


def train_beside(out: Path, *, controls: bool, second: bool, device: Device = "auto", say: Say) -> None:
    """Train further SAEs of a finished model in `out`, beside its own (see `saes.beside`), and measure them.

    `controls`: SAEs with a soft-frozen and with a frozen decoder. `second`: SAEs with the seed after that of the model.
    All are trained on the texts and with the recipe of the model's own SAEs. Sets that are there are kept; an
    interrupted training is resumed. Raises UsageError for a folder without a finished model.
    """
    if not (out / TRAINING).exists():
        raise UsageError(f"--out {out}: holds no finished model. Train it first: emomech organism train.")
    learned = learning_curve.read(out / "model" / TRAINING)
    seed, saes = learned["seed"], out / "saes"
    own = _sae_recipe(Recipe(**learned["recipe"]), seed)
    sets = {beside.folder_of(saes, control): replace(own, control=control) for control in beside.CONTROLS if controls}
    sets |= {beside.folder_of_seed(saes, seed + 1): replace(own, seed=seed + 1)} if second else {}
    for folder, recipe in sets.items():
        if folder.exists():
            say(f"{folder.name}: exists already")
            continue
        lm = load_model("organism", out / "model", device=devices.chosen(device))
        say(f"{folder.name}:")
        train_saes(lm, _sae_texts(seed), default_points(lm), recipe, out=out / "partial" / folder.name, say=say)
        (out / "partial" / folder.name).rename(folder)
    if {str(part["folder"]) for part in records.beside(out)} != {folder.name for folder in beside.folders(saes)}:
        measure_beside(out, say)
    shutil.rmtree(out / "partial", ignore_errors=True)


def measure_beside(out: Path, say: Say) -> None:
    """Measure the SAEs beside those of a model, and write the model card and their record."""
    say("measuring the SAEs beside those of the model")
    learned = learning_curve.read(out / "model" / TRAINING)
    study = Study(StudySpec(model=str(out / "model"), sae=str(out / "saes"), seed=learned["seed"]))
    sets = []
    for saes in (*study.control_saes.values(), *([study.other_saes] if study.other_saes else [])):
        measured, n = measure_saes(study, saes)
        first = next(iter(saes.values()))
        recipe = json.loads((out / first.name / str(first.point) / CONFIG).read_text(encoding="utf-8"))
        rows = [{"hook_point": str(quality.point)} | measures_of(quality) for quality in measured]
        sets.append({"folder": first.name, "recipe": recipe["metadata"][RECIPE], "n": n, "measured": rows})
    write_atomic(out / "README.md", card(learned, records.measured(out).table, sets))
    write_atomic(out / records.BESIDE, json.dumps({"libraries": _libraries(), "sets": sets}, indent=1) + "\n")


def measure(out: Path, say: Say) -> None:
    """Measure a trained model with its SAEs, and write its model card and its record."""
    say("measuring")
    learned = learning_curve.read(out / "model" / TRAINING)
    measured = evaluate(Study(StudySpec(model=str(out / "model"), sae=str(out / "saes"), seed=learned["seed"])))
    write_atomic(out / "README.md", card(learned, measured, records.beside(out)))
    record = {"recipe": learned["recipe"], "seed": learned["seed"], "libraries": _libraries()}
    write_atomic(out / TRAINING, json.dumps(record | {"measured": measured.to_dict("records")}, indent=1) + "\n")


def _libraries() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "transformers", "sae-lens")}


def _finished(out: Path, made_by: dict[str, Any]) -> bool:
    """Whether the folder holds a finished training. Raises UsageError for a model of another recipe or seed."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file, expected a folder.")
    for record in (out / "model" / TRAINING, out / TRAINING):
        content = json.loads(record.read_text(encoding="utf-8")) if record.exists() else made_by
        if {key: content.get(key) for key in made_by} != made_by:
            raise UsageError(f"--out {out}: holds a model of another recipe or seed. Name another folder.")
    return (out / TRAINING).exists()


def _train_model(out: Path, training: Training, made_by: dict[str, Any], say: Say) -> None:
    """Train the language model and save it in half precision."""
    start = time.monotonic()
    training.run(out / "partial" / "checkpoint.pt", say)
    learned = {"curve": training.progress.curve, "transitions": training.progress.transitions}
    learned |= {"device": training.network.device.type, "seconds": round(time.monotonic() - start, 1)}
    with atomic_folder(out / "model") as folder:
        training.network.cpu().half().save_pretrained(folder)
        training.tokenizer.save_pretrained(folder)
        learning_curve.write(folder / TRAINING, made_by | learned)
