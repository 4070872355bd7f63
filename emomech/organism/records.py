"""What was written down when an embedded model was made: its recipe, its curve, its measures, its gates.

`model/training.json` has the training of the language model, `training.json` what was measured of it with its SAEs, and
`sweep.json`, where there is one, SAEs of other sizes.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
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
from emomech.stats.tables import Schema

WEIGHTS = paths.PACKAGE / "organism" / "weights"
TRAINING, SWEPT = "training.json", "sweep.json"
_KEPT = ("recipe", "seed", "seconds", "curve", "transitions")
_SEEN = {"phase": "of the curriculum", "tokens": "tokens seen so far"}
LEARNING = Schema(
    keys={
        "step": "steps done, over all phases",
        "kind": "what is asked for: an item type, or another kind of answer",
        "style": "how the text is told; empty where there is none",
    },
    values={
        **_SEEN,
        "right": "right answers since the row before, before they were learned from",
        "n": "answers asked for since the row before",
        "accuracy": "share that is right",
    },
)
LOSSES = Schema(
    keys={"step": "steps done, over all phases"},
    values={**_SEEN, "loss": "nats per token, weighted as the phase weighs", "rate": "learning rate"},
)
PHASES = Schema(
    keys={"phase": "of the curriculum"},
    values={
        "steps": "steps it took",
        "first_token": "tokens seen before it",
        "last_token": "tokens seen at its end",
        "solved": "whether it ended because its drills were solved",
    },
)
GATES = Schema(keys={"organism": "which embedded model", **GATED.keys}, values=GATED.values)
ORGANISMS = Schema(
    keys={"organism": "which embedded model"},
    values={
        "blocks": "of the network",
        "seed": "of weights and lessons",
        "scarce": "emotions with a share of their own",
        "accuracy": "balanced accuracy over all texts in distribution",
        "met": "gates that are met",
        "gates": "gates",
        "missed": "those that are not met, with figure and bound",
    },
)
BASELINES = Schema(
    keys={"reader": "who answers", "measure": "what is measured", "group": "of which texts"},
    values={"value": "its value", "chance": "what guessing gives", "n": "texts"},
)
SAES = Schema(
    keys={"hook_point": "where the SAE stands"},
    values={
        "l0": "active features per token",
        "fvu": "fraction of variance unexplained",
        "dead": "share of features that never fire on the texts measured",
        "loss_recovered": "cross-entropy recovered: 1 as good as the activation, 0 as its mean",
    },
)


@dataclass(frozen=True)
class Measured:
    """What was measured of one embedded model."""

    name: str
    recipe: Mapping[str, Any]
    seed: int
    table: pd.DataFrame = field(repr=False)
    """As `evaluate.EVALUATION` says."""


def measured(folder: Path) -> Measured:
    """Read what was measured of the embedded model in a folder. Raises UsageError for a record of another form."""
    file = folder / TRAINING
    record = json.loads(file.read_text(encoding="utf-8"))
    rows = record.get("measured")
    if not rows or set(rows[0]) != set(EVALUATION.columns):
        raise UsageError(f"{file}: has no measures. Make the model again: `emomech organism train`.")
    return Measured(folder.name, record["recipe"], record["seed"], pd.DataFrame(rows)[list(EVALUATION.columns)])


@dataclass(frozen=True)
class Record:
    """What is written down of one embedded model."""

    folder: Path
    measured: Measured
    training: Mapping[str, Any] = field(repr=False)
    """`recipe`, `seed`, `seconds`, `curve` and `transitions`."""
    sweep: pd.DataFrame = field(repr=False)
    """As `sae_sweep.SWEEP` says; empty where no sweep is recorded."""


def kept() -> dict[str, Path]:
    """Find the folders of the organisms that are made, by preset name, in the order of the presets."""
    folders = {name: WEIGHTS / name for name in lookup.table("organisms")}
    return {name: folder for name, folder in folders.items() if _records(folder)}


def _records(folder: Path) -> list[Path]:
    """List a folder's records; none where one is missing that has to be there."""
    needed = [folder / "model" / TRAINING, folder / TRAINING]
    return [*needed, *folder.glob(SWEPT)] if all(file.is_file() for file in needed) else []


