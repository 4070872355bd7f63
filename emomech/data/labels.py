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
from collections.abc import Sequence

from emomech.core.errors import UsageError

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?")
_TRUTH = {"true", "false"}
_JOINTS = re.compile(r"\s*[;,|/+&]\s*")


def check_labels(name: str, labels: Sequence[str], places: Sequence[str]) -> None:
    """Raise UsageError, with file and place, for labels that a model could not be asked about as they are meant.

    These are numbers and truth values, labels with invisible characters, labels that differ only by case, spaces,
    composed or invisible characters, and cells that join several labels of the same column.
    """
    first: dict[str, str] = {}
    for label, place in zip(labels, places, strict=True):
        first.setdefault(label, place)
    _check_spelling(name, first)
    for label, place in first.items():
        if _NUMBER.fullmatch(label) or label.lower() in _TRUTH:
            raise UsageError(
                f"{name}: {place} has the label {label!r}. The model is asked for words, so the labels have to be "
                "words, such as joy. Replace the numbers by the names of the emotions."
            )
        if hidden := next((c for c in label if _invisible(c)), ""):
            raise UsageError(
                f"{name}: {place} has the label {label!r} with the invisible character U+{ord(hidden):04X}. Remove it."
            )
    known = {_folded(label) for label in first}
    for label, place in first.items():
        parts = [part for part in _JOINTS.split(label) if part]
        if len(parts) > 1 and all(_folded(part) in known for part in parts):
            raise UsageError(
                f"{name}: {place} has the label {label!r}, which joins {len(parts)} labels. Keep one label in each "
                "row, and remove texts that have several."
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


def _invisible(character: str) -> bool:
    return unicodedata.category(character) in ("Cf", "Cc", "Co", "Cn")


def _folded(label: str) -> str:
    visible = "".join(c for c in unicodedata.normalize("NFKC", label) if not _invisible(c))
    return re.sub(r"[\s_-]+", " ", visible.casefold()).strip()
