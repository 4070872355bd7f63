"""What a GGUF file says about itself, and which files are refused before anything is loaded.

A file holds named values (architecture, sizes, tokenizer), names and shapes of its tensors, and then their numbers. See
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emomech.core.errors import EmomechError, UsageError

if TYPE_CHECKING:
    from emomech.models.gguf.reader import BoundedReader

SUFFIX = ".gguf"
FAMILIES = ("llama", "qwen2", "qwen3", "gemma2", "gemma3", "gpt2")
"""Architectures that are converted: those that transformers reads, and whose hook points are known here."""
TOKENIZERS = {"gpt2": "merges", "llama": "scores"}
"""Kinds of tokenizers, and the list that each needs beside its tokens: byte-level BPE, and SentencePiece."""
_OTHER_TYPES = {
    "adapter": "holds an adapter (LoRA), which changes another model",
    "mmproj": "holds a projector of images (mmproj), which belongs to another model",
    "imatrix": "holds an importance matrix for quantisation",
    "vocab": "holds a vocabulary",
}
_WAY_OUT = "Give the file of the language model itself."
_OTHER_QUANTISATION = "Get a file in another quantisation, such as Q8_0 or Q4_K_M."
_UNKNOWN_NUMBERS = re.compile(r"(\d+)\)? is not a valid GGMLQuantizationType")
_ROPE_FACTORS = "rope_freqs.weight"


@dataclass(frozen=True)
class Tensor:
    """Name, shape and storage of a tensor."""

    name: str
    shape: tuple[int, ...]
    """Sizes in the order of torch, such as (out, in)."""
    kind: str
    """Number format or quantisation, such as F32 or Q4_K."""
    n_bytes: int


@dataclass(frozen=True)
class Header:
    """Everything in a GGUF file but the numbers of its tensors."""

    path: Path
    values: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    rope_factors: tuple[float, ...] = ()
    """Divisors of the frequencies of position, where the file has them (Llama 3.1 and later)."""
    big_endian: bool = False

    @property
    def architecture(self) -> str:
        """Name of the architecture, such as llama; empty if the file has none."""
        return str(self.values.get("general.architecture") or "")

    def of_model(self, key: str, default: Any = None) -> Any:
        """Value of a key of the architecture, such as `block_count`."""
        return self.values.get(f"{self.architecture}.{key}", default)

    def of_tokenizer(self, key: str, default: Any = None) -> Any:
        """Value of a key of the tokenizer, such as `bos_token_id`."""
        return self.values.get(f"tokenizer.ggml.{key}", default)

    @property
    def quantisations(self) -> dict[str, int]:
        """Number of weights in each number format, the most frequent first."""
        counts: dict[str, int] = {}
        for tensor in self.tensors:
            counts[tensor.kind] = counts.get(tensor.kind, 0) + prod(tensor.shape)
        return dict(sorted(counts.items(), key=lambda item: -item[1]))

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor; empty if the file does not have it."""
        return next((tensor.shape for tensor in self.tensors if tensor.name == name), ())


def is_gguf(path: str | Path) -> bool:
    """Whether a path is that of a GGUF file, by its ending; a folder is none."""
    return Path(path).suffix.lower() == SUFFIX and not Path(path).is_dir()


def check_gguf(name: str, path: Path) -> Header:
    """Read the header of a GGUF file, and check that its model can be used.

    Raises UsageError for a file of another kind, for one part of a split file, and for an architecture, quantisation or
    tokenizer that is not supported. Raises EmomechError for a file that is damaged or cut short.

    Example:
        >>> from pathlib import Path
        >>> from emomech.models.gguf.header import check_gguf
        >>> check_gguf("mine", Path("no/such/file.gguf"))
        Traceback (most recent call last):
        emomech.core.errors.UsageError: model 'mine': there is no file no/such/file.gguf.
    """
    header = read_header(name, path)
    for fault in (_other_kind(header), _other_architecture(header), _other_numbers(header), _other_tokenizer(header)):
        if fault:
            raise UsageError(f"model {name!r}: {path} {fault}")
    return header


def read_header(name: str, path: Path) -> Header:
    """Read the header of a GGUF file. Raises UsageError for another kind of file, EmomechError for a damaged one."""
    if not path.is_file():
        raise UsageError(f"model {name!r}: there is no file {path}.")
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"GGUF":
        found = "is empty" if not start else f"starts with {start!r}"
        raise UsageError(f"model {name!r}: {path} is no GGUF file: it {found}, expected b'GGUF'. {_WAY_OUT}")
    state = path.stat()
    try:
        return _read(path, state.st_mtime_ns, state.st_size)
    except EOFError as error:
        raise EmomechError(f"model {name!r}: {path} is cut short ({error}). Get the file again.") from error
    except Exception as error:  # the library raises whatever the damaged bytes lead to
        reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
        if found := _UNKNOWN_NUMBERS.search(reason):
            raise UsageError(
                f"model {name!r}: {path} has weights in a quantisation with the number {found[1]}, which the package "
                f"gguf does not know. {_OTHER_QUANTISATION}"
            ) from error
        raise EmomechError(f"model {name!r}: {path} is damaged ({reason}). Get the file again.") from error


