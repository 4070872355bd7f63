"""Load a causal language model from a preset, a folder or the hub; refuse what cannot be studied."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from emomech.core import devices, hub
from emomech.core.errors import EmomechError, UsageError
from emomech.models.files import check_files, n_weights
from emomech.models.language_model import LanguageModel, wrap

if TYPE_CHECKING:
    from transformers import PreTrainedModel


log = logging.getLogger(__name__)


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
