"""What every contender is handed: the same weights, SAEs and texts, in a folder.

Contenders read it in environments of their own, so this file needs torch, transformers, safetensors and NumPy alone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

TENSORS, FACTS = "case.safetensors", "case.json"


@dataclass(frozen=True, eq=False)
class Batch:
    """Some texts side by side, padded on the left."""

    input_ids: Tensor
    attention_mask: Tensor
    position_ids: Tensor
    content: Tensor
    """Where an edit of every token applies (batch, pos)."""
    rows: list[int]
    """Which text each row is."""

    def kwargs(self) -> dict[str, Tensor]:
        """Arguments of a model of transformers."""
        return {n: getattr(self, n) for n in ("input_ids", "attention_mask", "position_ids")}


@dataclass(frozen=True, eq=False)
class Case:
    """A case as it was written."""

    folder: Path
    facts: Mapping[str, Any] = field(repr=False)
    tensors: Mapping[str, Tensor] = field(repr=False)

    @property
    def points(self) -> list[str]:
        """Hook points that have an SAE, by TransformerLens's names."""
        return list(self.facts["saes"])

    @cached_property
    def module(self) -> Any:
        """The model, as transformers has it."""
        from transformers.initialization import no_init_weights  # some versions have it elsewhere

        with no_init_weights():
            module: Any = GPT2LMHeadModel(GPT2Config(**self.facts["config"], architectures=["GPT2LMHeadModel"]))
        state = {name.removeprefix("model."): x for name, x in self.tensors.items() if name.startswith("model.")}
        module.load_state_dict(state, strict=False, assign=True)
        module.tie_weights()
        return module.eval().requires_grad_(False)

    @cached_property
    def saes(self) -> dict[str, dict[str, Any]]:
        """Weights and k (None where it is a JumpReLU) of each SAE; hook points may share them."""
        return {point: self._sae(one) for point, one in self.facts["saes"].items()}

    def _sae(self, one: Mapping[str, Any]) -> dict[str, Any]:
        prefix = f"sae{one['number']}."
        weights = {name.removeprefix(prefix): x for name, x in self.tensors.items() if name.startswith(prefix)}
        return {**weights, "k": one["k"]}

    @cached_property
    def batches(self) -> list[Batch]:
        """All texts."""
        names = ("input_ids", "attention_mask", "position_ids", "content")
        return [
            Batch(**{name: self.tensors[f"batch{i}.{name}"] for name in names}, rows=rows)
            for i, rows in enumerate(self.facts["rows"])
        ]

    @property
    def label_ids(self) -> Tensor:
        """Token of each label (text, label)."""
        return torch.tensor(self.facts["label_ids"])

    @property
    def gold(self) -> Tensor:
        """Number of each text's label (text)."""
        return torch.tensor(self.facts["gold"])

    def labels(self, logits: Tensor, rows: list[int]) -> Tensor:
        """Logits of the labels (batch, label) at the last token, of logits (batch, pos, token)."""
        return logits[:, -1].float().gather(1, self.label_ids[rows])

    def by_text(self, found: list[list[Tensor]]) -> np.ndarray:
        """Put logits of one edit after another, batch by batch, into the order of the texts (edit, text, label)."""
        whole = np.empty((len(found), *self.label_ids.shape))
        for i, parts in enumerate(found):
            for batch, part in zip(self.batches, parts, strict=True):
                whole[i, batch.rows] = part.detach().numpy()
        return whole


@cache
def read(folder: Path) -> Case:
    """Read what `write` wrote, once."""
    return Case(folder, json.loads((folder / FACTS).read_text()), load_file(folder / TENSORS))


def encode(sae: Mapping[str, Any], x: Tensor) -> Tensor:
    """Features, dense, as the SAE's definition has them."""
    before = (x - sae["b_dec"]) @ sae["W_enc"] + sae["b_enc"]
    if sae["k"]:
        value, index = before.topk(sae["k"], dim=-1)
        return torch.zeros_like(before).scatter(-1, index, value.relu())
    return before * (before > sae["threshold"])


def decode(sae: Mapping[str, Any], features: Tensor) -> Tensor:
    """Activations that features stand for."""
    return features @ sae["W_dec"] + sae["b_dec"]


def words(n: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer of n words, for models that have none."""
    known = {"<bos>": 0} | {f"w{i}": i for i in range(1, n)}
    tokenizer = Tokenizer(WordLevel(known, unk_token="w1"))
    marks = {"bos_token": "<bos>", "eos_token": "<bos>", "pad_token": "<bos>", "unk_token": "w1"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks)


def write(folder: Path, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Path:
    """Write a case."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: x.contiguous() for name, x in tensors.items()}, folder / TENSORS)
    (folder / FACTS).write_text(json.dumps(facts))
    return folder
