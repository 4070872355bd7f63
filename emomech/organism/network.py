"""The untrained network of the embedded organism, and its tokenizer.

A GPT-2 of unusual initialisation. Under the usual one (small, tied embeddings) a network of this size does not learn
in thousands of steps to recall what followed a name; under this one it does in a few hundred. Embeddings have unit
variance, linear weights the variance 1/fan_in, and one head of the first block begins as a previous-token head, the
first half of an induction head (Elhage et al. 2021, Olsson et al. 2022); all is then trained like any other weight.
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
"""Scale of the previous-token head's queries and keys: most, not all, of its attention goes to the token before."""
BOS, PAD = "<bos>", "<pad>"
BOS_ID, PAD_ID = 0, 1


def make_tokenizer(context: int) -> "PreTrainedTokenizerFast":
    """Make a byte-level BPE without merges: every word of the grammar is one token, others are spelt in bytes.

    A BOS begins each text.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = pre_tokenizers.ByteLevel.alphabet()  # so that any text can be written
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
    """Make the network; what is drawn hangs on torch's seed."""
    from transformers import GPT2Config, GPT2LMHeadModel

    network = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=tokenizer.model_max_length,
            n_embd=d_model,
            n_layer=n_layers,
            n_head=n_heads,
            activation_function="gelu",  # on a CPU several times as fast as GPT-2's approximation of it
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
    """Whether matrix products in bfloat16 are faster than in single precision: on GPUs and some CPUs."""
    able = getattr(torch.cpu, "get_capabilities", dict)()  # torch 2.6 has no such function
    return device != "cpu" or any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def _look_back(network: "GPT2LMHeadModel", width: int) -> None:
    """Let positions be waves, and the first head of the first block attend to the token before.

    A shift by one token is a rotation of each sine-cosine pair; the head's query is its position, rotated back, and
    its key is the position itself. `width` is the size of a head.
    """
    stem = network.transformer
    attention: Tensor = stem.get_submodule("h.0.attn.c_attn").get_parameter("weight")
    n_positions, d_model = stem.wpe.weight.shape
    frequency = _LONGEST_WAVE ** (-torch.arange(0, d_model, 2) / d_model)
    angle = torch.arange(n_positions)[:, None] * frequency
    stem.wpe.weight.copy_(math.sqrt(2) * torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1))
    stem.wte.weight[:, :width] = 0  # there, the head reads positions alone
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
