"""A causal language model as Hugging Face gives it, and where in it each hook point is.

All knowledge of architectures is in this file. Families that are tested:
GPT-2, GPT-NeoX, Llama, Gemma 2, Gemma 3, Qwen 2, Qwen 3.
"""

import copy
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from emomech.errors import EmomechError, UsageError
from emomech.vocab import HookPoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Side = Literal["input", "output"]

_ADDED_BY: dict[str, tuple[str, ...]] = {
    "attn_out": ("post_attention_layernorm", "self_attn", "attn", "attention"),
    "mlp_out": ("post_feedforward_layernorm", "mlp"),
}
"""Modules whose output the block adds to the stream, the first that a block has. A norm stands here only where it
comes after the branch (Gemma 2 and 3); in other families the norm of that name is the MLP's input."""


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
        known = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        return next(int(token) for token in known if token is not None)


def load_model(
    name: str,
    source: str | Path,
    *,
    revision: str | None = None,
    dtype: str = "float32",
    prepend_bos: bool | None = None,
    device: str = "cpu",
) -> LanguageModel:
    """Load a model from a folder, without the network, or from a repository of the hub.

    `prepend_bos` None: as the tokenizer itself does. Raises UsageError for what is no causal language model, and
    EmomechError, naming the file, for weights that are damaged, missing or do not fit the configuration.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local = Path(source).is_dir()
    if local:
        _check_files(name, Path(source))
    options = {"local_files_only": True} if local else {"revision": revision}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(source), **options)
        with _quiet():
            module, loading = AutoModelForCausalLM.from_pretrained(
                str(source), dtype=getattr(torch, dtype), output_loading_info=True, **options
            )
    except Exception as error:
        raise _explained(name, source, local, error) from error
    wrong = [*loading["missing_keys"], *loading["mismatched_keys"]]
    if wrong:
        raise EmomechError(
            f"model {name!r}: its weights lack or misfit {len(wrong)} tensors, {wrong[0]} among them. "
            "Get the weights that belong to its config.json."
        )
    return wrap(name, module.to(device), tokenizer, prepend_bos)


def wrap(
    name: str, module: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", prepend_bos: bool | None = None
) -> LanguageModel:
    """Take a loaded model. Raises UsageError where a BOS is asked for that the tokenizer does not have."""
    if not tokenizer.is_fast:
        raise UsageError(
            f"model {name!r}: its tokenizer knows no character spans; a fast one (tokenizer.json) is needed."
        )
    bos = tokenizer.bos_token_id
    if prepend_bos is None:
        prepend_bos = bos is not None and tokenizer("a")["input_ids"][:1] == [bos]
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
    after_branch = hasattr(block, "post_feedforward_layernorm")
    candidates = [name for name in _ADDED_BY[point.site] if after_branch or not name.endswith("layernorm")]
    for name in candidates:
        if hasattr(block, name):
            return getattr(block, name), "output"
    raise UsageError(f"{point}: a block of {lm.name} ({type(block).__name__}) has none of {', '.join(candidates)}.")


def _blocks(name: str, module: nn.Module) -> nn.ModuleList:
    """Find the decoder blocks: the only list of modules as long as the text model is deep."""
    depth = module.config.get_text_config().num_hidden_layers  # pyright: ignore[reportAttributeAccessIssue]
    found = [m for _, m in module.named_modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    if not found:
        raise UsageError(f"model {name!r}: {type(module).__name__} has no list of {depth} decoder blocks.")
    return found[0]


def _check_files(name: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise UsageError(f"model {name!r}: {folder} has no config.json; expected a Hugging Face model folder.")
    if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        raise EmomechError(f"model {name!r}: {folder} has no weights; expected model.safetensors.")
    if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise EmomechError(f"model {name!r}: {folder} has no tokenizer; expected tokenizer.json.")


def _explained(name: str, source: str | Path, local: bool, error: Exception) -> EmomechError:
    """Say what went wrong in loading, and the way out."""
    first = str(error).strip().split("\n")[0]
    if type(error).__name__ == "SafetensorError" or "safetensor" in first.lower():
        return EmomechError(f"model {name!r}: model.safetensors in {source} is damaged ({first}). Get the file again.")
    if "Unrecognized configuration class" in first or "does not recognize this architecture" in first:
        return UsageError(f"model {name!r}: is no causal language model that transformers knows ({first}).")
    if local:
        return EmomechError(f"model {name!r}: {source} cannot be loaded: {first}")
    if "gated" in str(error).lower() or "401" in first:
        way_out = f"Accept its licence at https://huggingface.co/{source}, and log in with `hf auth login`."
    else:
        way_out = "Connect to the network once, or give the path of a model folder."
    return EmomechError(f"model {name!r}: {source} cannot be fetched from the hub ({first}). {way_out}")


class _quiet:
    """Keep the loading report of transformers out of the way; what it would report is raised as an error."""

    def __enter__(self) -> None:
        from transformers.utils import logging as messages

        self.before = messages.get_verbosity()
        messages.set_verbosity(logging.ERROR)
        messages.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        from transformers.utils import logging as messages

        messages.set_verbosity(self.before)
