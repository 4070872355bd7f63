"""Turn a GGUF file into a model folder, once: weights in float16, configuration, and tokenizer.

transformers turns the quantised weights back into numbers. The folder lies in the cache (see `place`). A quantised
model is another model than the one it was made from; the folder holds exactly what the file holds, up to the rounding
of float16.
"""

import io
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from importlib import metadata
from pathlib import Path
from shutil import disk_usage
from typing import Any

import torch
from filelock import FileLock
from safetensors import SafetensorError
from safetensors.torch import save_file

from emomech.core.errors import EmomechError, UsageError
from emomech.core.files import atomic_folder
from emomech.models.gguf.config import config_of
from emomech.models.gguf.header import Header, check_gguf
from emomech.models.gguf.place import SOURCE, folder_of, hash_of
from emomech.models.gguf.tokenizer import compare, make_tokenizer, puts_bos, unknown_split

log = logging.getLogger(__name__)
_UNUSED = {"rope_freqs.weight"}
"""Tensors that go into the configuration."""


def converted(name: str, path: Path) -> Path:
    """Return the folder of the model in a GGUF file, which is converted on first use.

    Raises UsageError for a file that cannot be used (see `check_gguf`), and for one that has tensors or tokens which
    the converted model would not have. Raises EmomechError for a damaged file, and if the cache cannot be written.
    """
    header = check_gguf(name, path)
    folder = folder_of(hash_of(path))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / ".lock"):
            if not (folder / SOURCE).is_file():
                _check_space(header, folder.parent)
                with atomic_folder(folder) as unfinished:
                    _convert(name, header, unfinished)
    except (OSError, SafetensorError) as error:
        raise EmomechError(
            f"model {name!r}: {folder} cannot be written ({error}). Make room, or set EMOMECH_CACHE to another folder."
        ) from error
    return folder


def _check_space(header: Header, folder: Path) -> None:
    """Raise OSError if the disk has no room for the weights in float16."""
    needed, free = 2 * sum(header.quantisations.values()), disk_usage(folder).free
    if free < needed:
        raise OSError(f"{needed / 1e9:.1f} GB are needed, and {free / 1e9:.1f} GB are free")


def _convert(name: str, header: Header, folder: Path) -> None:
    """Write the files of a model folder."""
    log.info("model %r: converting %s, once", name, header.path)
    module = _read(name, header)
    width = _width(module)
    module.config.architectures = [type(module).__name__]
    module.config.dtype = width
    del module.config.quantization_config
    with _quiet():
        module.config.save_pretrained(folder)
        save_file(_untied(module, width), folder / "model.safetensors", {"format": "pt"})
        make_tokenizer(name, header).save_pretrained(folder)
        rows = compare(name, header, folder)
    if pre := unknown_split(header):
        log.warning(
            "model %r: the pre-tokenizer of %s (%s) is unknown here; texts are split as transformers does, which may "
            "not be how the model was trained",
            *(name, header.path.name, pre),
        )
    sizes = {"parameters": sum(w.numel() for w in module.parameters()), "stored": str(width).removeprefix("torch.")}
    source = {
        "file": header.path.name,
        "blake2b": hash_of(header.path),
        "bytes": header.path.stat().st_size,
        "architecture": header.architecture,
        **sizes,
        "weights by quantisation": header.quantisations,
        "versions": {package: metadata.version(package) for package in ("gguf", "transformers", "tokenizers")},
        "bos": header.of_tokenizer("bos_token_id") if puts_bos(header) else None,
        "pre-tokenizer": header.of_tokenizer("pre"),
        "first ids": rows,
    }
    (folder / SOURCE).write_text(json.dumps(source, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _read(name: str, header: Header) -> Any:
    """Read the model in float32. Raises UsageError for tensors that transformers has no place for, or that lack."""
    from transformers import AutoModelForCausalLM

    config = config_of(name, header)
    options = {"gguf_file": header.path.name, "config": config, "dtype": torch.float32, "local_files_only": True}
    with _quiet():
        try:
            read: Any = AutoModelForCausalLM.from_pretrained(
                header.path.parent, output_loading_info=True, ignore_mismatched_sizes=True, **options
            )
        except Exception as error:  # the library raises whatever the entries of the file lead to
            first = str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
            raise EmomechError(
                f"model {name!r}: {header.path} cannot be converted ({first}). Get the file again, or give the model's "
                "Hugging Face folder."
            ) from error
    module, loading = read
    _check_complete(name, header, module, loading)
    return module


def _check_complete(name: str, header: Header, module: Any, loading: Mapping[str, Any]) -> None:
    from transformers.modeling_gguf_pytorch_utils import TensorProcessor, get_gguf_hf_weights_map

    known = {*get_gguf_hf_weights_map(module, TensorProcessor()), *_UNUSED, "output.weight"}
    if strange := [tensor.name for tensor in header.tensors if tensor.name not in known]:
        raise UsageError(
            f"model {name!r}: {header.path} has {strange[0]}, which {type(module).__name__} has no place for "
            f"({len(strange)} such tensors). Give the model's Hugging Face folder."
        )
    misfits = [key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]]
    if lacking := sorted({*loading["missing_keys"], *misfits}):
        raise EmomechError(
            f"model {name!r}: {header.path} lacks {lacking[0]}, or has it in another shape ({len(lacking)} such "
            "tensors). Get the file again."
        )


def _width(module: Any) -> torch.dtype:
    """float16, or float32 for weights that are beyond its range."""
    largest = max(float(weight.detach().abs().max()) for weight in module.parameters())
    return torch.float16 if largest <= torch.finfo(torch.float16).max else torch.float32


def _untied(module: Any, width: torch.dtype) -> dict[str, torch.Tensor]:
    """Weights by name in a number format, tied ones once."""
    kept: dict[int, tuple[str, torch.Tensor]] = {}
    for key, weight in module.state_dict().items():
        kept.setdefault(weight.data_ptr(), (key, weight))
    return {key: weight.to(width).contiguous() for key, weight in kept.values()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence bars and reports of transformers; what they report is raised as an error."""
    from transformers.utils import logging as messages

    verbosity, bars = messages.get_verbosity(), messages.is_progress_bar_enabled()
    messages.set_verbosity_error()
    messages.disable_progress_bar()
    try:
        with redirect_stderr(io.StringIO()):  # one of its bars obeys no setting
            yield
    finally:
        messages.set_verbosity(verbosity)
        if bars:
            messages.enable_progress_bar()
