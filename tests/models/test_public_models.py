"""The sizes in the presets of public models, which plans use, are those of the architecture."""

import re
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from emomech.presets import lookup
from emomech.presets.kinds import ModelPreset

PUBLIC: dict[str, ModelPreset] = {
    name: one for name, one in lookup.table("models").items() if isinstance(one, ModelPreset) and one.repository
}
_EYES = {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16}
_EYES |= {"image_size": 896, "patch_size": 14, "vision_use_head": False}


def sizes(d: int, depth: int, heads: int, groups: int, inner: int, vocabulary: int, head: int) -> dict[str, Any]:
    counts = {"num_hidden_layers": depth, "num_attention_heads": heads, "num_key_value_heads": groups}
    return counts | {"hidden_size": d, "intermediate_size": inner, "vocab_size": vocabulary, "head_dim": head}


TIED, LOOSE = {"tie_word_embeddings": True}, {"tie_word_embeddings": False}
GEMMA_2_2B = ("gemma2", sizes(2304, 26, 8, 4, 9216, 256000, 256))
GEMMA_2_9B = ("gemma2", sizes(3584, 42, 16, 8, 14336, 256000, 256))
GEMMA_3_270M = ("gemma3_text", sizes(640, 18, 4, 1, 2048, 262144, 256))
GEMMA_3_1B = ("gemma3_text", sizes(1152, 26, 4, 1, 6912, 262144, 256))
GEMMA_3_4B = ("gemma3", {"text_config": sizes(2560, 34, 8, 4, 10240, 262208, 256), "vision_config": _EYES})
LLAMA_8B = ("llama", LOOSE | sizes(4096, 32, 32, 8, 14336, 128256, 128))
ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2-small": ("gpt2", {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}),
    "pythia-70m-deduped": ("gpt_neox", LOOSE | sizes(512, 6, 8, 8, 2048, 50304, 64)),
    "gemma-2-2b": GEMMA_2_2B,
    "gemma-2-2b-it": GEMMA_2_2B,
    "gemma-2-9b": GEMMA_2_9B,
    "gemma-2-9b-it": GEMMA_2_9B,
    "gemma-3-270m": GEMMA_3_270M,
    "gemma-3-270m-it": GEMMA_3_270M,
    "gemma-3-1b": GEMMA_3_1B,
    "gemma-3-1b-it": GEMMA_3_1B,
    "gemma-3-4b": GEMMA_3_4B,
    "gemma-3-4b-it": GEMMA_3_4B,
    "llama-3.1-8b": LLAMA_8B,
    "llama-3.1-8b-instruct": LLAMA_8B,
    "qwen3-1.7b-base": ("qwen3", TIED | sizes(2048, 28, 16, 8, 6144, 151936, 128)),
    "qwen3-8b-base": ("qwen3", LOOSE | sizes(4096, 36, 32, 8, 12288, 151936, 128)),
}


def test_every_public_model_is_checked_here() -> None:
    assert set(PUBLIC) == set(ARCHITECTURES)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_sizes_are_those_of_the_architecture(name: str) -> None:
    model_type, changes = ARCHITECTURES[name]
    config = AutoConfig.for_model(model_type, **changes)
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(config)
    module.tie_weights()
    text, preset = config.get_text_config(), PUBLIC[name]
    assert preset.parameters == sum(weight.numel() for weight in module.parameters())
    assert (preset.layers, preset.d_model) == (text.num_hidden_layers, text.hidden_size)
    assert preset.vocabulary == text.vocab_size


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_model_is_pinned_and_says_what_it_needs(name: str) -> None:
    preset = PUBLIC[name]
    assert re.fullmatch("[0-9a-f]{40}", preset.revision)
    assert preset.prepend_bos is not None and preset.sae and preset.context >= 1024
    assert ("gated" in preset.summary) == preset.repository.startswith(("google/", "meta-llama/"))
    assert preset.chat == name.endswith(("-it", "-instruct"))


def test_a_bos_stands_where_the_model_was_trained_with_one() -> None:
    """Gemma and Llama 3 need a BOS; Qwen has none, and Pythia's tokenizer adds none."""
    without = {name for name, preset in PUBLIC.items() if not preset.prepend_bos}
    assert without == {"pythia-70m-deduped", "qwen3-1.7b-base", "qwen3-8b-base"}
