"""The untrained network of the embedded model, and its tokenizer.

A GPT-2 with an unusual initialisation. With the common one (small, tied embeddings) a network of this size does not
learn in thousands of steps to recall the word that followed a name; with this one it does in a few hundred. Embeddings
have unit variance, linear weights have variance 1/fan_in, and one head of the first block begins as a previous-token
head, the first half of an induction head (Elhage et al. 2021, Olsson et al. 2022). All weights are then trained.
"""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emomech.data.grammar.lexicon import written_forms

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast


_LONGEST_WAVE = 1000.0
"""Largest wave length of the position embeddings, over 2 pi tokens (Vaswani et al. 2017 take 10,000)."""
_PREVIOUS_GAIN = 2.0
"""Scale of the previous-token head's queries and keys: most of its attention goes to the previous token."""
BOS, PAD = "<bos>", "<pad>"
BOS_ID, PAD_ID = 0, 1


def make_tokenizer(context: int) -> "PreTrainedTokenizerFast":
    """Make a byte-level BPE without merges: a word of the grammar is one token, any other word is spelt in bytes.

    Each text begins with a BOS.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = pre_tokenizers.ByteLevel.alphabet()  # so that any text can be encoded
    split = pre_tokenizers.ByteLevel(add_prefix_space=True)
    text = " ".join(written_forms()).replace(" '", "'")
    words = {word for word, _ in split.pre_tokenize_str(text)}.difference(letters)
    known = {token: i for i, token in enumerate((BOS, PAD, *sorted(letters), *sorted(words)))}
    bpe = Tokenizer(models.BPE(vocab=known, merges=[], ignore_merges=True))
    bpe.pre_tokenizer = split  # pyright: ignore[reportAttributeAccessIssue]
    bpe.decoder = decoders.ByteLevel()  # pyright: ignore[reportAttributeAccessIssue]
    template = processors.TemplateProcessing(single=f"{BOS} $A", special_tokens=[(BOS, BOS_ID)])  # pyright: ignore[reportCallIssue]
    bpe.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), template])  # pyright: ignore[reportAttributeAccessIssue]
    bpe.add_special_tokens([BOS, PAD])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token=BOS, eos_token=BOS, pad_token=PAD, model_max_length=context
    )


def make_network(
    tokenizer: "PreTrainedTokenizerFast", *, d_model: int, n_layers: int, n_heads: int
) -> "GPT2LMHeadModel":
    """Make the network; its initial weights depend on torch's random state."""
    from transformers import GPT2Config, GPT2LMHeadModel

    network = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=tokenizer.model_max_length,
            n_embd=d_model,
            n_layer=n_layers,
            n_head=n_heads,
            activation_function="gelu",  # several times faster on a CPU than GPT-2's approximation
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            tie_word_embeddings=False,
            bos_token_id=BOS_ID,
            eos_token_id=BOS_ID,
            pad_token_id=PAD_ID,
        )
    )
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim == 2:
                fan_in = weight.shape[1] if name.startswith("lm_head") else weight.shape[0]  # Conv1D is (in, out)
                torch.nn.init.normal_(weight, std=1.0 if name.endswith("wte.weight") else fan_in**-0.5)
        _look_back(network, width=d_model // n_heads)
    return network


def has_fast_bf16(device: str) -> bool:
    """Whether matrix products are faster in bfloat16 than in single precision: on GPUs and some CPUs."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.6 has no such function
    return device != "cpu" or any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def _look_back(network: "GPT2LMHeadModel", width: int) -> None:
    """Set sinusoidal position embeddings, and let the first head of the first block attend to the previous token.

    A shift by one token rotates each sine-cosine pair. The query of the head is its position, rotated back by one
    token, and the key is the position itself. `width` is the size of a head.
    """
    stem = network.transformer
    attention: Tensor = stem.get_submodule("h.0.attn.c_attn").get_parameter("weight")
    n_positions, d_model = stem.wpe.weight.shape
    frequency = _LONGEST_WAVE ** (-torch.arange(0, d_model, 2) / d_model)
    angle = torch.arange(n_positions)[:, None] * frequency
    stem.wpe.weight.copy_(math.sqrt(2) * torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1))
    stem.wte.weight[:, :width] = 0  # in these dimensions the head reads positions only
    back, keys = _rotation(-frequency[: width // 2]), torch.eye(width)
    for first_column, block in ((0, back), (d_model, keys)):
        attention[:, first_column : first_column + width] = 0
        attention[:width, first_column : first_column + width] = _PREVIOUS_GAIN * block


def _rotation(angles: Tensor) -> Tensor:
    """Matrix that adds the angles to the (sine, cosine) pairs of a row vector; (2 n, 2 n) for n angles."""
    return torch.block_diag(*_pairs(angles.tolist()))


def _pairs(angles: Iterable[float]) -> Iterator[Tensor]:
    for angle in angles:
        c, s = math.cos(angle), math.sin(angle)
        yield torch.tensor([[c, -s], [s, c]])
