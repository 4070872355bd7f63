"""Hide the emotion words of a text, so that its emotion has to be inferred and cannot be read off.

The words are those of `emotion_words.toml`: every label of crowd-enVENT with its inflections and derivations. All of
them are hidden, whatever the text's label is; a mask of the own label's words only would give the label away.
"""

import re
import tomllib
from functools import cache
from pathlib import Path

MASK = "..."
"""Replacement of a hidden word, as chosen by the authors of crowd-enVENT."""
NAMED, UNNAMED = "names an emotion", "names none"
"""Item types of texts with and without an emotion word, see `item_type`."""
_LEXICON = Path(__file__).with_name("emotion_words.toml")


@cache
def emotion_words() -> dict[str, tuple[str, ...]]:
    """Return the words to hide, by the label that they belong to."""
    entries = tomllib.loads(_LEXICON.read_text(encoding="utf-8"))
    return {label: tuple(forms) for label, forms in entries.items()}


def masked(text: str) -> str:
    """Hide every emotion word of a text, in any case; a word that only contains one (`enjoyment`) stays.

    Example:
        >>> from emomech.data.masking import masked
        >>> masked("I felt Anger when it broke.")
        'I felt ... when it broke.'
    """
    return _pattern().sub(MASK, text)


def item_type(text: str) -> str:
    """Say whether a text names an emotion, its own or another one, by the words that `masked` hides.

    Example:
        >>> from emomech.data.masking import item_type
        >>> item_type("I felt anger when it broke."), item_type("It broke.")
        ('names an emotion', 'names none')
    """
    return NAMED if _pattern().search(text) else UNNAMED


@cache
def _pattern() -> re.Pattern[str]:
    forms = sorted({form for words in emotion_words().values() for form in words}, key=lambda form: (-len(form), form))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, forms))})(?!\w)", re.IGNORECASE)
