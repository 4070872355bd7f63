"""A causal language model of transformers with its tokenizer and its decoder blocks.

`emomech.models.loading` loads one from files; `emomech.models.architectures` knows where its hook points are.
"""

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from emomech.core.errors import UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


MAX_BATCH_LOGITS = 2**28
"""Most logits of one batch, token times vocabulary entry; 1 GB in float32."""


@dataclass(frozen=True)
class LanguageModel:
    """A model in evaluation mode without gradients, its tokenizer, and its decoder blocks.

    Made by `load_model` from files, or by `wrap` from a module in memory.

    Example:
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> lm = Study(StudySpec(limit=8)).lm
        >>> lm.n_layers == len(lm.blocks), lm.device.type
        (True, 'cpu')
    """

    name: str
    module: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    prepend_bos: bool
    """Whether every text starts with a beginning-of-sequence token."""
    blocks: nn.ModuleList
    """Decoder blocks of the text model, from the first to the last."""

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
        """Maximum number of tokens of a text."""
        return int(self.module.config.get_text_config().max_position_embeddings)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.module.device

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights."""
        return self.module.dtype

    @property
    def pad_id(self) -> int:
        """Number of the token that fills short rows. The attention mask hides it, so any token can be used."""
        candidates: tuple[Any, ...] = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        return next(int(token) for token in candidates if token is not None)

    @property
    def tokens_with_logits(self) -> int:
        """Maximum number of tokens of a batch whose logits are all kept; logits can need more memory than the model."""
        return min(8192, max(1, MAX_BATCH_LOGITS // self.vocab_size))

    @property
    def vocab_size(self) -> int:
        """Number of tokens that the model has embeddings for; some tokenizers have more tokens."""
        return int(self.module.config.get_text_config().vocab_size)


def wrap(
    name: str, module: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", prepend_bos: bool | None
) -> LanguageModel:
    """Make a LanguageModel of a module in memory; it is put into evaluation mode, and its gradients are switched off.

    `prepend_bos` None: what the tokenizer does by itself. Raises UsageError for a slow tokenizer, for a BOS that the
    tokenizer does not have, and for a module without a list of decoder blocks.
    """
    if not tokenizer.is_fast:
        raise UsageError(
            f"model {name!r}: its tokenizer gives no character spans; a fast one (tokenizer.json) is needed."
        )
    bos = tokenizer.bos_token_id
    if prepend_bos is None:
        ids: Any = tokenizer("a")["input_ids"]
        prepend_bos = bool(bos is not None and ids[:1] == [bos])
    if prepend_bos and bos is None:
        raise UsageError(
            f"model {name!r}: prepend_bos is set, but its tokenizer has no BOS token. Set prepend_bos to false."
        )
    module.eval().requires_grad_(False)
    return LanguageModel(name, module, tokenizer, prepend_bos, _blocks(name, module))


def randomised(lm: LanguageModel, seed: int) -> LanguageModel:
    """Copy a model, with every matrix redrawn from a normal distribution of its mean and standard deviation.

    Norms and biases are kept and tied weights stay tied, so the residual stream has about the scale of the trained
    model (Heap et al., 2025, arXiv:2501.17727).
    """
    module = copy.deepcopy(lm.module)
    generator = torch.Generator().manual_seed(seed)
    for weight in module.parameters():
        if weight.ndim >= 2:
            drawn = torch.randn(weight.shape, generator=generator) * weight.float().std().cpu()
            weight.copy_(drawn + weight.float().mean().cpu())
    return replace(lm, name=f"{lm.name} with random weights", module=module, blocks=_blocks(lm.name, module))


def _blocks(name: str, module: "PreTrainedModel") -> nn.ModuleList:
    """Find the decoder blocks: the list of modules as long as the text model is deep, outside any vision tower.

    Raises UsageError if there is no such list.
    """
    depth = module.config.get_text_config().num_hidden_layers
    for part in module.get_decoder().modules():
        if isinstance(part, nn.ModuleList) and len(part) == depth:
            return part
    raise UsageError(f"model {name!r}: {type(module).__name__} has no list of {depth} decoder blocks.")
