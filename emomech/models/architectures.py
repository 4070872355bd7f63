"""Architectures of transformers models: the module of each hook point, and the layers after the last block.

Known families: GPT-2, GPT-NeoX, Llama, Gemma 2, Gemma 3, Qwen 2, Qwen 3. In other families only the residual stream
between blocks (`resid_pre`, `resid_post`) can be read and edited.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel

HookSide = Literal["input", "output"]
_PLAIN = {"attn_out": "self_attn", "mlp_out": "mlp"}
_NORMED = {"attn_out": "post_attention_layernorm", "mlp_out": "post_feedforward_layernorm"}
_ADDED_BY = {
    "gpt2": {"attn_out": "attn", "mlp_out": "mlp"},
    "gpt_neox": {"attn_out": "attention", "mlp_out": "mlp"},
    **dict.fromkeys(("llama", "qwen2", "qwen3"), _PLAIN),
    **dict.fromkeys(("gemma2", "gemma3_text"), _NORMED),
}
"""Modules of a block whose output it adds to the residual stream, by model type.

Gemma normalises after each branch, so it adds the output of the norm; in Llama and Qwen the norm of the same name is
the input of the MLP. In GPT-NeoX both branches read the block's input. Families are listed by name, because
attributes do not tell them apart: a family that scales its branches would look the same.
"""
_FINAL_NORM = dict.fromkeys(_ADDED_BY, "norm") | {"gpt2": "ln_f", "gpt_neox": "final_layer_norm"}
"""Name of the norm after the last block, by model type."""


@dataclass(frozen=True)
class OutputHead:
    """The layers that turn the residual stream after the last block into logits."""

    norm: nn.Module
    weight: torch.Tensor
    """Unembedding (token, d_model)."""
    bias: torch.Tensor | None
    cap: float | None
    """Logits are squeezed into ±cap (Gemma 2); None for no cap."""

    def logits(self, x: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Compute the logits of some tokens (batch, token) from the residual stream (batch, …, d_model).

        Returns float32 logits (batch, …, token).
        """
        logits = torch.einsum("b...d,btd->b...t", self.norm(x), self.weight[tokens])
        if self.bias is not None:
            logits = logits + self.bias[tokens].view(len(x), *[1] * (x.ndim - 2), -1)
        return self._capped(logits)

    def all_logits(self, x: torch.Tensor) -> torch.Tensor:
        """Compute float32 logits of the whole vocabulary (…, token) from the residual stream (…, d_model)."""
        return self._capped(torch.nn.functional.linear(self.norm(x), self.weight, self.bias))

    def _capped(self, logits: torch.Tensor) -> torch.Tensor:
        return (logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)).float()


def module_at(lm: LanguageModel, point: HookPoint) -> tuple[nn.Module, HookSide]:
    """Return the module whose input or output is the activation at a hook point, and which of the two it is.

    Raises UsageError for a block that the model does not have, and for `attn_out` and `mlp_out` in an unknown family.
    """
    if not 0 <= point.layer < lm.n_layers:
        raise UsageError(f"{point}: the model has blocks 0..{lm.n_layers - 1}.")
    block = lm.blocks[point.layer]
    if point.site in ("resid_pre", "resid_post"):
        return block, "input" if point.site == "resid_pre" else "output"
    family = lm.module.config.get_text_config().model_type
    if family not in _ADDED_BY:
        raise UsageError(
            f"{point}: {point.site} is not supported for models of type {family!r}, only for {', '.join(_ADDED_BY)}. "
            "Take a resid_pre or a resid_post point."
        )
    return block.get_submodule(_ADDED_BY[family][point.site]), "output"


def output_head(lm: LanguageModel) -> OutputHead | None:
    """Return the final norm and the unembedding; None for an unknown family."""
    config = lm.module.config.get_text_config()
    if config.model_type not in _FINAL_NORM:
        return None
    stack = next(part for part in lm.module.modules() if any(child is lm.blocks for child in part.children()))
    norm = stack.get_submodule(_FINAL_NORM[config.model_type])
    unembedding: Any = lm.module.get_output_embeddings()
    return OutputHead(norm, unembedding.weight, unembedding.bias, getattr(config, "final_logit_softcapping", None))
