"""Check, when a model is loaded, that it reads texts here as its own tokenizer and forward pass do.

Ten texts are read twice: one at a time, as the plain model and tokenizer are called, and in padded batches, as this
package does. Tokens have to be equal, and log-probabilities of the next token equal up to rounding. The check catches
tokens that are lost at the start of a text, and families that take padding for text, such as RWKV.

Example:
    >>> from emomech.models.reading_check import check_reading
    >>> from emomech.study.spec import StudySpec
    >>> from emomech.study.study import Study
    >>> check_reading(Study(StudySpec(limit=8)).lm)  # raises nothing
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import PaddingSide, TokenizedText, batches, tokenize

TEXTS = (
    "She smiled.",
    "He lost his keys on the way home and had to wait in the rain.",
    "Nobody came to the party",
    "“Are you sure?” he asked, and closed the door.",
    "The café on the corner, where they had met, was gone.",
    "No.",
    "After the long winter, the first warm day surprised everyone in the village by the sea.",
    "It cost $3.50, not 4!",
    "Zoë's letter arrived on Monday;\nit was short.",
    "They won",
)
"""Short and long texts, with quotes, accents, digits and a line end."""
LARGEST: Mapping[torch.dtype, float] = {torch.float32: 0.002, torch.float64: 0.002}
"""Largest mean difference of log-probabilities over the vocabulary, in nats; other formats round more, see `COARSE`."""
COARSE = 0.1
SIDES: tuple[PaddingSide, ...] = ("left", "right")


def readable(lm: LanguageModel, texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Tokenize texts as the plain tokenizer does, behind the model's prefix; texts that it cannot read are left out.

    Those are texts without tokens, with a token that the model has no embedding for, or longer than its context.
    """
    encode: Any = lm.tokenizer
    plain = {text: (*lm.prefix, *encode(text, add_special_tokens=False)["input_ids"]) for text in texts}
    return {
        text: ids for text, ids in plain.items() if len(lm.prefix) < len(ids) <= lm.context and max(ids) < lm.vocab_size
    }


@torch.inference_mode()
def check_reading(lm: LanguageModel) -> None:
    """Raise UsageError if ten texts are not read as the plain tokenizer and model read them.

    Texts with a token that the model has no embedding for, and texts longer than its context, are left out.
    """
    plain = readable(lm, TEXTS)
    tokenized, chosen = tokenize(lm, list(plain)), list(plain)
    for text, read in zip(chosen, tokenized, strict=True):
        if read.ids != plain[text]:
            raise UsageError(
                f"model {lm.name!r}: the tokens of {text!r} are {read.ids}, but its tokenizer gives {plain[text]}."
            )
    alone = [_next_token(lm, text) for text in tokenized]
    limit = LARGEST.get(lm.dtype, COARSE)
    for side in SIDES:
        for number, log_probs in _in_batches(lm, tokenized, side):
            difference = float((log_probs - alone[number]).abs().mean())
            if not difference <= limit:
                raise UsageError(
                    f"model {lm.name!r}: next to other texts, {chosen[number]!r} gets other log-probabilities "
                    f"than alone, by {difference:.3g} nats on average; expected at most {limit:g}. Models of type "
                    f"{lm.module.config.get_text_config().model_type!r} take padding for text, and are not supported."
                )


def _next_token(lm: LanguageModel, text: TokenizedText) -> torch.Tensor:
    """Log-probabilities of the token after a text (token), by the plain forward pass."""
    ids = torch.tensor([text.ids], device=lm.device)
    mask = torch.ones_like(ids)  # without it, transformers warns of a leading token that is also the padding
    return lm.module(input_ids=ids, attention_mask=mask, use_cache=False).logits[0, -1].float().log_softmax(-1)


def _in_batches(lm: LanguageModel, texts: Sequence[TokenizedText], side: PaddingSide) -> list[tuple[int, torch.Tensor]]:
    """Number of each text and log-probabilities of the token after it (token), read in padded batches."""
    read = []
    for batch in batches(texts, pad_id=lm.pad_id, padding_side=side, device=lm.device):
        logits = lm.module(**batch.forward_kwargs()).logits
        last = logits[torch.arange(len(logits)), batch.last].float().log_softmax(-1)
        read += zip(batch.example, last, strict=True)
    return read
