"""Passes of an analysis, for every implementation to repeat in its own way; see `recorded` for where they come from.

Peers read them in their own environments, so this file needs what `inputs` needs. An implementation gives three
functions: `forward` with edits, `read` of activations, and `slopes` of the log-odds; the loops are the same for all.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from emomech.bench.inputs import Batch, Case, decode, encode, read

N_SHOWN = 4
"""Texts of each pass whose logits are compared."""
EDITS = ("clean", "one", "several")
"""Kinds of passes that give logits: without an edit, with edits of one hook point, or of several."""
Change = Callable[[Tensor], Tensor]


class Model(Protocol):
    """What an implementation can do with its model; activations are (batch, pos, d_model)."""

    def forward(self, batch: Batch, changes: Mapping[str, Change]) -> Tensor:
        """All logits (batch, pos, token), with the activation of some hook points changed."""
        ...

    def read(self, batch: Batch, points: list[str]) -> Mapping[str, Tensor]:
        """Activations at some hook points."""
        ...

    def slopes(
        self, batch: Batch, points: list[str], measure: Callable[[Tensor], Tensor]
    ) -> Mapping[str, tuple[Tensor, Tensor]]:
        """Activations, and the gradient of a measure of all logits with respect to them."""
        ...


@dataclass(frozen=True, eq=False)
class Passes:
    """The sampled passes of an analysis, in memory."""

    case: Case
    points: list[str]
    """Hook points of the study."""
    facts: Sequence[Mapping[str, Any]] = field(repr=False)
    tensors: Mapping[str, Tensor] = field(repr=False)

    @classmethod
    def of(cls, folder: Path, name: str) -> "Passes":
        """Read the passes of an analysis that `write` wrote."""
        kept = json.loads((folder / f"{name}.json").read_text())
        return cls(read(folder), kept["points"], kept["passes"], load_file(folder / f"{name}.safetensors"))

    def batches(self, number: int) -> list[Batch]:
        """The texts of a pass; `content` is where its edits apply."""
        names = ("input_ids", "attention_mask", "position_ids", "content")
        return [
            Batch(**{name: self.tensors[f"{number}.batch{i}.{name}"] for name in names}, rows=rows)
            for i, rows in enumerate(self.facts[number]["rows"])
        ]

    def changes(self, number: int, mask: Tensor) -> dict[str, Change]:
        """The edits of a pass, at the tokens of a mask (batch, pos)."""
        return {
            point: partial(self._moved, mask=mask, point=point, prefix=f"{number}.{point}.")
            for point in self.facts[number]["edited"]
        }

    def _moved(self, x: Tensor, *, mask: Tensor, point: str, prefix: str) -> Tensor:
        """Move features of activations (batch, pos, d_in); the SAE's error is kept, or replaced by a constant."""
        sae, index = self.case.saes[point], self.tensors[f"{prefix}index"]
        features = encode(sae, x)
        error = self.tensors.get(f"{prefix}error")
        error = x - decode(sae, features) if error is None else error
        moved = features.clone()
        moved[..., index] = features[..., index] * self.tensors[f"{prefix}factor"] + self.tensors[f"{prefix}offset"]
        return torch.where(mask[..., None], decode(sae, moved) + error, x)

    @cached_property
    def of_kind(self) -> dict[str, list[int]]:
        """Numbers of the passes of each kind; reads and gradients are taken on the texts of the first pass."""
        numbers = {kind: [i for i, fact in enumerate(self.facts) if fact["kind"] == kind] for kind in EDITS}
        return numbers | {"read": [0], "slope": [0]}


def write(folder: Path, name: str, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write the passes of an analysis into a case."""
    save_file({key: x.clone().contiguous() for key, x in tensors.items()}, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(facts))


def totals(folder: Path, name: str) -> Mapping[str, Mapping[str, int]]:
    """Tokens and passes of the whole analysis by kind, and the tokens of its sample."""
    return json.loads((folder / f"{name}.json").read_text())["totals"]


def prepare(model: Model, folder: Path, options: Mapping[str, Any]) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """Prepare the sampled passes of one kind; the answer is the logits of the first texts (pass, text, label)."""
    passes, kind = Passes.of(folder, options["analysis"]), options["kind"]
    numbers = passes.of_kind[kind]
    if kind == "read":
        return partial(_read, model, passes, numbers), lambda _: np.zeros(0)
    if kind == "slope":
        return partial(_screened, model, passes, numbers), lambda _: np.zeros(0)
    return partial(_logits, model, passes, numbers), lambda answers: np.stack([shown(one) for one in answers])


def shown(logits: np.ndarray) -> np.ndarray:
    """Logits of the first texts (text, label); all of them if there are fewer."""
    return logits[:N_SHOWN]


@torch.no_grad()
def _logits(model: Model, passes: Passes, numbers: list[int]) -> list[np.ndarray]:
    every = []
    for number in numbers:
        ids = passes.tensors[f"{number}.label_ids"]
        of_texts = np.empty(tuple(ids.shape))
        for batch in passes.batches(number):
            logits = model.forward(batch, passes.changes(number, batch.content))[:, -1].float()
            of_texts[batch.rows] = logits.gather(1, ids[batch.rows]).numpy()
        every.append(of_texts)
    return every


@torch.no_grad()
def _read(model: Model, passes: Passes, numbers: list[int]) -> None:
    """Read and encode the hook points of the study."""
    for number in numbers:
        for batch in passes.batches(number):
            for point, x in model.read(batch, passes.points).items():
                encode(passes.case.saes[point], x)


def _screened(model: Model, passes: Passes, numbers: list[int]) -> None:
    """Estimate the effect of every feature: its gradient times its value."""
    for number in numbers:
        ids = passes.tensors[f"{number}.label_ids"]
        for batch in passes.batches(number):

            def measure(logits: Tensor, ids: Tensor = ids[batch.rows]) -> Tensor:
                labels = logits[:, -1].float().gather(1, ids)
                return (labels[:, 0] - labels[:, 1:].logsumexp(1)).sum()

            with torch.enable_grad():
                read = model.slopes(batch, passes.points, measure)
            for point, (x, slope) in read.items():
                sae = passes.case.saes[point]
                with torch.no_grad():
                    (slope @ sae["W_dec"].T).mul_(encode(sae, x)).sum((0, 1))