def state() -> str:
    """Hash the records of all organisms: what a table of them depends on beside the study."""
    digest = blake2b(digest_size=8)
    for name, folder in kept().items():
        for file in _records(folder):
            digest.update(f"{name}/{file.name}".encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def read(model: str) -> Record:
    """Read the records of a model preset, or of the `model` folder of an embedded model.

    Raises UsageError for a model that is no embedded one, and for records of another form.
    """
    path = lookup.model(model).path
    folder = lookup.shipped(path).parent
    if not path or not _records(folder):
        there = [name for name, one in lookup.table("models").items() if getattr(one, "path", "") and _made(name)]
        raise UsageError(
            f"model {model!r}: is no embedded model, or has no record of its training. "
            f"Those that have: {', '.join(there) or 'none; make one with `emomech organism train`'}."
        )
    file = folder / "model" / TRAINING
    training = learning_curve.read(file)
    if lacking := [key for key in _KEPT if training.get(key) in (None, [])]:
        raise UsageError(f"{file}: has no {', '.join(lacking)}. Make the model again: `emomech organism train`.")
    swept = folder / SWEPT
    rows = json.loads(swept.read_text(encoding="utf-8")) if swept.exists() else []
    sweep = SWEEP.check(pd.DataFrame(rows, columns=None if rows else list(SWEEP.columns)), SWEPT)
    return Record(folder, measured(folder), training, sweep)


def _made(name: str) -> bool:
    preset = lookup.table("models")[name]
    return bool(_records(lookup.shipped(getattr(preset, "path", "")).parent))


def shares(model: str) -> tuple[dict[str, float], int]:
    """Share of every emotion among the answers on which a model was trained, and the seed, from its recipe.

    What a recipe does not name shares the rest equally. Raises UsageError as `read` does.
    """
    path = lookup.model(model).path
    file = lookup.shipped(path) / TRAINING
    if not path or not file.is_file():
        raise UsageError(f"model {model!r}: is no embedded model, or has no record of its training.")
    record = json.loads(file.read_text(encoding="utf-8"))
    named = dict(record["recipe"].get("shares") or {})
    rest = (1 - sum(named.values())) / max(1, len(EMOTION_NOUNS) - len(named))
    return {emotion: float(named.get(emotion, rest)) for emotion in EMOTION_NOUNS}, int(record["seed"])


def n_parameters(folder: Path) -> int:
    """Count the parameters of the model in `folder`/model, without loading it."""
    from safetensors import safe_open

    total = 0
    for file in sorted((folder / "model").glob("*.safetensors")):
        with safe_open(file, "numpy") as tensors:
            total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return total


def learning(record: Record) -> pd.DataFrame:
    """Give accuracy per kind of answer and style along the training; a table as `LEARNING` says."""
    rows = []
    for row in record.training["curve"]:
        for name, (right, n) in row["right"].items():
            kind, _, style = name.rpartition(", ")
            kind, style = (kind, style) if style in STYLES else (name, "")
            rows.append((row["step"], kind, style, row["phase"], row["tokens"], right, n, right / n))
    return pd.DataFrame(rows, columns=list(LEARNING.columns))


def losses(record: Record) -> pd.DataFrame:
    """Give loss and learning rate along the training; a table as `LOSSES` says."""
    return pd.DataFrame(record.training["curve"])[list(LOSSES.columns)]


def phases(record: Record) -> pd.DataFrame:
    """Give where each phase of the curriculum began and ended; a table as `PHASES` says."""
    rows, first = [], 0
    for one in record.training["transitions"]:
        seen = [row["tokens"] for row in record.training["curve"] if row["phase"] == one["phase"]]
        last = max(seen, default=first)
        rows.append((one["phase"], one["steps"], first, last, one["solved"]))
        first = last
    return pd.DataFrame(rows, columns=list(PHASES.columns))


def gates(organisms: Sequence[Measured]) -> pd.DataFrame:
    """Hold each organism's measures against the gates; a table as `GATES` says."""
    tables = [gated(one.table).assign(organism=one.name) for one in organisms]
    return pd.concat(tables, ignore_index=True)[list(GATES.columns)]


def organisms(made: Sequence[Measured], of_gates: pd.DataFrame) -> pd.DataFrame:
    """Describe each organism in a row, with the gates that it misses; a table as `ORGANISMS` says."""
    rows = []
    for one in made:
        held = of_gates[of_gates.organism == one.name]
        missed = [f"{r.measure}, {r.group}: {r.value:.2f} ({r.bound})" for r in held[~held.met].itertuples()]
        accuracy = one.table.query("measure == @ACCURACY and group == 'all'").value
        shares = one.recipe.get("shares") or getattr(lookup.table("organisms").get(one.name), "shares", {})
        scarce = ", ".join(f"{emotion} {share:.0%}" for emotion, share in shares.items())
        met = (int(held.met.sum()), len(held), "; ".join(missed))
        rows.append((one.name, one.recipe["n_layers"], one.seed, scarce, float(accuracy.mean()), *met))
    return pd.DataFrame(rows, columns=list(ORGANISMS.columns))


def baselines(record: Record) -> pd.DataFrame:
    """Compare the model on texts of two persons with word counts and with guessing; a table as `BASELINES` says."""
    return pd.DataFrame(_baselines(record.measured.table), columns=list(BASELINES.columns))


def _baselines(table: pd.DataFrame) -> Iterator[tuple[str, str, str, float, float, int]]:
    for row in table.to_dict("records"):
        if row["measure"] == BAG:
            yield "bag of words", BAG, row["group"], row["value"], 1 / 2, row["n"]
        elif row["measure"] == ACCURACY and row["group"].startswith((CONFLICT, PAIR)):
            yield "model", ACCURACY, row["group"], row["value"], 1 / len(EMOTION_NOUNS), row["n"]


def saes(record: Record) -> pd.DataFrame:
    """Give what was measured of the SAEs, one row each; a table as `SAES` says."""
    table = record.measured.table
    table = table[table.measure.str.startswith("SAE ")]
    column = table.measure.str.removeprefix("SAE ").str.replace(" ", "_")
    wide = table.assign(column=column).pivot(index="group", columns="column", values="value")
    wide = wide.reindex(index=pd.unique(table.group), columns=list(SAES.values))
    return wide.rename_axis("hook_point").reset_index().rename_axis(columns=None)
