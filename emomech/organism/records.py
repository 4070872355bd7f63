"""Records of embedded models: recipe, learning curve, measures and gates.

`model/training.json` holds the training of the language model, `training.json` the measures of the model with its SAEs,
`sweep.json`, if it exists, SAEs of other sizes, and `beside.json`, if it exists, controls and SAEs of a second seed.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pandas as pd

from emomech.core import paths
from emomech.core.errors import UsageError
from emomech.data.grammar.lexicon import EMOTION_NOUNS
from emomech.data.grammar.vignettes import CONFLICT, PAIR, STYLES
from emomech.organism import learning_curve
from emomech.organism.evaluate import ACCURACY, BAG, EVALUATION, GATED, gated
from emomech.presets import lookup
from emomech.saes.sweep import SWEEP
from emomech.stats.tables import Schema, frame

WEIGHTS = paths.PACKAGE / "organism" / "weights"
TRAINING, SWEPT, BESIDE = "training.json", "sweep.json", "beside.json"
_KEPT = ("recipe", "seed", "seconds", "curve", "transitions")
_SEEN = {"phase": "phase of the curriculum", "tokens": "number of tokens seen so far"}
LEARNING = Schema(
    keys={
        "step": "number of steps so far, over all phases",
        "kind": "kind of answer: an item type, or a kind of drill",
        "style": "story, diary or dialogue; empty for drills",
    },
    values={
        **_SEEN,
        "right": "number of right answers since the last row, each given before it was trained on",
        "n": "number of answers since the last row",
        "accuracy": "share of right answers",
    },
)
LOSSES = Schema(
    keys={"step": "number of steps so far, over all phases"},
    values={**_SEEN, "loss": "loss in nats per token, with the token weights of the phase", "rate": "learning rate"},
)
PHASES = Schema(
    keys={"phase": "phase of the curriculum"},
    values={
        "steps": "number of steps of the phase",
        "first_token": "number of tokens seen before the phase",
        "last_token": "number of tokens seen at its end",
        "solved": "whether the phase ended because its drills were solved",
    },
)
GATES = Schema(keys={"organism": "embedded model", **GATED.keys}, values=GATED.values)
ORGANISMS = Schema(
    keys={"organism": "embedded model"},
    values={
        "blocks": "number of blocks",
        "seed": "seed of weights and lessons",
        "scarce": "emotions with a smaller share of the answers, and this share",
        "accuracy": "balanced accuracy on all texts without a shift",
        "met": "number of gates that are met",
        "gates": "number of gates",
        "missed": "gates that are not met, with value and bound",
    },
)
BASELINES = Schema(
    keys={"reader": "the model or a baseline", "measure": "what is measured", "group": "group of texts"},
    values={"value": "value of the measure", "chance": "value of guessing", "n": "number of texts"},
)
SAES = Schema(
    keys={"hook_point": "place of the SAE in the model"},
    values={
        "l0": "mean number of active features per token",
        "fvu": "fraction of variance unexplained",
        "dead": "share of features that never fire on these texts",
        "loss_recovered": "1: the reconstruction costs no cross-entropy; 0: it is as bad as the mean activation",
    },
)


@dataclass(frozen=True)
class MeasuredOrganism:
    """Measures of one embedded model, and its recipe."""

    name: str
    """Name of its folder."""
    recipe: Mapping[str, Any]
    seed: int
    table: pd.DataFrame = field(repr=False)
    """Table `evaluate.EVALUATION`."""


def measured(folder: Path) -> MeasuredOrganism:
    """Read the measures of the embedded model in a folder. Raises UsageError for a record of another format."""
    file = folder / TRAINING
    record = json.loads(file.read_text(encoding="utf-8"))
    rows = record.get("measured")
    if not rows or set(rows[0]) != set(EVALUATION.columns):
        raise UsageError(f"{file}: has no measures. Train the model again: `emomech organism train`.")
    return MeasuredOrganism(folder.name, record["recipe"], record["seed"], frame(EVALUATION, rows))


def beside(folder: Path) -> list[dict[str, Any]]:
    """Read the record of the SAEs beside those of the model in a folder; empty if there is none.

    Each entry is one set of SAEs: `folder`, `recipe`, `n` (texts that it was measured on) and `measured`, the rows of a
    table with the columns `SAES`.
    """
    file = folder / BESIDE
    return json.loads(file.read_text(encoding="utf-8"))["sets"] if file.is_file() else []


@dataclass(frozen=True)
class OrganismRecord:
    """All records of one embedded model."""

    folder: Path
    measured: MeasuredOrganism
    training: Mapping[str, Any] = field(repr=False)
    """`recipe`, `seed`, `seconds`, `curve` and `transitions`."""
    sweep: pd.DataFrame = field(repr=False)
    """Table `saes.sweep.SWEEP`; empty if no sweep is recorded."""


def kept() -> dict[str, Path]:
    """Preset name -> folder of each embedded model that is trained, in the order of the presets."""
    folders = {name: WEIGHTS / name for name in lookup.table("organisms")}
    return {name: folder for name, folder in folders.items() if _records(folder)}


def _records(folder: Path) -> list[Path]:
    """Files of a folder's records; empty if a required one is missing."""
    required = [folder / "model" / TRAINING, folder / TRAINING]
    return [*required, *folder.glob(SWEPT)] if all(file.is_file() for file in required) else []


