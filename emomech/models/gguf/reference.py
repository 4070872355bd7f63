"""Encode a text with the tokens, merges and scores of a GGUF file, as llama.cpp does and without any tokenizer of ours.

It is slow and short, and serves as the yardstick for a converted tokenizer. Byte-level BPE and SentencePiece's BPE; see
`llama-vocab.cpp` of llama.cpp, whose patterns are quoted here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from emomech.models.gguf.header import Header

_USER_DEFINED = 4
"""Kind of tokens that are found in a text before it is split, such as runs of spaces in Gemma."""
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_CASELESS = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3, _QWEN2 = (f"{_CASELESS}{digits}{_REST}" for digits in (r"\p{N}{1,3}", r"\p{N}"))
LLAMA3 = ("llama-bpe", "llama3", "llama-v3", "falcon3")
"""Pre-tokenizers of Llama 3; they put a BOS, and take a piece that is a token as it is."""
PATTERNS: Mapping[str, tuple[str, ...]] = {
    "gpt-2": (_GPT2,),
    **dict.fromkeys(("smollm", "starcoder"), (r"\p{N}", _GPT2)),
    **dict.fromkeys(LLAMA3, (_LLAMA3,)),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen"), (_QWEN2,)),
}
"""Expressions that split a text, one after the other, by name of the pre-tokenizer."""
Splitter = Callable[[str], list[str]]


class Reference:
    """Encode texts with the data of one file; `split` replaces the split of a pre-tokenizer that is not known here."""

    def __init__(self, header: Header, split: Splitter | None = None) -> None:
        self._tokens: list[str] = header.of_tokenizer("tokens")
        self._ids = {token: number for number, token in enumerate(self._tokens)}
        self._is_bpe = header.of_tokenizer("model") == "gpt2"
        kinds: list[int] = header.of_tokenizer("token_type")
        defined = (token for token, kind in zip(self._tokens, kinds) if kind == _USER_DEFINED and token)
        self._defined = re.compile("|".join(map(re.escape, sorted(defined, key=len, reverse=True))) or r"(?!)")
        self._takes_whole = header.of_tokenizer("pre") in LLAMA3
        self._split = split or _splitter(PATTERNS.get(str(header.of_tokenizer("pre")), PATTERNS["gpt-2"]))
        if self._is_bpe:
            merges: list[str] = header.of_tokenizer("merges")
            self._rank = {pair: -rank for rank, pair in enumerate(map(_pair, merges))}
        else:
            self._scores: list[float] = header.of_tokenizer("scores")
        self._starts_with_space = not self._is_bpe and header.of_tokenizer("add_space_prefix") is not False

    def encode(self, text: str) -> list[int]:
        """Give the numbers of a text's tokens, without a BOS."""
        ids: list[int] = []
        start = 0
        for match in self._defined.finditer(text):
            ids += [*self._plain(text[start : match.start()]), self._ids[match[0]]]
            start = match.end()
        return [*ids, *self._plain(text[start:])]

    def _plain(self, text: str) -> list[int]:
        if not text:
            return []
        if self._is_bpe:
            return [number for piece in self._split(text) for number in self._piece(piece)]
        marked = (" " + text if self._starts_with_space else text).replace(" ", "▁")
        merged = _merge(list(marked), self._score)
        return [number for part in merged for number in self._numbers(part, lambda byte: f"<0x{byte:02X}>")]

    def _piece(self, piece: str) -> list[int]:
        from transformers.convert_slow_tokenizer import bytes_to_unicode

        spelling: Mapping[int, str] = bytes_to_unicode()
        spelt = "".join(spelling[byte] for byte in piece.encode())
        if self._takes_whole and spelt in self._ids:
            return [self._ids[spelt]]
        merged = _merge(list(spelt), lambda left, right: self._rank.get((left, right)))
        return [self._ids[part] for part in merged if part in self._ids]

    def _score(self, left: str, right: str) -> float | None:
        number = self._ids.get(left + right)
        return None if number is None else self._scores[number]

    def _numbers(self, part: str, of_byte: Callable[[int], str]) -> list[int]:
        """Give the number of a part, or of its bytes if it is no token."""
        if part in self._ids:
            return [self._ids[part]]
        return [self._ids[token] for token in map(of_byte, part.encode()) if token in self._ids]


def _merge(parts: list[str], rank: Callable[[str, str], float | None]) -> list[str]:
    """Join the pair of neighbours with the highest rank, the first of several, until none has a rank."""
    while True:
        ranked = [(value, -i) for i, pair in enumerate(pairwise(parts)) if (value := rank(*pair)) is not None]
        if not ranked:
            return parts
        i = -max(ranked)[1]
        parts = [*parts[:i], parts[i] + parts[i + 1], *parts[i + 2 :]]


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right


def _splitter(patterns: Iterable[str]) -> Splitter:
    """Make a function that splits a text by expressions, each of which splits the pieces of those before it."""
    from tokenizers import Regex, pre_tokenizers

    steps = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
    split = pre_tokenizers.Sequence(steps)
    return lambda text: [piece for piece, _ in split.pre_tokenize_str(text)]
