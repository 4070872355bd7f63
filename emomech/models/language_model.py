"""A causal language model of transformers with its tokenizer and its decoder blocks.

`emomech.models.loading` loads one from files; `emomech.models.architectures` knows where its hook points are.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import nn

from emomech.core.devices import MAX_BATCH_LOGITS
from emomech.core.errors import UsageError
from emomech.models.tokenizers import prefix_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


CONTEXT_FIELDS = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "n_ctx")
"""Names under which configurations give the context length, in order."""
NO_LIMIT = 2**16
"""Context of a model whose files give none; longer texts are refused rather than left to run out of memory."""
_SIZES = ("num_hidden_layers", "hidden_size", "vocab_size")
"""Fields that every configuration has to give."""


class Marking(Protocol):
    """Marks tokens of texts as massive: `models.sinks.Sinks`, which a model gets when it is loaded."""

    def mark(self, texts: Sequence[Any]) -> list[Any]:
        """Return the tokenized texts with their massive tokens marked."""
        ...


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
    prefix: tuple[int, ...]
    """Special tokens that every text starts with, such as a BOS; empty for a model that takes none."""
    blocks: nn.ModuleList
    """Decoder blocks of the text model, from the first to the last."""
    sinks: "Marking | None" = None
    """Massive activations at tokens of the texts themselves; None if the model has none (see `models.sinks`)."""

    @property
    def prepend_bos(self) -> bool:
        """Whether every text starts with the BOS token of the tokenizer."""
        return self.tokenizer.bos_token_id in self.prefix

    @property
    def n_layers(self) -> int:
        """Number of decoder blocks."""
        return len(self.blocks)

    @property
    def d_model(self) -> int:
        """Width of the residual stream."""
        return int(self.module.config.get_text_config().hidden_size)

    @cached_property
    def context(self) -> int:
        """Maximum number of tokens of a text: that of the configuration, else of the tokenizer, else `NO_LIMIT`.

        Families without a table of positions, such as BLOOM, have none in their configuration.
        """
        config = self.module.config.get_text_config()
        limits = [getattr(config, name, None) for name in CONTEXT_FIELDS]
        given = [limit for limit in limits if isinstance(limit, int) and limit > 0]
        return given[0] if given else max(1, min(NO_LIMIT, int(self.tokenizer.model_max_length)))

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
        """Number of the token that fills short rows. The attention mask hides it, so any embedded token can be used."""
        candidates: tuple[Any, ...] = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        return next(int(token) for token in candidates if token is not None and 0 <= token < self.vocab_size)

    @property
    def tokens_with_logits(self) -> int:
        """Maximum number of tokens of a batch whose logits are all kept; logits can need more memory than the model."""
        return min(8192, max(1, MAX_BATCH_LOGITS // self.vocab_size))

    @cached_property
    def vocab_size(self) -> int:
        """Number of tokens that the model has embeddings for; some tokenizers have more tokens."""
        return int(self.module.config.get_text_config().vocab_size)

    @property
    def unmarked(self) -> "LanguageModel":
        """The same model, whose massive activations count as content."""
        return replace(self, sinks=None)

    def around(self, module: "PreTrainedModel", name: str = "") -> "LanguageModel":
        """Give the same model with another module of the same kind, such as an edited copy of its own."""
        return replace(self, name=name or self.name, module=module, blocks=_blocks(self.name, module))


def wrap(
    name: str,
    module: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerFast",
    prepend_bos: bool | None,
    leading: str = "",
) -> LanguageModel:
    """Make a LanguageModel of a module in memory; it is put into evaluation mode, and its gradients are switched off.

    `prepend_bos` None: texts start as the tokenizer itself lets them start; `leading`: a token that starts them in
    place of a BOS, see `tokenizers.prefix_of`. Raises UsageError for a slow tokenizer, for a BOS or a leading token
    that the tokenizer does not have, for a tokenizer that ends every text, and for a module without a list of
    decoder blocks.
    """
    if not tokenizer.is_fast:
        raise UsageError(
            f"model {name!r}: its tokenizer gives no character spans; a fast one (tokenizer.json) is needed."
        )
    longest: object = tokenizer.model_max_length
    if not isinstance(longest, int | float):
        raise UsageError(f"model {name!r}: model_max_length of its tokenizer is {longest!r}, expected a number.")
    module.eval().requires_grad_(False)
    return LanguageModel(
        name, module, tokenizer, prefix_of(name, tokenizer, prepend_bos, leading), _blocks(name, module)
    )


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
    return lm.around(module, f"{lm.name} with random weights").unmarked


def _blocks(name: str, module: "PreTrainedModel") -> nn.ModuleList:
    """Find the decoder blocks: the list of modules as long as the text model is deep, outside any vision tower.

    Raises UsageError if there is no such list, and for a configuration that does not give the sizes of the model.
    """
    config = module.config.get_text_config()
    for size in _SIZES:
        value = getattr(config, size, None)
        if not isinstance(value, int) or value < 1:
            kind = type(config).__name__
            raise UsageError(f"model {name!r}: its {kind} gives {value} as {size}, expected a whole number above 0.")
    depth = config.num_hidden_layers
    for part in module.get_decoder().modules():
        if isinstance(part, nn.ModuleList) and len(part) == depth:
            return part
    raise UsageError(f"model {name!r}: {type(module).__name__} has no list of {depth} decoder blocks.")