@lru_cache(maxsize=2)
def _read(path: Path, changed: int, size: int) -> Header:
    """Read the header of a file that was last changed at this time and has this size, which identify its content."""
    from emomech.models.gguf.reader import BoundedReader

    reader = BoundedReader(path)
    tensors = tuple(
        Tensor(tensor.name, tuple(map(int, reversed(tensor.shape))), tensor.tensor_type.name, int(tensor.n_bytes))
        for tensor in reader.tensors
    )
    values = {key: reader.value(key) for key in reader.fields}
    return Header(path, values, tensors, _rope_factors(reader), reader.byte_order == "S")


def _rope_factors(reader: "BoundedReader") -> tuple[float, ...]:
    return next((tuple(tensor.data.tolist()) for tensor in reader.tensors if tensor.name == _ROPE_FACTORS), ())


def _other_kind(header: Header) -> str:
    """Say what a file holds that is no whole language model; empty if it is one."""
    of_file = str(header.values.get("general.type") or "model")
    if header.architecture == "clip":
        of_file = "mmproj"
    if of_file != "model":
        found = _OTHER_TYPES.get(of_file, f"holds something of type {of_file!r}, expected a model")
        return f"{found}. {_WAY_OUT}"
    parts = int(header.values.get("split.count") or 0)
    if parts > 1 or re.search(r"-\d{5}-of-(?!00001)\d{5}$", header.path.stem):
        return (
            "is one part of a model that is split into several files. Join them with "
            "`llama-gguf-split --merge FIRST_PART WHOLE.gguf`, and give the whole file."
        )
    if header.big_endian:
        return "is in big-endian byte order. Get the little-endian file, which is the usual one."
    if not header.tensors:
        return f"holds no weights. {_WAY_OUT}"
    if header.of_model("pooling_type") or header.of_model("attention.causal") is False:
        return "holds a model that makes embeddings of texts, and predicts no next token. Give a causal language model."
    return ""


def _other_architecture(header: Header) -> str:
    if header.architecture not in FAMILIES:
        return (
            f"is of the architecture {header.architecture!r}; GGUF files of {', '.join(FAMILIES)} can be read. "
            "Give the model's Hugging Face folder instead."
        )
    if header.of_model("expert_count"):
        return "holds a mixture of experts, which is not supported in GGUF files. Give its Hugging Face folder."
    sizes = ("block_count", "embedding_length", "attention.head_count", "context_length")
    if missing := [f"{header.architecture}.{key}" for key in sizes if not header.of_model(key)]:
        return f"does not say {', '.join(missing)}. Get a file that was made with a newer llama.cpp."
    if (scaling := header.of_model("rope.scaling.type", "none")) not in ("none", "linear", ""):
        return (
            f"scales positions by {scaling!r}; only linear scaling and that of Llama 3 are supported in GGUF files. "
            "Give the model's Hugging Face folder."
        )
    return ""


def _other_numbers(header: Header) -> str:
    """Name a quantisation that cannot be undone."""
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

    for kind in header.quantisations:
        known = GGMLQuantizationType[kind]
        try:
            dequantize(np.zeros(GGML_QUANT_SIZES[known][1], np.uint8), known)
        except NotImplementedError:
            return (
                f"has weights in {kind}, which cannot be turned back. Get a file in another quantisation: Q8_0, Q4_K."
            )
    return ""


def _other_tokenizer(header: Header) -> str:
    """Say why no tokenizer can be made of a file; empty if one can."""
    kind, tokens = header.of_tokenizer("model"), header.of_tokenizer("tokens")
    if kind not in TOKENIZERS:
        return (
            f"has a tokenizer of the kind {kind!r}; supported are gpt2 (byte-level BPE) and llama (SentencePiece). "
            "Give the model's Hugging Face folder."
        )
    needed = ("tokens", TOKENIZERS[kind], "token_type")
    if missing := [f"tokenizer.ggml.{key}" for key in needed if not header.of_tokenizer(key)]:
        return f"has no {', '.join(missing)}, so its tokenizer cannot be made. Get a complete file."
    rows = header.shape("token_embd.weight")[:1]
    if rows and rows[0] < len(tokens):
        return f"has {len(tokens)} tokens, but embeddings of {rows[0]}. Get the file again."
    return ""
