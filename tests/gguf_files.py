"""GGUF files of random models of every family, written with the package gguf as llama.cpp's converter writes them."""

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import tiny
import torch
from gguf import GGMLQuantizationType, GGUFWriter

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
"""Sizes of all models but GPT-2; the rows of all matrices fit whole blocks of quantised numbers."""
_GEMMA = SIZES | {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8, "tie_word_embeddings": True}
_GPT2 = {"n_embd": 64, "n_layer": 3, "n_head": 4, "n_positions": 256}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", SIZES | {"head_dim": 16, "tie_word_embeddings": True}),
    "qwen2": ("qwen2", SIZES),
    "qwen3": ("qwen3", SIZES | {"head_dim": 32}),
    "gemma2": ("gemma2", _GEMMA),
    "gemma3": ("gemma3_text", _GEMMA | {"num_hidden_layers": 7}),
    "gpt2": ("gpt2", _GPT2),
}
"""Model type and sizes by architecture."""
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED, _BYTE = 1, 2, 3, 5, 6


@dataclass
class Written:
    """What is in a GGUF file: named values, and tensors; change it before it is written."""

    architecture: str
    module: Any
    """The model that the file holds, with the numbers that its quantisation leaves."""
    values: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, tuple[np.ndarray, GGMLQuantizationType]] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        """Write the file."""
        writer = GGUFWriter(path, self.architecture)
        for key, value in self.values.items():
            add = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
            add.get(type(value), writer.add_array)(key, value)
        for name, (numbers, kind) in self.tensors.items():
            writer.add_tensor(name, numbers, raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path


def content(architecture: str, kind: str = "F32", *, tokenizer: str = "", **sizes: Any) -> Written:
    """Make the content of a file: a random model in one number format, and a tokenizer.

    `tokenizer` is spm, or the name of a pre-tokenizer for byte-level BPE; empty: the one usual for the architecture.
    """
    model_type, usual = FAMILIES[architecture]
    numbers = GGMLQuantizationType[kind]
    module = copy.deepcopy(tiny.random_module(model_type, **(usual | sizes)))
    file = Written(architecture, module)
    config = module.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH(_number_of(architecture)), config.num_hidden_layers)
    for name, weight in module.named_parameters():
        stem, _, end = name.rpartition(".")
        is_matrix = weight.ndim == 2 and "wpe" not in name
        chosen = numbers if is_matrix else GGMLQuantizationType.F32
        array = _as_written(architecture, name, weight.detach().clone().numpy(), config)
        packed = gguf.quantize(array, chosen)
        left = gguf.dequantize(packed, chosen).reshape(array.shape).astype(np.float32)
        back = _as_written(architecture, name, left, config, back=True)
        weight.data = torch.from_numpy(np.ascontiguousarray(back))
        file.tensors[f"{names.get_name(stem)}.{end}"] = (packed, chosen)
    file.values |= _sizes(architecture, config) | _tokens(tokenizer or _usual(architecture), config.vocab_size)
    if architecture.startswith("gemma"):
        file.values["tokenizer.ggml.add_space_prefix"] = False
    return file


def _number_of(architecture: str) -> int:
    return next(number for number, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)


def _usual(architecture: str) -> str:
    return {"llama": "smollm", "gpt2": "gpt-2", "gemma2": "spm", "gemma3": "spm"}.get(architecture, "qwen2")


def _as_written(architecture: str, name: str, array: np.ndarray, config: Any, back: bool = False) -> np.ndarray:
    """Turn the numbers of transformers into those of a file, or back, as convert_hf_to_gguf.py does."""
    if architecture.startswith("gemma") and "norm.weight" in name:
        return array + (-1 if back else 1)
    if architecture == "gpt2" and array.ndim == 2 and ("c_attn" in name or "c_proj" in name or "c_fc" in name):
        return np.ascontiguousarray(array.T)
    if architecture == "llama" and ("q_proj" in name or "k_proj" in name):
        heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
        half = array.shape[0] // heads // 2
        split = (heads, half, 2) if back else (heads, 2, half)
        return np.ascontiguousarray(array.reshape(*split, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape))
    return array


def _sizes(architecture: str, config: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "block_count": config.num_hidden_layers,
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "attention.head_count": config.num_attention_heads,
    }
    if architecture == "gpt2":
        values |= {"feed_forward_length": 4 * config.n_embd, "attention.layer_norm_epsilon": config.layer_norm_epsilon}
    else:
        values |= {
            "feed_forward_length": config.intermediate_size,
            "attention.head_count_kv": config.num_key_value_heads,
            "attention.layer_norm_rms_epsilon": float(config.rms_norm_eps),
            "rope.freq_base": 500_000.0 if architecture == "llama" else 10_000.0,
        }
        positions = config.rope_parameters
        values["rope.freq_base"] = float(positions.get("full_attention", positions)["rope_theta"])
    if architecture in ("qwen3", "gemma2", "gemma3"):
        values |= {"attention.key_length": config.head_dim, "attention.value_length": config.head_dim}
    if architecture == "llama":
        values |= {"rope.dimension_count": config.head_dim, "vocab_size": config.vocab_size}
    if architecture.startswith("gemma"):
        values |= {"attention.sliding_window": config.sliding_window}
    return {"general.type": "model", **{f"{architecture}.{key}": value for key, value in values.items()}}


def _tokens(pre: str, n: int) -> dict[str, Any]:
    """Entries of a tokenizer with n tokens, the last of which are padding, as the converter writes them."""
    is_spm = pre == "spm"
    source = tiny.sentencepiece() if is_spm else tiny.byte_level()
    state = json.loads(source.backend_tokenizer.to_str())
    vocab: dict[str, int] = state["model"]["vocab"]
    tokens = sorted(vocab, key=vocab.__getitem__)
    special = {token["content"] for token in state["added_tokens"] if token["special"]}
    kinds = [_UNKNOWN if t == "<unk>" else _CONTROL if t in special else _NORMAL for t in tokens]
    kinds = [_BYTE if is_spm and t.startswith("<0x") else kind for t, kind in zip(tokens, kinds)]
    values: dict[str, Any] = {
        "model": "llama" if is_spm else "gpt2",
        "pre": "default" if is_spm else pre,
        "tokens": [*tokens, *(f"[PAD{i}]" for i in range(len(tokens), n))],
        "token_type": [*kinds, *[_UNUSED] * (n - len(tokens))],
        "bos_token_id": vocab["<bos>"],
        "eos_token_id": vocab["<pad>"],
        "padding_token_id": vocab["<pad>"],
        "add_bos_token": is_spm,
    }
    if is_spm:
        ranks = {"".join(pair): -float(rank) for rank, pair in enumerate(state["model"]["merges"])}
        lowest = -float(len(ranks) + 1)
        values |= {"scores": [ranks.get(token, lowest) for token in values["tokens"]], "add_space_prefix": True}
        values |= {"unknown_token_id": vocab["<unk>"]}
    else:
        values["merges"] = [" ".join(pair) for pair in state["model"]["merges"]]
    return {f"tokenizer.ggml.{key}": value for key, value in values.items()}
