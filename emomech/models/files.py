"""The files of a model: whether they are there and can be read, and how many weights they hold, told before loading."""

import json
from math import prod
from pathlib import Path

from emomech.core.errors import EmomechError, UsageError


def check_files(name: str, folder: Path) -> None:
    """Raise EmomechError, naming the file, for what a folder lacks or what of it cannot be opened."""
    from safetensors import SafetensorError, safe_open

    if not (folder / "config.json").is_file():
        raise UsageError(f"model {name!r}: {folder} has no config.json; expected a Hugging Face model folder.")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights and not any(folder.glob("*.bin")):
        raise EmomechError(f"model {name!r}: {folder} has no weights; expected model.safetensors.")
    if not any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        raise EmomechError(f"model {name!r}: {folder} has no tokenizer; expected tokenizer.json.")
    texts = (folder / file for file in ("config.json", "tokenizer.json", "tokenizer_config.json"))
    for file in (*weights, *filter(Path.is_file, texts)):
        try:
            if file.suffix == ".json":
                json.loads(file.read_bytes())
            else:
                with safe_open(file, "pt"):
                    pass
        except (SafetensorError, ValueError) as error:
            raise EmomechError(f"model {name!r}: {file} is damaged ({error}). {_again(file)}") from error


def n_weights(folder: Path) -> int:
    """Count the numbers in a folder's safetensors files, from their headers; tied weights stand there once."""
    from safetensors import safe_open

    total = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            total += sum(prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total


def _again(file: Path) -> str:
    """How to get a file again: what the hub's cache has is deleted first, as it is not fetched anew otherwise."""
    if file.is_symlink() and file.resolve().parent.name == "blobs":
        return f"Delete {file} and {file.resolve()}, and run again to fetch it anew."
    return "Get the file again."
