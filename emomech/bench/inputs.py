"""The inputs of every implementation: the same weights, SAEs and texts, in a folder that is called a case.

Peers read it in their own environments, so this file needs only torch, transformers, safetensors and NumPy.
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
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

TENSORS, FACTS = "case.safetensors", "case.json"
_FAMILIES: dict[str, tuple[Any, Any]] = {
    "gpt2": (GPT2Config, GPT2LMHeadModel),
    "llama": (LlamaConfig, LlamaForCausalLM),
}


@dataclass(frozen=True, eq=False)
class Batch:
    """Texts side by side, padded on the left; tensors are (batch, pos)."""

    input_ids: Tensor
    attention_mask: Tensor
    position_ids: Tensor
    content: Tensor
    """True at tokens to which an edit of every token applies."""
    rows: list[int]
    """Number of the text of each row."""

    def kwargs(self) -> dict[str, Tensor]:
        """Arguments of the forward pass of a transformers model."""
        return {name: getattr(self, name) for name in ("input_ids", "attention_mask", "position_ids")}


@dataclass(frozen=True, eq=False)
class Case:
    """A case in memory: settings and numbers from JSON, and tensors by name."""

    folder: Path
    facts: Mapping[str, Any] = field(repr=False)
    tensors: Mapping[str, Tensor] = field(repr=False)

    @property
    def points(self) -> list[str]:
        """Hook points that have an SAE, by the names of TransformerLens."""
        return list(self.facts["saes"])

    @cached_property
    def module(self) -> Any:
        """The transformers model."""
        from transformers.initialization import no_init_weights  # other versions have it elsewhere

        config, model = _FAMILIES[self.facts["config"]["model_type"]]
        with no_init_weights():
            module: Any = model(config(**self.facts["config"], architectures=[model.__name__]))
        state = {name.removeprefix("model."): x for name, x in self.tensors.items() if name.startswith("model.")}
        module.load_state_dict(state, strict=False, assign=True)
        module.tie_weights()
        return module.eval().requires_grad_(False)

    @cached_property
    def saes(self) -> dict[str, dict[str, Any]]:
        """Weights of each SAE, and k (None for a JumpReLU); hook points may share an SAE."""
        return {point: self._sae(entry) for point, entry in self.facts["saes"].items()}

    def _sae(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        prefix = f"sae{entry['number']}."
        weights = {name.removeprefix(prefix): x for name, x in self.tensors.items() if name.startswith(prefix)}
        return {**weights, "k": entry["k"]}

    @cached_property
    def batches(self) -> list[Batch]:
        """All texts, in batches."""
        names = ("input_ids", "attention_mask", "position_ids", "content")
        return [
            Batch(**{name: self.tensors[f"batch{i}.{name}"] for name in names}, rows=rows)
            for i, rows in enumerate(self.facts["rows"])
        ]

    @property
    def label_ids(self) -> Tensor:
        """First token of each label (text, label)."""
        return torch.tensor(self.facts["label_ids"])

    @property
    def gold(self) -> Tensor:
        """Number of the right label (text)."""
        return torch.tensor(self.facts["gold"])

    def labels(self, logits: Tensor, rows: list[int]) -> Tensor:
        """Pick the logits of the labels at the last token (batch, label) from all logits (batch, pos, token)."""
        return logits[:, -1].float().gather(1, self.label_ids[rows])

    def by_text(self, logits: list[list[Tensor]]) -> np.ndarray:
        """Put the logits of each edit and batch into the order of the texts (edit, text, label)."""
        ordered = np.empty((len(logits), *self.label_ids.shape))
        for edit, of_batches in enumerate(logits):
            for batch, of_batch in zip(self.batches, of_batches, strict=True):
                ordered[edit, batch.rows] = of_batch.detach().numpy()
        return ordered


@cache
def read(folder: Path) -> Case:
    """Read a case that `write` wrote; once per process."""
    return Case(folder, json.loads((folder / FACTS).read_text()), load_file(folder / TENSORS))


def encode(sae: Mapping[str, Any], x: Tensor) -> Tensor:
    """Compute the features (…, d_sae), dense, by the definition of the SAE."""
    before = (x - sae["b_dec"]) @ sae["W_enc"] + sae["b_enc"]
    if sae["k"]:
        value, index = before.topk(sae["k"], dim=-1)
        return torch.zeros_like(before).scatter(-1, index, value.relu())
    return before * (before > sae["threshold"])


def decode(sae: Mapping[str, Any], features: Tensor) -> Tensor:
    """Reconstruct the activations (…, d_in) from features."""
    return features @ sae["W_dec"] + sae["b_dec"]


def words(n: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer of n words, for models without a tokenizer."""
    vocabulary = {"<bos>": 0, "<unk>": 1} | {f"w{i}": i for i in range(2, n)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()  # pyright: ignore[reportAttributeAccessIssue]
    special = {"bos_token": "<bos>", "eos_token": "<bos>", "pad_token": "<bos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def model_tensors(module: Any) -> dict[str, Tensor]:
    """Weights of a transformers model, by name in a case; a tied unembedding is left out."""
    state = module.state_dict()
    if module.config.tie_word_embeddings:
        del state["lm_head.weight"]
    return {f"model.{name}": x for name, x in state.items()}


def model_config(module: Any) -> dict[str, Any]:
    """Settings of a transformers model, as a case holds them."""
    return {name: value for name, value in module.config.to_dict().items() if name not in ("architectures", "dtype")}


def write(folder: Path, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Path:
    """Write a case, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: x.contiguous() for name, x in tensors.items()}, folder / TENSORS)
    (folder / FACTS).write_text(json.dumps(facts))
    return folder
