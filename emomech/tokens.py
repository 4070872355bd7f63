"""Texts as tokens: where each token stands in its text, and batches that do not depend on padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from emomech.errors import UsageError
from emomech.models import LanguageModel

PaddingSide = Literal["left", "right"]


@dataclass(frozen=True)
class TokenizedText:
    """The tokens of one text."""

    ids: tuple[int, ...]
    """Token numbers, a BOS first if the model takes one."""
    spans: tuple[tuple[int, int], ...]
    """Where each token stands in the text; (0, 0) for a special token."""
    special: tuple[bool, ...]

    def token_at(self, start: int, end: int) -> int:
        """Find the last token that covers part of text[start:end]: a causal model knows the word only there.

        Raises UsageError for a span that no token covers.
        """
        for i in range(len(self.ids) - 1, -1, -1):
            first, last = self.spans[i]
            if not self.special[i] and first < end and last > start:
                return i
        raise UsageError(f"characters {start} to {end}: no token covers them; the text has {self.spans[-1][1]}.")


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

    Raises UsageError for a text without tokens, and for one that is longer than the model's context.
    """
    if not texts:
        return []
    found = lm.tokenizer(list(texts), return_offsets_mapping=True, add_special_tokens=False, verbose=False)
    specials = set(lm.tokenizer.all_special_ids)
    tokenized = []
    for number, (ids, spans) in enumerate(zip(found["input_ids"], found["offset_mapping"], strict=True)):
        if not ids:
            raise UsageError(f"text {number + 1}: {texts[number]!r} has no token for {lm.name}.")
        bos = [lm.tokenizer.bos_token_id] if lm.prepend_bos and ids[0] != lm.tokenizer.bos_token_id else []
        if len(bos) + len(ids) > lm.context:
            raise UsageError(
                f"text {number + 1} has {len(bos) + len(ids)} tokens, {lm.name} reads at most {lm.context}: "
                f"{texts[number][:60]!r}… Shorten or leave out such texts, or take a model with a longer context."
            )
        special = tuple(token in specials for token in [*bos, *ids])
        tokenized.append(TokenizedText((*bos, *ids), (*([(0, 0)] * len(bos)), *map(tuple, spans)), special))
    return tokenized


def batches(
    tokenized: Sequence[TokenizedText],
    *,
    pad_id: int,
    max_tokens: int = 8192,
    padding_side: PaddingSide = "right",
    device: str | torch.device = "cpu",
) -> Iterator[TokenBatch]:
    """Batch texts of like length, at most `max_tokens` of padded area each, the longest first."""
    order = sorted(range(len(tokenized)), key=lambda i: -len(tokenized[i].ids))
    start = 0
    while start < len(order):
        width = len(tokenized[order[start]].ids)
        rows = order[start : start + max(1, max_tokens // width)]
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
    tensors = (tensor.to(device) for tensor in (input_ids, attention, content))
    return TokenBatch(*tensors, tuple(numbers), offset.to(device))
