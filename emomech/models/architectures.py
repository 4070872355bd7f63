"""Where a transformers model keeps each hook point, and how its last layers turn activations into logits."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel

Side = Literal["input", "output"]
_PLAIN = {"attn_out": "self_attn", "mlp_out": "mlp"}
_NORMED = {"attn_out": "post_attention_layernorm", "mlp_out": "post_feedforward_layernorm"}
_ADDED_BY = {
    "gpt2": {"attn_out": "attn", "mlp_out": "mlp"},
    "gpt_neox": {"attn_out": "attention", "mlp_out": "mlp"},
    **dict.fromkeys(("llama", "qwen2", "qwen3"), _PLAIN),
    **dict.fromkeys(("gemma2", "gemma3_text"), _NORMED),
}
"""Modules of a block whose output it adds to the stream, by type of model. Gemma normalises after each branch, so the
norm's output is what is added; in Llama and Qwen the norm of the same name is the input of the MLP. In GPT-NeoX both
branches read the block's input. Told by name and not by attributes: a family that scales its branches would look alike.
"""
_FINAL_NORM = dict.fromkeys(_ADDED_BY, "norm") | {"gpt2": "ln_f", "gpt_neox": "final_layer_norm"}
"""Module beside the blocks that normalises what the last of them leaves, by type of model."""


@dataclass(frozen=True)
class Ending:
    """What makes logits of the stream that the last block leaves."""

    norm: nn.Module
    weight: torch.Tensor
    """Of the unembedding (token, d_model)."""
    bias: torch.Tensor | None
    cap: float | None
    """Logits are squeezed into ±cap (Gemma 2)."""

    def logits(self, x: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Logits (batch, …, token) of some tokens (batch, token) alone, from the stream (batch, …, d_model)."""
        found = torch.einsum("b...d,btd->b...t", self.norm(x), self.weight[tokens])
        if self.bias is not None:
            found = found + self.bias[tokens].view(len(x), *[1] * (x.ndim - 2), -1)
        return (found if self.cap is None else self.cap * torch.tanh(found / self.cap)).float()


def ending(lm: LanguageModel) -> Ending | None:
    """Find the final norm and the unembedding; None in a family of which they are not known."""
    config = lm.module.config.get_text_config()
    if config.model_type not in _FINAL_NORM:
        return None
    stack = next(part for part in lm.module.modules() if any(child is lm.blocks for child in part.children()))
    norm = stack.get_submodule(_FINAL_NORM[config.model_type])
    head: Any = lm.module.get_output_embeddings()
    return Ending(norm, head.weight, head.bias, getattr(config, "final_logit_softcapping", None))


def module_at(lm: LanguageModel, point: HookPoint) -> tuple[nn.Module, Side]:
    """Find the module whose input or output is the activation at a hook point.

    Raises UsageError for a block or a site that the model does not have.
    """
    if not 0 <= point.layer < lm.n_layers:
        raise UsageError(f"{point}: the model has blocks 0..{lm.n_layers - 1}.")
    block = lm.blocks[point.layer]
    if point.site in ("resid_pre", "resid_post"):
        return block, "input" if point.site == "resid_pre" else "output"
    family = lm.module.config.get_text_config().model_type
    if family not in _ADDED_BY:
        raise UsageError(
            f"{point}: what a block of {family!r} models adds is not known, only for {', '.join(_ADDED_BY)}. "
            "Take a resid_pre or a resid_post point."
        )
    return block.get_submodule(_ADDED_BY[family][point.site]), "output"
