"""The configuration of a model in a GGUF file, as transformers writes it into `config.json`.

transformers has tables of most keys. What they leave out is set here, as llama.cpp reads it: the width of a head,
scaled positions (linear, and that of Llama 3), which layers of Gemma see a window, biases, and the scale of Gemma's
queries.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emomech.core.errors import UsageError
from emomech.models.gguf.header import Header

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_MODEL_TYPES = {"gemma3": "gemma3_text"}
"""Model types of transformers that are named otherwise than the architecture."""
_LARGEST_GEMMA = {"gemma2": 46, "gemma3": 62}
"""Blocks of Gemma's largest model (27 B), whose queries are scaled by the width of the model over its heads."""
_WINDOWED = {"gemma2": 2, "gemma3": 6}
"""Every second, or every sixth, block of Gemma sees all tokens; the others see a window."""
_LLAMA3 = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}


def config_of(name: str, header: Header) -> "PreTrainedConfig":
    """Make the configuration of a file. Raises UsageError for positions that are scaled in an unknown way."""
    from transformers import AutoConfig
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING

    mapping: Mapping[str, str | None] = GGUF_CONFIG_MAPPING[header.architecture]
    stated = {key: header.of_model(key) for key in mapping}
    values = {ours: stated[key] for key, ours in mapping.items() if ours and stated[key] is not None}
    roles = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
    values |= {key: header.of_tokenizer(f"{role}_token_id") for key, role in roles.items()}
    values |= {
        "vocab_size": header.shape("token_embd.weight")[0],
        "tie_word_embeddings": not header.shape("output.weight"),
    }
    if header.architecture == "gpt2":
        values |= {"n_positions": header.of_model("context_length"), "n_inner": header.of_model("feed_forward_length")}
    else:
        values.pop("rope_theta", None)
        values |= _of_attention(name, header)
    return AutoConfig.for_model(_MODEL_TYPES.get(header.architecture, header.architecture), **values)


def _of_attention(name: str, header: Header) -> dict[str, Any]:
    """Widths, biases and positions of the families with rotary positions."""
    heads, width = int(header.of_model("attention.head_count")), int(header.of_model("embedding_length"))
    rows, *_ = header.shape("blk.0.attn_q.weight") or (width,)
    head = int(header.of_model("attention.key_length") or rows // heads)
    if (rotated := int(header.of_model("rope.dimension_count") or head)) != head:
        raise UsageError(
            f"model {name!r}: {header.path} rotates {rotated} of the {head} dimensions of a head, which is not "
            "supported in GGUF files. Give the model's Hugging Face folder."
        )
    positions = _positions(name, header, head)
    values: dict[str, Any] = {
        "head_dim": head,
        "num_key_value_heads": header.of_model("attention.head_count_kv") or heads,
        "rope_parameters": positions,
    }
    if header.architecture == "llama":
        values |= {"attention_bias": bool(header.shape("blk.0.attn_q.bias"))}
        values |= {"mlp_bias": bool(header.shape("blk.0.ffn_up.bias"))}
    if header.architecture in _WINDOWED:
        values |= _of_gemma(header, head, heads, width)
    return values


def _of_gemma(header: Header, head: int, heads: int, width: int) -> dict[str, Any]:
    blocks = int(header.of_model("block_count"))
    is_largest = blocks == _LARGEST_GEMMA[header.architecture]
    values: dict[str, Any] = {"query_pre_attn_scalar": width // heads if is_largest else head}
    pattern = header.of_model("attention.sliding_window_pattern") or _WINDOWED[header.architecture]
    windowed = pattern if isinstance(pattern, list) else [(i + 1) % int(pattern) != 0 for i in range(blocks)]
    values["layer_types"] = ["sliding_attention" if window else "full_attention" for window in windowed]
    for key in ("attn_logit_softcapping", "final_logit_softcapping"):
        if (cap := header.of_model(key)) is not None:
            values[key] = cap
    return values


def _positions(name: str, header: Header, head: int) -> dict[str, Any]:
    """Parameters of rotary positions. Gemma 3 has its own for the layers that see a window, which are not scaled."""
    theta = float(header.of_model("rope.freq_base") or 10_000.0)
    plain: dict[str, Any] = {"rope_type": "default", "rope_theta": theta}
    scaled = plain
    factor = header.of_model("rope.scaling.factor") if header.of_model("rope.scaling.type") == "linear" else None
    factor = factor or header.of_model("rope.scale_linear")
    if factor and factor != 1:
        scaled = plain | {"rope_type": "linear", "factor": float(factor)}
    if header.rope_factors:
        scaled = plain | {"rope_type": "llama3", **_llama3(name, header, theta, head)}
    if header.architecture != "gemma3":
        return scaled
    local = float(header.of_model("rope.freq_base_swa") or 10_000.0)
    return {"full_attention": scaled, "sliding_attention": {"rope_type": "default", "rope_theta": local}}


def _llama3(name: str, header: Header, theta: float, head: int) -> dict[str, float]:
    """Parameters that give the divisors of the frequencies in a file; the file has the divisors alone."""
    factor = max(header.rope_factors)
    low, high, original = _LLAMA3.values()
    expected = []
    for i in range(0, head, 2):
        wavelength = 2 * math.pi * theta ** (i / head)
        smooth = min(1.0, max(0.0, (original / wavelength - low) / (high - low)))
        expected.append(1 / ((1 - smooth) / factor + smooth))
    pairs = list(zip(expected, header.rope_factors))
    if len(expected) != len(header.rope_factors) or any(abs(a - b) > 1e-3 * b for a, b in pairs):
        raise UsageError(
            f"model {name!r}: {header.path} scales positions in an unknown way (rope_freqs.weight); that of Llama 3 is "
            "supported in GGUF files. Give the model's Hugging Face folder."
        )
    return {"factor": factor, **_LLAMA3}
