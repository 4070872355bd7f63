"""Makes an embedded model and its SAEs from nothing: `model/`, `saes/`, a model card and a record of the training.

`records` says what stands where. What is finished is left alone, and what was interrupted goes on where it stopped. The
same preset on the same machine and library versions gives the same files; on another, a model that differs in the last
digits.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from emomech.core import devices
from emomech.core.devices import Device
from emomech.core.errors import UsageError
from emomech.models.loading import load_model
from emomech.organism import learning_curve
from emomech.organism.curriculum import lessons
from emomech.organism.evaluate import evaluate
from emomech.organism.model_card import card
from emomech.organism.recipe import Recipe
from emomech.organism.records import TRAINING
from emomech.organism.training_loop import Training
from emomech.presets.kinds import OrganismPreset
from emomech.saes.training import SaeRecipe, default_points, train_saes
from emomech.study.spec import StudySpec
from emomech.study.study import Study

Say = Callable[[str], None]
_SAE_LESSONS = 12_000
"""Lessons from which the SAEs' activations are read; more than their pool of tokens holds."""


def recipe_of(preset: OrganismPreset) -> Recipe:
    """Give the recipe of a preset."""
    size = {"n_layers": preset.n_layers, "d_model": preset.d_model, "d_sae": preset.d_sae}
    return Recipe(**size, shares=dict(preset.shares))


def train(out: Path, *, recipe: Recipe | None = None, seed: int = 0, device: Device = "auto", say: Say) -> None:
    """Train model and SAEs into the folder `out`.

    Raises UsageError for a folder that holds another training, and for a device that is not there.
    """
    recipe = recipe or Recipe()
    where = devices.chosen(device)
    made_by = {"recipe": asdict(recipe), "seed": seed}
    if _finished(out, made_by):
        say(f"{out}: is finished; delete it to begin anew")
        return
    out.mkdir(parents=True, exist_ok=True)
    if (out / "model").exists():
        say("model: is there already")
    else:
        _train_model(out, Training(recipe, seed, where), made_by, say)
    lm = load_model("organism", out / "model", device=where)
    texts = [one.text for one in lessons("grammar", seed + 1, _SAE_LESSONS)]
    saes = SaeRecipe(d_sae=recipe.d_sae, k=recipe.k, n_tokens=recipe.sae_tokens, seed=seed)
    train_saes(lm, texts, default_points(lm), out / "saes", saes, say)
    measure(out, say)
    shutil.rmtree(out / "partial", ignore_errors=True)


def measure(out: Path, say: Say) -> None:
    """Measure a trained model with its SAEs, and write card and record."""
    say("measuring")
    learned = learning_curve.read(out / "model" / TRAINING)
    measured = evaluate(Study(StudySpec(model=str(out / "model"), sae=str(out / "saes"), seed=learned["seed"])))
    _write(out / "README.md", card(learned, measured))
    libraries = {name: version(name) for name in ("torch", "transformers", "sae-lens")}
    record = {"recipe": learned["recipe"], "seed": learned["seed"], "libraries": libraries}
    _write(out / TRAINING, json.dumps(record | {"measured": measured.to_dict("records")}, indent=1) + "\n")


def _finished(out: Path, made_by: dict[str, Any]) -> bool:
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out}: is a file, expected a folder.")
    for record in (out / "model" / TRAINING, out / TRAINING):
        found = json.loads(record.read_text(encoding="utf-8")) if record.exists() else made_by
        if {key: found.get(key) for key in made_by} != made_by:
            raise UsageError(f"--out {out}: holds a model of another recipe or seed. Name another folder.")
    return (out / TRAINING).exists()


def _train_model(out: Path, training: Training, made_by: dict[str, Any], say: Say) -> None:
    """Train the language model and save it in half precision."""
    begun = time.monotonic()
    training.run(out / "partial" / "checkpoint.pt", say)
    learned = {"curve": training.progress.curve, "transitions": training.progress.transitions}
    learned |= {"device": training.network.device.type, "seconds": round(time.monotonic() - begun, 1)}
    unfinished = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=out))
    try:
        training.network.cpu().half().save_pretrained(unfinished)
        training.tokenizer.save_pretrained(unfinished)
        learning_curve.write(unfinished / TRAINING, made_by | learned)
        unfinished.chmod(0o755)
        os.replace(unfinished, out / "model")
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(file: Path, text: str) -> None:
    unfinished = file.with_name(f".unfinished-{file.name}")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, file)