def state() -> str:
    """Hash of the records of all embedded models, on which tables of them depend in addition to the study."""
    digest = blake2b(digest_size=8)
    for name, folder in kept().items():
        for file in _records(folder):
            digest.update(f"{name}/{file.name}".encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def read(model: str) -> OrganismRecord:
    """Read the records of a model preset, or of the `model` folder of an embedded model.

    Raises UsageError for a model that is not embedded, and for records of another format.
    """
    path = lookup.model(model).path
    folder = lookup.shipped(path).parent
    if not path or not _records(folder):
        presets = lookup.table("models").items()
        recorded = [name for name, preset in presets if getattr(preset, "path", "") and _recorded(name)]
        raise UsageError(
            f"model {model!r}: is not an embedded model, or has no record of its training. "
            f"Models with a record: {', '.join(recorded) or 'none; train one with `emomech organism train`'}."
        )
    file = folder / "model" / TRAINING
    training = learning_curve.read(file)
    if missing := [key for key in _KEPT if training.get(key) in (None, [])]:
        raise UsageError(f"{file}: has no {', '.join(missing)}. Train the model again: `emomech organism train`.")
    swept = folder / SWEPT
    rows = json.loads(swept.read_text(encoding="utf-8")) if swept.exists() else []
    sweep = SWEEP.check(pd.DataFrame(rows, columns=None if rows else list(SWEEP.columns)), SWEPT)
    return OrganismRecord(folder, measured(folder), training, sweep)


def _recorded(name: str) -> bool:
    preset = lookup.table("models")[name]
    return bool(_records(lookup.shipped(getattr(preset, "path", "")).parent))


def shares(model: str) -> tuple[dict[str, float], int]:
    """Share of every emotion among the answers in training, and the seed, from the recipe of a model.

    Emotions that the recipe does not name share the rest equally. Raises UsageError for a model without a record.
    """
    path = lookup.model(model).path
    file = lookup.shipped(path) / TRAINING
    if not path or not file.is_file():
        raise UsageError(f"model {model!r}: is not an embedded model, or has no record of its training.")
    record = json.loads(file.read_text(encoding="utf-8"))
    named = dict(record["recipe"].get("shares") or {})
    rest = (1 - sum(named.values())) / max(1, len(EMOTION_NOUNS) - len(named))
    return {emotion: float(named.get(emotion, rest)) for emotion in EMOTION_NOUNS}, int(record["seed"])


def n_parameters(folder: Path) -> int:
    """Number of parameters of the model in `folder`/model, read without loading it."""
    from safetensors import safe_open

    total = 0
    for file in sorted((folder / "model").glob("*.safetensors")):
        with safe_open(file, "numpy") as tensors:
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total


def learning(record: OrganismRecord) -> pd.DataFrame:
    """Table `LEARNING`: accuracy by kind of answer and style during training."""
    rows = []
    for row in record.training["curve"]:
        for name, (right, n) in row["right"].items():
            kind, _, style = name.rpartition(", ")
            kind, style = (kind, style) if style in STYLES else (name, "")
            keys = {"step": row["step"], "kind": kind, "style": style}
            seen = {"phase": row["phase"], "tokens": row["tokens"]}
            rows.append({**keys, **seen, "right": right, "n": n, "accuracy": right / n})
    return frame(LEARNING, rows)


def losses(record: OrganismRecord) -> pd.DataFrame:
    """Table `LOSSES`: loss and learning rate during training."""
    return frame(LOSSES, [{name: row[name] for name in LOSSES.columns} for row in record.training["curve"]])


def phases(record: OrganismRecord) -> pd.DataFrame:
    """Table `PHASES`: beginning and end of each phase of the curriculum."""
    rows, first = [], 0
    for end in record.training["transitions"]:
        seen = [row["tokens"] for row in record.training["curve"] if row["phase"] == end["phase"]]
        last = max(seen, default=first)
        tokens = {"first_token": first, "last_token": last}
        rows.append({"phase": end["phase"], "steps": end["steps"], **tokens, "solved": end["solved"]})
        first = last
    return frame(PHASES, rows)


def gates(models: Sequence[MeasuredOrganism]) -> pd.DataFrame:
    """Table `GATES`: the gates of each embedded model, and whether it meets them."""
    tables = [gated(model.table).assign(organism=model.name) for model in models]
    return pd.concat(tables, ignore_index=True)[list(GATES.columns)]


def organisms(models: Sequence[MeasuredOrganism], gate_table: pd.DataFrame) -> pd.DataFrame:
    """Table `ORGANISMS`: a row for each embedded model, with the gates that it misses."""
    rows = []
    for model in models:
        own_gates = gate_table[gate_table.organism == model.name]
        missed = [f"{r.measure}, {r.group}: {r.value:.2f} ({r.bound})" for r in own_gates[~own_gates.met].itertuples()]
        accuracy = model.table.query("measure == @ACCURACY and group == 'all'").value
        shares = model.recipe.get("shares") or getattr(lookup.table("organisms").get(model.name), "shares", {})
        rows.append(
            {
                "organism": model.name,
                "blocks": model.recipe["n_layers"],
                "seed": model.seed,
                "scarce": ", ".join(f"{emotion} {share:.0%}" for emotion, share in shares.items()),
                "accuracy": float(accuracy.mean()),
                "met": int(own_gates.met.sum()),
                "gates": len(own_gates),
                "missed": "; ".join(missed),
            }
        )
    return frame(ORGANISMS, rows)


def baselines(record: OrganismRecord) -> pd.DataFrame:
    """Table `BASELINES`: the model on texts of two persons, word counts, and guessing."""
    rows = []
    for row in record.measured.table.to_dict("records"):
        if row["measure"] == BAG:
            rows.append({"reader": "bag of words", "chance": 1 / 2, **row})
        elif row["measure"] == ACCURACY and row["group"].startswith((CONFLICT, PAIR)):
            rows.append({"reader": "model", "chance": 1 / len(EMOTION_NOUNS), **row})
    return frame(BASELINES, rows)


def saes(record: OrganismRecord) -> pd.DataFrame:
    """Table `SAES`: measures of the SAEs, one row each."""
    table = record.measured.table
    table = table[table.measure.str.startswith("SAE ")]
    column = table.measure.str.removeprefix("SAE ").str.replace(" ", "_")
    wide = table.assign(column=column).pivot(index="group", columns="column", values="value")
    wide = wide.reindex(index=pd.unique(table.group), columns=list(SAES.values))
    return wide.rename_axis("hook_point").reset_index().rename_axis(columns=None)
