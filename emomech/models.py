"""A causal language model as Hugging Face gives it, and where in it each hook point is.

All knowledge of architectures is in this file. Families that are tested:
GPT-2, GPT-NeoX, Llama, Gemma 2, Gemma 3, Qwen 2, Qwen 3.
"""

import copy
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from emomech import devices, hub
from emomech.errors import EmomechError, UsageError
from emomech.model_files import check_files, n_weights
from emomech.vocab import HookPoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

log = logging.getLogger(__name__)

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


def load_model(
    name: str,
    source: str | Path,
    *,
    revision: str | None = None,
    dtype: str = "float32",
    prepend_bos: bool | None = None,
    device: str | None = None,
) -> LanguageModel:
    """Load a model from a folder, without the network, or from a repository of the hub, which is fetched once.

    `dtype` is what is computed in, whatever the files hold: in bfloat16 a change of less than 0.4 % of an activation is
    lost, so that edits are traced in float32 unless that is too large, and a warning says where it is not.
    `prepend_bos` None: as the tokenizer itself does. `device` None: as `devices.chosen` finds; a model that is too
    large for one GPU is spread over all. Raises UsageError for what is no causal language model, and EmomechError,
    naming the file, for weights that are damaged, missing or do not fit the configuration, and for what cannot be
    fetched.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where = devices.chosen(device)
    folder = _folder(name, source, revision)
    check_files(name, folder)
    spread = devices.placement(name, n_weights(folder) * devices.WIDTH[dtype]) if where == "cuda" else {}
    try:
        with _quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                local_files_only=True,
                **spread,
            )
            module, loading = loaded
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise _explained(name, source, error) from error
    _check_weights(name, loading)
    if not spread:
        module = module.to(where)
    if not _is_causal(module):
        raise UsageError(f"model {name!r}: {type(module).__name__} reads what comes later; expected a causal model.")
    if dtype != "float32":
        log.warning("model %r: computes in %s; effects below 0.4 %% of an activation are lost in it", name, dtype)
    return wrap(name, module, tokenizer, prepend_bos)


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


def _blocks(name: str, module: "PreTrainedModel") -> nn.ModuleList:
    """Find the decoder blocks: the list of modules as long as the text model is deep, outside any vision tower."""
    depth = module.config.get_text_config().num_hidden_layers
    for part in module.get_decoder().modules():
        if isinstance(part, nn.ModuleList) and len(part) == depth:
            return part
    raise UsageError(f"model {name!r}: {type(module).__name__} has no list of {depth} decoder blocks.")


def _check_weights(name: str, loading: dict[str, Any]) -> None:
    """Raise EmomechError for tensors that would be random: transformers draws what it does not find."""
    misfits = [key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]]
    wrong = sorted({*loading["missing_keys"], *misfits})
    if wrong:
        raise EmomechError(
            f"model {name!r}: {wrong[0]} is missing from its weights or has another shape there "
            f"({len(wrong)} such tensors). Get the weights that belong to its config.json."
        )
    if unused := sorted(loading["unexpected_keys"]):
        log.warning("model %r: %d tensors of its weights are not used, %s among them", name, len(unused), unused[0])


@torch.inference_mode()
def _is_causal(module: "PreTrainedModel") -> bool:
    """Say whether a token leaves what comes before it alone; masked language models load without a word too."""
    ids = torch.tensor([[0, 0, 0], [0, 0, 1]], device=module.device)
    logits = module.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[:, :2].float()
    return bool((logits[0] - logits[1]).abs().max() <= 1e-3 * logits.std())


def _folder(name: str, source: str | Path, revision: str | None) -> Path:
    """Find a model's files, in its folder or on the hub."""
    if Path(source).is_dir():
        return Path(source)
    if isinstance(source, Path) or str(source).startswith(("/", ".", "~")):
        raise UsageError(f"model {name!r}: there is no folder {source}.")
    try:
        return hub.fetch(source, revision or "main")
    except EmomechError as error:
        raise type(error)(f"model {name!r}: {error}") from error


def _explained(name: str, source: str | Path, error: Exception) -> EmomechError:
    """Say what went wrong in loading, and the way out."""
    first = str(error).strip().split("\n")[0].rstrip(".")
    if "Unrecognized configuration class" in first or "does not recognize this architecture" in first:
        return UsageError(f"model {name!r}: is no causal language model that transformers knows ({first}).")
    return EmomechError(f"model {name!r}: {source} cannot be loaded: {first}. Get its files again.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the loading report of transformers out of the way; what it would report is raised as an error."""
    from transformers.utils import logging as messages

    verbosity, bars = messages.get_verbosity(), messages.is_progress_bar_enabled()
    messages.set_verbosity_error()
    messages.disable_progress_bar()
    try:
        yield
    finally:
        messages.set_verbosity(verbosity)
        if bars:
            messages.enable_progress_bar()
