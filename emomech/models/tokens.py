"""Texts as tokens: where each token stands in its text, and batches that do not depend on padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel

PaddingSide = Literal["left", "right"]
_TO_SPARE = 8
"""Tokens that a piece of a text is shorter than the context, since its ends may be tokenized otherwise than inside."""
_ON_CPU, _ON_GPU = 1024, 8192
"""Tokens of a batch: small ones stay in a processor's cache, which makes a forward pass about twice as fast."""


@dataclass(frozen=True)
class TokenizedText:
    """The tokens of one text."""

    ids: tuple[int, ...]
    """Token numbers, a BOS first if the model takes one."""
    spans: tuple[tuple[int, int], ...]
    """Where each token stands in the text; (0, 0) for a special token."""
    special: tuple[bool, ...]

    def counted_from(self, start: int) -> "TokenizedText":
        """Count the spans from a place in the text, such as where the part begins that is of interest."""
        places = zip(self.spans, self.special, strict=True)
        return replace(self, spans=tuple(at if hidden else (at[0] - start, at[1] - start) for at, hidden in places))

    def token_at(self, start: int, end: int) -> int:
        """Find the last token that covers part of text[start:end]: a causal model knows the word only there.

        Raises UsageError for a span that no token covers.
        """
        for i in range(len(self.ids) - 1, -1, -1):
            first, last = self.spans[i]
            if not self.special[i] and first < end and last > start:
                return i
        covered = max(last for _, last in self.spans)
        raise UsageError(f"characters {start} to {end}: no token covers them; the text has {covered}.")


@dataclass(frozen=True)
class TokenBatch:
    """Some texts side by side, padded to one length."""

    input_ids: Tensor
    """(batch, pos)"""
    attention_mask: Tensor
    """1 for a token, 0 for padding (batch, pos)."""
    content_mask: Tensor
    """True for a token of the text itself: no padding, no special token (batch, pos)."""
    example: tuple[int, ...]
    """Which text each row is (batch)."""
    offset: Tensor
    """Column of each row's first token (batch)."""

    @property
    def position_ids(self) -> Tensor:
        """Place of each token in its own text (batch, pos)."""
        return (self.attention_mask.cumsum(-1) - 1).clamp(min=0)

    @property
    def last(self) -> Tensor:
        """Column of each row's last token (batch)."""
        return self.offset + self.attention_mask.sum(-1) - 1

    def forward_kwargs(self) -> dict[str, Any]:
        """Arguments with which a row gives what its text alone would give."""
        return {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "position_ids": self.position_ids,
            "use_cache": False,
        }


def tokenize(lm: LanguageModel, texts: Sequence[str]) -> list[TokenizedText]:
    """Tokenize texts, each with exactly one BOS if the model takes one, else with none.

    Raises UsageError for a text without tokens, for one that is longer than the model's context, and for a token that
    the model has no embedding for.
    """
    if not texts:
        return []
    tokenizer: Any = lm.tokenizer
    found = tokenizer(list(texts), return_offsets_mapping=True, add_special_tokens=False, verbose=False)
    bos = tokenizer.bos_token_id
    # An unknown word is still a word; GPT-2 has one token for both, which then stays special.
    unknown = {tokenizer.unk_token_id} - {bos, tokenizer.eos_token_id}
    marks = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    specials = {*marks, *tokenizer.all_special_ids} - unknown
    tokenized = []
    for number, (ids, spans) in enumerate(zip(found["input_ids"], found["offset_mapping"], strict=True), 1):
        start = next((i for i, token in enumerate(ids) if token != bos), len(ids))
        _check(lm, number, texts[number - 1], [*[bos] * lm.prepend_bos, *ids[start:]])
        special = tuple(token in specials for token in ids[start:])
        places = [(0, 0) if hidden else tuple(span) for span, hidden in zip(spans[start:], special, strict=True)]
        text = TokenizedText(tuple(ids[start:]), tuple(places), special)
        tokenized.append(_with_bos(text, bos) if lm.prepend_bos else text)
    return tokenized


def pieces(lm: LanguageModel, texts: Sequence[str]) -> list[str]:
    """Cut each text that is longer than the model's context between tokens, into pieces that the model can read."""
    most = max(1, lm.context - lm.prepend_bos - _TO_SPARE)
    tokenizer: Any = lm.tokenizer
    spans = tokenizer(list(texts), return_offsets_mapping=True, add_special_tokens=False, verbose=False)
    found = []
    for text, places in zip(texts, spans["offset_mapping"], strict=True):
        starts = [0, *(places[i][0] for i in range(most, len(places), most)), len(text)]
        found += [text[start:end] for start, end in pairwise(starts)]
    return [piece for piece in found if piece.strip()]


def _with_bos(text: TokenizedText, bos: int) -> TokenizedText:
    return TokenizedText((bos, *text.ids), ((0, 0), *text.spans), (True, *text.special))


def _check(lm: LanguageModel, number: int, text: str, ids: Sequence[int]) -> None:
    """Raise UsageError for tokens that the model cannot read."""
    if len(ids) <= lm.prepend_bos:
        raise UsageError(f"text {number}: {text!r} has no token for {lm.name}. Leave such texts out.")
    if len(ids) > lm.context:
        raise UsageError(
            f"text {number} has {len(ids)} tokens, {lm.name} reads at most {lm.context}: {text[:60]!r}… "
            "Shorten or leave out such texts, or take a model with a longer context."
        )
    if max(ids) >= lm.vocab_size:
        token = lm.tokenizer.convert_ids_to_tokens(max(ids))
        raise UsageError(
            f"text {number}: {lm.name} has no embedding for the token {token!r} ({max(ids)}; it has {lm.vocab_size}). "
            "Take the tokenizer that belongs to the model, or leave out such texts."
        )


def batches(
    tokenized: Sequence[TokenizedText],
    *,
    pad_id: int,
    max_tokens: int | None = None,
    padding_side: PaddingSide = "right",
    device: str | torch.device = "cpu",
) -> Iterator[TokenBatch]:
    """Batch texts of like length, at most `max_tokens` of padded area each, the longest first.

    By default as many as the device is fast with.
    """
    most = max_tokens or (_ON_CPU if torch.device(device).type == "cpu" else _ON_GPU)
    order = sorted(range(len(tokenized)), key=lambda i: -len(tokenized[i].ids))
    start = 0
    while start < len(order):
        width = len(tokenized[order[start]].ids)
        rows = order[start : start + max(1, most // width)]
        start += len(rows)
        yield _batch([tokenized[i] for i in rows], rows, pad_id, padding_side, device)


def _batch(
    texts: Sequence[TokenizedText],
    numbers: Sequence[int],
    pad_id: int,
    side: PaddingSide,
    device: str | torch.device,
) -> TokenBatch:
    width = max(len(text.ids) for text in texts)
    input_ids = torch.full((len(texts), width), pad_id)
    attention, content = torch.zeros_like(input_ids), torch.zeros_like(input_ids, dtype=torch.bool)
    offset = torch.zeros(len(texts), dtype=torch.long)
    for row, text in enumerate(texts):
        n = len(text.ids)
        first = width - n if side == "left" else 0
        offset[row] = first
        input_ids[row, first : first + n] = torch.tensor(text.ids)
        attention[row, first : first + n] = 1
        content[row, first : first + n] = ~torch.tensor(text.special)
    input_ids, attention, content, offset = (t.to(device) for t in (input_ids, attention, content, offset))
    return TokenBatch(input_ids, attention, content, tuple(numbers), offset)
