"""Tokenize texts with the span of each token, and batch them so that padding makes no difference."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from emomech.core.devices import tokens_at_once
from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.models.tokenizers import markers

PaddingSide = Literal["left", "right"]
_SPARE_TOKENS = 8
"""Pieces stay this many tokens below the context, because their ends may be tokenized differently on their own."""
_WINDOW = 256
"""Texts that are tokenized at once."""


@dataclass(frozen=True)
class TokenizedText:
    """The tokens of one text."""

    ids: tuple[int, ...]
    """Token numbers; a BOS is the first if the model takes one."""
    spans: tuple[tuple[int, int], ...]
    """Start and end of each token in the text, in characters; (0, 0) for a special token."""
    special: tuple[bool, ...]
    """Whether each token is a special token, such as a BOS."""
    sinks: frozenset[int] = frozenset()
    """Numbers of the tokens with massive activations, which are no content (see `models.sinks`)."""

    @property
    def content(self) -> tuple[bool, ...]:
        """Whether each token is content: one of the text itself that is not massive."""
        return tuple(not special and i not in self.sinks for i, special in enumerate(self.special))

    def counted_from(self, start: int) -> "TokenizedText":
        """Count the spans from a place in the text, such as the start of a quoted part."""
        spans = zip(self.spans, self.special, strict=True)
        return replace(self, spans=tuple((a, b) if special else (a - start, b - start) for (a, b), special in spans))

    def token_at(self, start: int, end: int) -> int:
        """Return the number of the last token that covers part of `text[start:end]`.

        A causal model has read the whole word only there. Raises UsageError for a span that no token covers.
        """
        for i in range(len(self.ids) - 1, -1, -1):
            first, last = self.spans[i]
            if not self.special[i] and first < end and last > start:
                return i
        covered = max(last for _, last in self.spans)
        raise UsageError(f"characters {start} to {end}: no token covers them; the text has {covered}.")


@dataclass(frozen=True)
class TokenBatch:
    """Texts padded to one length."""

    input_ids: Tensor
    """Token numbers (batch, pos)."""
    attention_mask: Tensor
    """1 for a token, 0 for padding (batch, pos)."""
    content_mask: Tensor
    """True for a token of the text itself; False for padding, special and massive tokens (batch, pos)."""
    example: tuple[int, ...]
    """Number of the text in each row (batch)."""
    offset: Tensor
    """Column of each row's first token (batch)."""

    @property
    def position_ids(self) -> Tensor:
        """Number of each token in its own text (batch, pos)."""
        return (self.attention_mask.cumsum(-1) - 1).clamp(min=0)

    @property
    def last(self) -> Tensor:
        """Column of each row's last token (batch)."""
        return self.offset + self.attention_mask.sum(-1) - 1

    def forward_kwargs(self) -> dict[str, Any]:
        """Arguments of the model's forward pass with which each row is computed as its text alone would be."""
        return {
            "input_ids": self.input_ids,
            "attention_mask": self.attention_mask,
            "position_ids": self.position_ids,
            "use_cache": False,
        }


def tokenize(lm: LanguageModel, texts: Sequence[str], *, first: int = 1) -> list[TokenizedText]:
    """Tokenize texts, each with the model's prefix exactly once, such as one BOS, and without any if it takes none.

    Tokens with massive activations are marked if the model has some at tokens of the texts (see `models.sinks`).
    `first` is the number of the first text in messages.

    Raises UsageError for a text without tokens, for a text longer than the model's context, and for a token that the
    model has no embedding for.

    Example:
        >>> from emomech.models.tokens import tokenize
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> (text,) = tokenize(Study(StudySpec(limit=8)).lm, ["Anna broke the ring."])
        >>> text.spans[text.token_at(5, 10)]
        (5, 10)
    """
    if not texts:
        return []
    tokenizer: Any = lm.tokenizer
    encoded = tokenizer(list(texts), return_offsets_mapping=True, add_special_tokens=False, verbose=False)
    specials = markers(tokenizer)
    mark = lm.prefix or (() if tokenizer.bos_token_id is None else (tokenizer.bos_token_id,))
    tokenized = []
    for number, (ids, spans) in enumerate(zip(encoded["input_ids"], encoded["offset_mapping"], strict=True), first):
        start = _after_marks(ids, mark)
        _check(lm, number, texts[number - first], [*lm.prefix, *ids[start:]])
        special = tuple(token in specials for token in ids[start:])
        kept = [(0, 0) if hidden else tuple(span) for span, hidden in zip(spans[start:], special, strict=True)]
        n = len(lm.prefix)
        tokenized.append(TokenizedText((*lm.prefix, *ids[start:]), ((0, 0),) * n + tuple(kept), (True,) * n + special))
    return lm.sinks.mark(tokenized) if lm.sinks else tokenized


def tokenize_each(lm: LanguageModel, texts: Iterable[str]) -> Iterator[tuple[str, TokenizedText]]:
    """Yield each text with its tokens; few texts are read ahead, so there may be more than memory holds.

    Raises UsageError as `tokenize` does.
    """
    remaining, first = iter(texts), 1
    while window := list(islice(remaining, _WINDOW)):
        yield from zip(window, tokenize(lm, window, first=first), strict=True)
        first += len(window)


def split_long_texts(lm: LanguageModel, texts: Sequence[str]) -> list[str]:
    """Split texts longer than the model's context, at token boundaries, into pieces that the model can read."""
    most = max(1, lm.context - len(lm.prefix) - _SPARE_TOKENS)
    tokenizer: Any = lm.tokenizer
    encoded = tokenizer(list(texts), return_offsets_mapping=True, add_special_tokens=False, verbose=False)
    pieces = []
    for text, spans in zip(texts, encoded["offset_mapping"], strict=True):
        starts = [0, *(spans[i][0] for i in range(most, len(spans), most)), len(text)]
        pieces += [text[start:end] for start, end in pairwise(starts)]
    return [piece for piece in pieces if piece.strip()]


def _after_marks(ids: Sequence[int], mark: tuple[int, ...]) -> int:
    """Number of tokens at the start of a text that repeat a mark, as templates of chats write one."""
    start = 0
    while mark and tuple(ids[start : start + len(mark)]) == mark:
        start += len(mark)
    return start


def _check(lm: LanguageModel, number: int, text: str, ids: Sequence[int]) -> None:
    """Raise UsageError for tokens that the model cannot read."""
    if len(ids) <= len(lm.prefix):
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
    """Batch texts of similar length, the longest first.

    A batch has at most `max_tokens` tokens, padding included, but at least one text; the default is a
    number at which the device is fast.
    """
    order = sorted(range(len(tokenized)), key=lambda i: -len(tokenized[i].ids))
    for run in runs([len(tokenized[i].ids) for i in order], max_tokens or tokens_at_once(device)):
        numbers = order[run.start : run.stop]
        yield _batch([tokenized[i] for i in numbers], numbers, pad_id, padding_side, device)


def runs(lengths: Sequence[int], most: int) -> Iterator[range]:
    """Cut texts, the longest first, into batches of at most `most` tokens with padding; each has at least one text."""
    start = 0
    while start < len(lengths):
        end = min(len(lengths), start + max(1, most // lengths[start]))
        yield range(start, end)
        start = end


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
        content[row, first : first + n] = torch.tensor(text.content)
    input_ids, attention, content, offset = (t.to(device) for t in (input_ids, attention, content, offset))
    return TokenBatch(input_ids, attention, content, tuple(numbers), offset)
