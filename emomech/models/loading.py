"""Load a causal language model from a folder or the hub, and refuse files that are damaged or of another kind."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from emomech.core import devices, hub
from emomech.core.errors import EmomechError, UsageError
from emomech.core.settings import LEADING, Settings
from emomech.models.files import check_files, n_weights
from emomech.models.gguf.conversion import converted
from emomech.models.gguf.header import is_gguf
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.reading_check import check_reading
from emomech.models.sinks import MULTIPLE, Sinks, find_sinks

if TYPE_CHECKING:
    from transformers import PreTrainedModel


log = logging.getLogger(__name__)
_OF_A_BLOCK = re.compile(r"\.\d+\.(?!.*(?:inv_freq|rotary_emb|masked_bias|attn\.bias|attention\.bias)$)")
"""Tensors of a block, apart from masks and frequencies, which some files hold and every model computes anew."""


def load_model(
    name: str,
    source: str | Path,
    *,
    revision: str | None = None,
    dtype: str = "float32",
    prepend_bos: bool | None = None,
    leading: str = "",
    device: str | None = None,
) -> LanguageModel:
    """Load a model from a folder, without the network, or from a repository of the hub, which is downloaded once.

    Args:
        name: Name of the model in messages and results.
        source: Folder with `config.json`, weights and tokenizer, GGUF file, or the name of a repository on the hub.
        revision: Branch, tag or commit of the repository; None for `main`.
        dtype: Number format of the computation, whatever the files hold. In bfloat16 a change of less than 0.4 % of an
            activation is lost, so the default is float32, and other formats log a warning.
        prepend_bos: Whether every text starts with a BOS token; None: what the tokenizer does by itself.
        leading: A token of the vocabulary that starts every text in place of a BOS; empty: none.
        device: `cpu`, `cuda` or `auto`; None: that of `EMOMECH_DEVICE`. A model too large for one GPU is spread over
            all GPUs.

    Raises UsageError for a folder that does not exist, for a model that is not a causal language model, and for one
    that reads texts otherwise in a batch than alone (see `reading_check`). Raises EmomechError, naming the file, for
    weights that are damaged, missing or do not fit the configuration, and for a repository that cannot be downloaded.

    Example:
        >>> from emomech.core.paths import PACKAGE
        >>> from emomech.models.loading import load_model
        >>> lm = load_model("organism", PACKAGE / "organism" / "weights" / "default" / "model")
        >>> lm.n_layers, lm.d_model
        (8, 128)
    """
    chosen = devices.chosen(device or Settings.from_environment().device)
    folder = _folder(name, source, revision)
    check_files(name, folder)
    placement = devices.placement(name, n_weights(folder) * devices.WIDTH[dtype]) if chosen == "cuda" else {}
    try:
        module, loading, tokenizer = _read(folder, dtype, placement)
    except Exception as error:
        raise _explained(name, source, error) from error
    _check_weights(name, loading)
    if not placement:
        module = module.to(chosen)
    if not _is_causal(name, module):
        raise UsageError(f"model {name!r}: {type(module).__name__} reads later tokens; expected a causal model.")
    if dtype != "float32":
        log.warning("model %r: computes in %s; effects below 0.4 %% of an activation are lost in it", name, dtype)
    lm = wrap(name, module, tokenizer, prepend_bos, leading)
    check_reading(lm)
    return replace(lm, sinks=_sinks(lm))


def _sinks(lm: LanguageModel) -> Sinks | None:
    """Find massive activations at tokens of the texts; say so, and name the way out."""
    sinks = find_sinks(lm)
    if sinks and not lm.prefix:
        log.warning(
            "model %r: has no BOS, and its activations at some tokens are more than %g times as long as at others; "
            "these tokens are left out. A leading token can take their place: %s=TOKEN.",
            *(lm.name, MULTIPLE, LEADING),
        )
    return sinks


def _read(folder: Path, dtype: str, placement: dict[str, Any]) -> tuple[Any, dict[str, Any], Any]:
    """Read the model, what transformers reports about its weights, and the tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"output_loading_info": True, "ignore_mismatched_sizes": True, **placement}
    files = {"local_files_only": True, "trust_remote_code": False}
    with _quiet():
        loaded: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **options, **files)
        module, loading = loaded
        return module, loading, AutoTokenizer.from_pretrained(folder, **files)


def _check_weights(name: str, loading: dict[str, Any]) -> None:
    """Raise EmomechError for tensors that would be random: transformers initialises tensors missing from the files."""
    misfits = [key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]]
    random = sorted({*loading["missing_keys"], *misfits})
    if random:
        raise EmomechError(
            f"model {name!r}: {random[0]} is missing from its weights or has another shape there "
            f"({len(random)} such tensors). Get the weights that belong to its config.json."
        )
    unused = sorted(loading["unexpected_keys"])
    if of_blocks := [key for key in unused if _OF_A_BLOCK.search(key)]:
        raise EmomechError(
            f"model {name!r}: its weights hold {of_blocks[0]}, for which its config.json has no place "
            f"({len(of_blocks)} such tensors of blocks). Get the config.json that belongs to the weights."
        )
    if unused:
        log.warning("model %r: %d tensors of its weights are not used, %s among them", name, len(unused), unused[0])


@torch.inference_mode()
def _is_causal(name: str, module: "PreTrainedModel") -> bool:
    """Check that a token does not change the logits before it; masked language models load without an error too.

    Raises EmomechError for logits that are not finite.
    """
    ids = torch.tensor([[0, 0, 0], [0, 0, 1]], device=module.device)
    logits = module.eval()(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[:, :2].float()
    if not logits.isfinite().all():
        raise EmomechError(f"model {name!r}: its logits are not finite, so its weights are damaged. Get them again.")
    return bool((logits[0] - logits[1]).abs().max() <= 1e-3 * logits.std())


def _folder(name: str, source: str | Path, revision: str | None) -> Path:
    """Return the folder of a model's files; a GGUF file is converted, and a repository downloaded, on first use."""
    if is_gguf(source):
        return converted(name, Path(source))
    if Path(source).is_dir():
        return Path(source)
    if isinstance(source, Path) or str(source).startswith(("/", ".", "~")):
        raise UsageError(f"model {name!r}: there is no folder {source}.")
    try:
        return hub.fetch(source, revision or "main")
    except EmomechError as error:
        raise type(error)(f"model {name!r}: {error}") from error


def _explained(name: str, source: str | Path, error: Exception) -> EmomechError:
    """Make an error that says what went wrong in loading, and the way out."""
    lines = [line.strip() for line in str(error).strip().split("\n")]
    first = " ".join(lines[: 2 if lines[0].endswith(":") else 1]).rstrip(".")
    if "Unrecognized configuration class" in first or "does not recognize this architecture" in first:
        return UsageError(f"model {name!r}: is no causal language model that transformers knows ({first}).")
    return EmomechError(f"model {name!r}: {source} cannot be loaded: {first}. If a file is damaged, get it again.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the loading report of transformers; everything it would report is raised as an error."""
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
