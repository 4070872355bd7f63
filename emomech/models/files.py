"""Check the files of a model, and count its weights, before it is loaded."""

import json
import re
from collections.abc import Iterator
from math import prod
from pathlib import Path

from emomech.core.errors import EmomechError, UsageError
from emomech.models.gguf.header import check_gguf, is_gguf, read_header


def check_files(name: str, folder: Path) -> None:
    """Check that a folder has configuration, weights and tokenizer, and that they can be read.

    In place of a folder, a GGUF file may be given. Raises UsageError that names what is missing, EmomechError that
    names a damaged file.
    """
    from safetensors import SafetensorError, safe_open

    if is_gguf(folder):
        check_gguf(name, folder)
        return
    if not (folder / "config.json").is_file():
        raise UsageError(f"model {name!r}: {folder} has no config.json; expected a Hugging Face model folder.")
    if (folder / "adapter_config.json").exists():
        raise UsageError(
            f"model {name!r}: {folder} holds an adapter (adapter_config.json), which would be ignored. Merge it into "
            "the weights, such as with merge_and_unload of peft, and save the whole model."
        )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights and not any(folder.glob("*.bin")):
        raise UsageError(f"model {name!r}: {folder} has no weights; expected model.safetensors.")
    if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise UsageError(f"model {name!r}: {folder} has no tokenizer; expected tokenizer.json.")
    jsons = (folder / file for file in ("config.json", "tokenizer.json", "tokenizer_config.json"))
    for file in (*weights, *filter(Path.is_file, jsons)):
        try:
            if file.suffix == ".json":
                json.loads(file.read_bytes())
            else:
                with safe_open(file, "np"):
                    pass
        except (SafetensorError, ValueError) as error:
            raise EmomechError(f"model {name!r}: {file} is damaged ({error}). {_way_out(file)}") from error


def n_weights(folder: Path) -> int:
    """Count the weights in a folder's safetensors files from their headers; tied weights are stored once."""
    return sum(prod(shape) for _, shape in _shapes(folder))


def n_block_weights(folder: Path) -> int:
    """Count the weights of all blocks in a folder's safetensors files that a token is multiplied with: the matrices."""
    return sum(prod(shape) for name, shape in _shapes(folder) if len(shape) > 1 and re.search(r"\.\d+\.", name))


def _shapes(folder: Path) -> Iterator[tuple[str, list[int]]]:
    """Read name and shape of every weight from the headers of a folder's safetensors files, or of a GGUF file."""
    from safetensors import safe_open

    if is_gguf(folder):
        yield from ((tensor.name, list(tensor.shape)) for tensor in read_header(folder.name, folder).tensors)
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "np") as weights:
            yield from ((name, weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118


def _way_out(file: Path) -> str:
    """Say how to get a file again; the hub downloads it only after its link and its blob in the cache are deleted."""
    if file.is_symlink() and file.resolve().parent.name == "blobs":
        return f"Delete {file} and {file.resolve()}, and run again to download it anew."
    return "Get the file again."
