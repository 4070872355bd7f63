"""Draw a small balanced sample of a published data set by a fixed rule, so that anyone can make the same file again.

A text is left out if its labels map to no emotion or to several, if it is short or long, if it says what another text
says (`corpus.deduplicate`), or if it has a slur against a group of people (`slurs.toml`). Of the rest, each emotion
gives the same number of texts: those whose identifiers have the smallest hashes. The rule depends on nothing else, so
the sample does not change with the order of the files.

Example:
    >>> from emomech.data.published.readers import PublishedRow
    >>> from emomech.data.published.sampling import balanced
    >>> rows = [PublishedRow("I like it a lot", ("love",), "line 1", identifier="a"),
    ...         PublishedRow("Who took my keys?", ("anger",), "line 2", identifier="b"),
    ...         PublishedRow("Oh no", ("anger",), "line 3", identifier="c")]
    >>> sample = balanced(rows, {"love": "joy", "anger": "anger"}, 1)
    >>> [(example.label, example.cluster) for example in sample.texts], sample.left_out
    ([('joy', 'a'), ('anger', 'b')], {'fewer than 3 words or more than 60': 1})
"""

import csv
import io
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path

from emomech.core.errors import UsageError
from emomech.data import corpus
from emomech.data.corpus import Example
from emomech.data.published.readers import PublishedRow

MIN_WORDS, MAX_WORDS = 3, 60
LENGTH = f"fewer than {MIN_WORDS} words or more than {MAX_WORDS}"
SLUR = "a slur against a group of people"
LABELS = "no emotion or several"
"""Reasons for leaving a text out."""
COLUMNS = ("text", "label", "id")
_SLURS = Path(__file__).with_name("slurs.toml")
_NO_WORD = re.compile(r"\[\w+\]|https?://\S+|www\.\S+")
"""Placeholders, such as [NAME], and links; they do not count as words."""
_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class Sample:
    """The texts of a sample in the order of their hashes, and how many texts each rule left out."""

    texts: tuple[Example, ...]
    """Each with its identifier as its cluster."""
    left_out: Mapping[str, int]
    """By reason; texts that the sample did not need are not counted."""

    def as_csv(self) -> str:
        """Write the sample as a table with the columns text, label and id."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((example.text, example.label, example.cluster) for example in self.texts)
        return table.getvalue()


def balanced(rows: Iterable[PublishedRow], mapping: Mapping[str, str], per_label: int) -> Sample:
    """Draw `per_label` texts of each emotion; `mapping` gives the emotion of a label, which may be its own name.

    Raises UsageError for a row without identifier, and for an emotion with fewer texts.
    """
    emotions = set(mapping.values())
    left_out: Counter[str] = Counter()
    usable: list[Example] = []
    for row in sorted(rows, key=lambda row: (_hash(row), row.text)):
        mapped = {label if label in emotions else mapping.get(label, "") for label in row.labels}
        if len(mapped) != 1 or "" in mapped:
            left_out[LABELS] += 1
        elif not MIN_WORDS <= len(_WORD.findall(_NO_WORD.sub(" ", row.text))) <= MAX_WORDS:
            left_out[LENGTH] += 1
        else:
            usable.append(Example(row.text, mapped.pop(), cluster=row.identifier))
    read = corpus.deduplicate(usable)
    left_out.update(read.dropped)
    kept = [example for example in read.examples if not has_slur(example.text)]
    left_out[SLUR] = len(read.examples) - len(kept)
    counts = {emotion: 0 for emotion in sorted(emotions)}
    texts: list[Example] = []
    for example in kept:
        if counts[example.label] < per_label:
            counts[example.label] += 1
            texts.append(example)
    if few := {emotion: number for emotion, number in counts.items() if number < per_label}:
        found = ", ".join(f"{emotion} {number}" for emotion, number in few.items())
        raise UsageError(f"sample: expected {per_label} texts of each emotion, found fewer of {found}. Ask for fewer.")
    return Sample(tuple(texts), {reason: number for reason, number in left_out.items() if number})


def has_slur(text: str) -> bool:
    """Whether a word of a text begins with a slur against a group of people.

    Example:
        >>> from emomech.data.published.sampling import has_slur
        >>> has_slur("The food from Pakistan was too spicy"), has_slur("What a RETARDED idea")
        (False, True)
    """
    return _pattern().search(text) is not None


def _hash(row: PublishedRow) -> str:
    if not row.identifier:
        raise UsageError(f"{row.where}: has no identifier, by which a sample is drawn. Use the authors' own file.")
    return blake2b(row.identifier.encode(), digest_size=16).hexdigest()


@cache
def _pattern() -> re.Pattern[str]:
    words = tomllib.loads(_SLURS.read_text(encoding="utf-8"))
    innocent, beginnings = ("|".join(map(re.escape, words[key])) for key in ("innocent", "beginnings"))
    return re.compile(rf"(?<!\w)(?!(?:{innocent})(?!\w))(?:{beginnings})", re.IGNORECASE)
