"""Check the labels of a user's table: words, spelled in one way, one in each cell.

Example:
    >>> from emomech.data.labels import check_labels
    >>> check_labels("texts.csv", ["joy", "Joy"], ["line 2", "line 3"])
    Traceback (most recent call last):
    ...
    emomech.core.errors.UsageError: texts.csv: the labels 'joy' (line 2) and 'Joy' (line 3) look alike. Write each ...
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from emomech.core.errors import UsageError

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:e[+-]?\d+)?|[+-]?inf", re.IGNORECASE)
_TRUTH = {"true", "false", "t", "f"}
_MISSING = {"na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "-", "--", "?", "."}
"""What programs write for a missing value; `none` may be a label of texts without emotion."""
_QUOTES = "\"'“”„‘’«»"
_JOINTS = re.compile(r"\s*[;,|/+&]\s*|\s+and\s+", re.IGNORECASE)
_LIST = re.compile(r"[\[({].*[\])}]", re.DOTALL)
_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK"}
"""Alphabets with letters of the same shape."""
_JOINERS = "\u200c\u200d"
"""Invisible characters that shape letters, as in Persian and Hindi, and that compose emoji."""


def check_labels(name: str, labels: Sequence[str], places: Sequence[str]) -> None:
    """Raise UsageError, with file and place, for labels that a model could not be asked about as they are meant.

    These are numbers and truth values; lists; labels with invisible characters or letters of two alphabets; labels
    that differ only by case, spaces, punctuation, composed or invisible characters; and cells that join labels, such
    as `joy;fear`, if one of the parts is in another label as well.
    """
    first: dict[str, str] = {}
    for label, place in zip(labels, places, strict=True):
        first.setdefault(label, place)
    _check_spelling(name, first)
    for label, place in first.items():
        if problem := _problem(label):
            raise UsageError(f"{name}: {place} has the label {label!r}{problem}")
    _check_joined(name, first)


def _problem(label: str) -> str:
    """Say what is wrong with a label, and the way out; empty if nothing is."""
    if label.casefold() in _MISSING:
        return ", which stands for a missing value. Fill it in, remove the row, or write it as another word."
    if _is_number(label) or label.casefold() in _TRUTH:
        return (
            ". The model is asked for words, so the labels have to be words, such as joy. Replace the numbers by the "
            "names of the emotions."
        )
    alphabets = {unicodedata.name(c, "").split(" ")[0] for c in label if c.isalpha()}
    joiners = "" if "LATIN" in alphabets else _JOINERS
    if hidden := next((c for c in label if _invisible(c) and c not in joiners), ""):
        return f" with the invisible character U+{ord(hidden):04X}. Remove it."
    if len(label) > 1 and label[0] in _QUOTES and label[-1] in _QUOTES:
        return ", which is in quotes. Write it without them."
    if _LIST.fullmatch(label):
        return ", which looks like a list. Write one word in each row, and remove texts that have several labels."
    if len(alike := sorted(alphabets & _ALPHABETS)) > 1:
        return f" with letters of two alphabets, {' and '.join(alike)}. Write it in one of them."
    return ""


def _is_number(label: str) -> bool:
    """Whether a label is a number, several of them, or a date: digits without any letter."""
    if all(_NUMBER.fullmatch(part) for part in _JOINTS.split(label) if part):
        return True
    return any(c.isnumeric() for c in label) and not any(c.isalpha() for c in label)


def _check_joined(name: str, first: dict[str, str]) -> None:
    """Raise UsageError for a cell that joins labels.

    One of its parts is another label or a part of one, or all its words are other labels, apart from numbers.
    """
    known = {_folded(label) for label in first}
    parts = {label: [_folded(part) for part in _JOINTS.split(label) if part] for label in first}
    n_labels = Counter(part for joined in parts.values() for part in set(joined))
    for label, joined in parts.items():
        folded = _folded(label)
        words = [word for word in re.split(r"[\W\d_]+|\bor\b|\band\b", folded) if word]
        made_of_labels = bool(words) and all(word in known - {folded} for word in words)
        if made_of_labels or (len(joined) > 1 and any(n_labels[part] > 1 for part in joined)):
            raise UsageError(
                f"{name}: {first[label]} has the label {label!r}, which joins labels. Keep one label in "
                "each row, and remove texts that have several."
            )


def _check_spelling(name: str, first: dict[str, str]) -> None:
    spelled: dict[str, str] = {}
    for label, place in first.items():
        other = spelled.setdefault(_folded(label), label)
        if other != label:
            raise UsageError(
                f"{name}: the labels {other!r} ({first[other]}) and {label!r} ({place}) look alike. Write each label "
                "in one way."
            )


def is_visible(character: str) -> bool:
    """Whether a character can be seen: not a space, a control or a formatting character.

    Example:
        >>> from emomech.data.labels import is_visible
        >>> is_visible("a"), is_visible("\\u200b")
        (True, False)
    """
    return not character.isspace() and not _invisible(character)


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc", "Co", "Cn")


def _folded(label: str) -> str:
    """A label without what people overlook: case, spaces, punctuation, invisible and composed characters."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", label) if not _invisible(c)).casefold()
    return re.sub(r"[\W_]+", " ", visible).strip() or visible.strip()
