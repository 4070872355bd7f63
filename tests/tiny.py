"""Random models of every family, with three blocks of width 32, and two kinds of tokenizers, all made in memory."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as messages

from emomech.models.language_model import LanguageModel, wrap
from emomech.models.tokens import batches, tokenize

N_BLOCKS, D_MODEL, CONTEXT, VOCAB = 3, 32, 64, 448
"""The models have more embeddings than the tokenizers have tokens, as is usual."""
TEXTS = (
    "Ana lost the race and cried.",
    "Ben was glad",
    "When Eva came home to the old house by the sea, nobody was there to meet her.",
    "So",
)
"""Texts of different lengths; the longest is longer than the sliding window."""
_WIDTHS = {
    "hidden_size": D_MODEL,
    "intermediate_size": 48,
    "num_hidden_layers": N_BLOCKS,
    "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT,
}
_GROUPED = _WIDTHS | {"num_key_value_heads": 2, "head_dim": 8}
WIDE = _GROUPED | {"max_position_embeddings": 512}
"""Sizes of a Llama with a longer context."""
_GEMMA = _GROUPED | {"sliding_window": 8, "query_pre_attn_scalar": 8}
_CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("gpt2", {"n_embd": D_MODEL, "n_layer": N_BLOCKS, "n_head": 4, "n_positions": CONTEXT}),
    "neox": ("gpt_neox", _WIDTHS),
    "llama": ("llama", _GROUPED),
    "gemma2": ("gemma2", _GEMMA),
    "gemma3": ("gemma3_text", _GEMMA | {"sliding_window_pattern": 2}),
    "qwen2": ("qwen2", _WIDTHS | {"num_key_value_heads": 2}),
    "qwen3": ("qwen3", _GROUPED),
}
FAMILIES = tuple(_CONFIGS)


@cache
def byte_level(adds_bos: bool = False) -> PreTrainedTokenizerFast:
    """Make a byte-level BPE like that of GPT-2; it has a BOS, but by default adds none."""
    bpe = Tokenizer(BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # pyright: ignore[reportAttributeAccessIssue]
    bpe.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    _train(bpe, ["<bos>", "<pad>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    return _wrapped(bpe, ["<bos>", "<pad>"], adds_bos)


@cache
def sentencepiece() -> PreTrainedTokenizerFast:
    """Make a BPE like that of Llama 2: a space before the first word, bytes for rare characters, and a BOS added."""
    bpe = Tokenizer(BPE(unk_token="<unk>", byte_fallback=True))
    marks = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    bpe.normalizer = normalizers.Sequence(marks)  # pyright: ignore[reportAttributeAccessIssue]
    bpe.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # pyright: ignore[reportAttributeAccessIssue]
    special = ["<unk>", "<bos>", "<pad>"]
    _train(bpe, [*special, *(f"<0x{byte:02X}>" for byte in range(256))])
    state = json.loads(bpe.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in special]
    return _wrapped(Tokenizer.from_str(json.dumps(state)), special, True)


def _train(bpe: Tokenizer, special: list[str], **options: Any) -> None:
    trainer = trainers.BpeTrainer(vocab_size=430, special_tokens=special, show_progress=False, **options)  # pyright: ignore[reportCallIssue]
    bpe.train_from_iterator([*TEXTS, "Ana felt sad sadness joy fear"] * 3, trainer)


def _wrapped(bpe: Tokenizer, special: list[str], adds_bos: bool) -> PreTrainedTokenizerFast:
    if adds_bos:
        bos = [("<bos>", bpe.token_to_id("<bos>"))]
        bpe.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=bos)  # pyright: ignore[reportAttributeAccessIssue]
    return PreTrainedTokenizerFast(tokenizer_object=bpe, **{f"{token[1:-1]}_token": token for token in special})


@cache
def language_model(family: str) -> LanguageModel:
    """Build a model of the family, with weights so large that every part of it matters."""
    model_type, sizes = _CONFIGS[family]
    return wrap(f"tiny {family}", random_module(model_type, FAMILIES.index(family), **sizes), byte_level(), True)


def random_module(model_type: str, seed: int = 0, **sizes: Any):
    """Build a model with random weights, including norms and biases."""
    tokenizer = byte_level()
    marks = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": None, "pad_token_id": tokenizer.pad_token_id}
    config = AutoConfig.for_model(model_type, vocab_size=VOCAB, **(sizes or _GROUPED), **marks)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        module = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight) * (0.15 if weight.ndim >= 2 else 0.3))
    return module


def save(lm: LanguageModel, folder: Path) -> Path:
    """Save a model and its tokenizer as transformers does, without a progress bar."""
    bars = messages.is_progress_bar_enabled()
    messages.disable_progress_bar()
    lm.module.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    if bars:
        messages.enable_progress_bar()
    return folder


def logits(lm: LanguageModel) -> torch.Tensor:
    """Compute the logits of `TEXTS` (text, pos, token)."""
    (batch,) = batches(tokenize(lm, TEXTS), pad_id=lm.pad_id)
    with torch.inference_mode():
        return lm.module(**batch.forward_kwargs()).logits
