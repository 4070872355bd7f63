"""Emotion words in a text, hidden, so that an emotion has to be inferred and cannot be read off.

The words are those of `emotion_words.toml`: every label of crowd-enVENT with its inflections and derivations. All
of them are hidden whatever the text's own label is; a mask of the own label's words alone would give the label away.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

MASK = "..."
"""What stands in place of a hidden word; the sign that crowd-enVENT's authors chose."""
_LEXICON = Path(__file__).with_name("emotion_words.toml")


@cache
def words() -> dict[str, tuple[str, ...]]:
    """The words that are hidden, by the label that they belong to."""
    entries = tomllib.loads(_LEXICON.read_text(encoding="utf-8"))
    return {label: tuple(forms) for label, forms in entries.items()}


@cache
def _pattern() -> re.Pattern[str]:
    forms = sorted({form for found in words().values() for form in found}, key=lambda form: (-len(form), form))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, forms))})(?!\w)", re.IGNORECASE)


def masked(text: str) -> str:
    """Hide every emotion word of a text, in any case; a word that only contains one (`enjoyment`) stays."""
    return _pattern().sub(MASK, text)
