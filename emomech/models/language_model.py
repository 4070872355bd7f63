"""A causal language model as Hugging Face gives it, and where in it each hook point is.

All knowledge of architectures is in this file. Families that are tested:
GPT-2, GPT-NeoX, Llama, Gemma 2, Gemma 3, Qwen 2, Qwen 3.
"""

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from emomech.core.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


LOGITS = 2**28
"""Numbers of a batch's logits: 1 GB in float32."""


@dataclass(frozen=True)
class LanguageModel:
    """A model in evaluation mode without gradients, its tokenizer, and its decoder blocks."""

    name: str
    module: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    prepend_bos: bool
    """Whether a beginning-of-sequence token stands before every text."""
    blocks: nn.ModuleList

    @property
    def n_layers(self) -> int:
        """Number of decoder blocks."""
        return len(self.blocks)

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return int(self.module.config.get_text_config().hidden_size)

    @property
    def context(self) -> int:
        """Most tokens that a text may have."""
        return int(self.module.config.get_text_config().max_position_embeddings)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.module.device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights."""
        return self.module.dtype

    @property
    def pad_id(self) -> int:
        """Token that fills short rows; the attention mask hides it, so any will do."""
        known: tuple[Any, ...] = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        return next(int(token) for token in known if token is not None)

    @property
    def tokens_with_logits(self) -> int:
        """Most tokens of a batch whose logits are all looked at: with a large vocabulary these take most memory."""
        return min(8192, max(1, LOGITS // self.vocab_size))

    @property
    def vocab_size(self) -> int:
        """Number of tokens that the model can read; some tokenizers know more."""
        return int(self.module.config.get_text_config().vocab_size)


def wrap(
    name: str, module: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", prepend_bos: bool | None
) -> LanguageModel:
    """Take a loaded model. Raises UsageError where a BOS is asked for that the tokenizer does not have."""
    if not tokenizer.is_fast:
        raise UsageError(
            f"model {name!r}: its tokenizer knows no character spans; a fast one (tokenizer.json) is needed."
        )
    bos = tokenizer.bos_token_id
    if prepend_bos is None:
        first: Any = tokenizer("a")["input_ids"]
        prepend_bos = bool(bos is not None and first[:1] == [bos])
    if prepend_bos and bos is None:
        raise UsageError(f"model {name!r}: a BOS before every text is asked for, but its tokenizer has none.")
    module.eval().requires_grad_(False)
    return LanguageModel(name, module, tokenizer, prepend_bos, _blocks(name, module))


def randomised(lm: LanguageModel, seed: int) -> LanguageModel:
    """Copy a model with every matrix drawn again from a normal of its own mean and standard deviation.

    Norms and biases are kept, and tied weights stay tied, so that the scale of the residual stream is about that
    of the trained model (Heap et al., 2025, arXiv:2501.17727).
    """
    module = copy.deepcopy(lm.module)
    generator = torch.Generator().manual_seed(seed)
    for weight in module.parameters():
        if weight.ndim >= 2:
            drawn = torch.randn(weight.shape, generator=generator) * weight.float().std().cpu()
            weight.copy_(drawn + weight.float().mean().cpu())
    return replace(lm, name=f"{lm.name} with random weights", module=module, blocks=_blocks(lm.name, module))


def _blocks(name: str, module: "PreTrainedModel") -> nn.ModuleList:
    """Find the decoder blocks: the list of modules as long as the text model is deep, outside any vision tower."""
    depth = module.config.get_text_config().num_hidden_layers
    for part in module.get_decoder().modules():
        if isinstance(part, nn.ModuleList) and len(part) == depth:
            return part
    raise UsageError(f"model {name!r}: {type(module).__name__} has no list of {depth} decoder blocks.")
