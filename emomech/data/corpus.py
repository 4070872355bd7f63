"""Texts with one emotion each and, if it is known, the gold annotation of their words.

A corpus comes from the embedded grammar, which annotates every word, from a user's file with a `text` and a `label`
column, or from a published data set (`emomech.study.corpora`). The split of a text depends only on its cluster, so the
two texts of a minimal pair are always in the same split.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from emomech.core.errors import UsageError
from emomech.data import tables
from emomech.data.labels import check_labels, is_visible
from emomech.data.tables import Table

Split = Literal["discover", "tune", "report"]
SHARES: Mapping[Split, float] = {"discover": 0.4, "tune": 0.2, "report": 0.4}
_KEPT = {"Pc", "So", "Sm", "Sc"}
"""Categories of characters that make two texts differ besides letters and digits: `_`, emoji, signs, currencies."""
_WORD = re.compile(r"\w+(?:['’]\w+)*")
DUPLICATE = "text occurs more than once"
LABEL_CONFLICT = "one text, several labels"
TOO_LONG = "longer than the model reads"
"""Reasons for dropping a text; tables show them."""


@dataclass(frozen=True)
class Word:
    """A word of a text, `text[start:end]`."""

    start: int
    end: int
    tags: Mapping[str, str]
    """Gold annotation: label family to value."""


@dataclass(frozen=True)
class Example:
    """A text, and the emotion of a person in it."""

    text: str
    label: str
    person: str = ""
    """Who is asked about, as the prompt names them; empty if the corpus does not say."""
    item_type: str = ""
    """What makes the item easy or hard; results are reported per item type."""
    style: str = ""
    shift: str = ""
    """What the text contains that no training text does; empty if nothing, or if the corpus does not say."""
    cluster: str = ""
    """Shared by texts that are not independent, such as a minimal pair; intervals are resampled by cluster."""
    words: tuple[Word, ...] = ()
    answer_tags: Mapping[str, str] = field(default_factory=dict)
    """Gold values of the question rather than of one word: the role of the person in the clause that decides the
    emotion, and its appraisals."""


@dataclass(frozen=True)
class CorpusRead:
    """Texts that were read from a source, and the number of texts dropped on the way, by reason."""

    examples: tuple[Example, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    not_drawn: int = 0
    """Number of texts that a limit did not draw; they could have been used."""

    @property
    def n_rows(self) -> int:
        """Number of texts that the source holds."""
        return len(self.examples) + sum(self.dropped.values()) + self.not_drawn

    def after_dropping(self, dropped: Mapping[str, int]) -> "CorpusRead":
        """Add the counts of an earlier step, whose reasons come first; reasons with a count of 0 are left out."""
        earlier = {reason: number for reason, number in dropped.items() if number}
        dropped = earlier | {reason: n + earlier.get(reason, 0) for reason, n in self.dropped.items() if n}
        return CorpusRead(self.examples, dropped, self.not_drawn)


@dataclass(frozen=True)
class Corpus:
    """Examples of at least two emotions, and the label set in a fixed order."""

    name: str
    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Number of texts of the source that were dropped, by reason; texts that a limit did not draw do not count."""

    def split(self, example: Example, seed: int) -> Split:
        """Assign an example to one of three disjoint splits: `discover` 40 %, `tune` 20 %, `report` 40 %.

        A hash of its cluster and the seed decides, so the split does not depend on the other texts.
        """
        point = _uniform(f"{seed}/{example.cluster}")
        if point < SHARES["discover"]:
            return "discover"
        return "tune" if point < SHARES["discover"] + SHARES["tune"] else "report"


def make(
    name: str, examples: Iterable[Example], labels: Iterable[str] = (), dropped: Mapping[str, int] | None = None
) -> Corpus:
    """Build a corpus; an example without cluster becomes its own cluster, one without words gets them without tags.

    `labels` is the label set in its order; by default the labels of the examples in alphabetical order. Labels that do
    not occur are left out. `dropped` counts the texts that were dropped before, by reason. Raises UsageError for a
    corpus without examples, with fewer than two labels, or with a label outside the set.

    Example:
        >>> from emomech.data.corpus import Example, make
        >>> corpus = make("mine", [Example("It broke.", "sadness"), Example("It works!", "joy")])
        >>> corpus.labels
        ('joy', 'sadness')
    """
    completed = tuple(_completed(example) for example in examples)
    counts = Counter(example.label for example in completed)
    label_set = tuple(labels) or tuple(sorted(counts))
    if unknown := sorted(set(counts) - set(label_set)):
        raise UsageError(f"corpus {name!r}: has the labels {unknown}, expected only {', '.join(label_set)}.")
    if not completed:
        reasons = "; ".join(f"{reason}: {number}" for reason, number in (dropped or {}).items())
        left_out = f" that can be used (left out: {reasons})" if reasons else ""
        raise UsageError(f"corpus {name!r}: holds no text{left_out}; expected texts of at least two emotions.")
    if len(counts) < 2:
        raise UsageError(
            f"corpus {name!r}: all {len(completed)} texts are {next(iter(counts))!r}; expected two labels."
        )
    return Corpus(name, completed, tuple(label for label in label_set if label in counts), dropped or {})


def breakdowns(examples: Sequence[Example]) -> list[tuple[str, str, list[int]]]:
    """Group examples by item type, by style and by shift: (breakdown, group, numbers of the examples).

    Shifted examples are left out of the breakdowns by item type and by style.
    """
    unshifted = [i for i, example in enumerate(examples) if not example.shift]
    groups = _grouped("item type", unshifted, [example.item_type for example in examples])
    groups += _grouped("style", unshifted, [example.style for example in examples])
    if len(unshifted) < len(examples):
        shifts = [example.shift or "as in training" for example in examples]
        groups += _grouped("distribution", range(len(examples)), shifts)
    return groups


def _grouped(breakdown: str, numbers: Iterable[int], names: Sequence[str]) -> list[tuple[str, str, list[int]]]:
    groups: dict[str, list[int]] = {}
    for i in numbers:
        groups.setdefault(names[i], []).append(i)
    return [(breakdown, name, groups[name]) for name in sorted(groups) if name]


def read(path: Path, text: str = "", label: str = "") -> CorpusRead:
    """Read a CSV, TSV, JSONL or Parquet file with a column of texts and one of labels.

    `text` and `label` name these columns; by default the columns named text and label. The columns `person` and
    `item_type` are optional. Duplicates are dropped and counted as in `deduplicate`. Raises UsageError that names the
    file, the line and what is wrong with it (see `tables.read` and `labels.check_labels`): a missing column, several
    that could be meant, an empty cell.
    """
    table = tables.read(path)
    labels_column = _column(table, "label", label)
    if labels_column == _column(table, "text", text):
        raise UsageError(f"{table.name}: text and label both name the column {labels_column!r}, expected two columns.")
    texts, labels = _cells(table, "text", text), _cells(table, "label", label)
    if labels_column in table.numeric:
        raise UsageError(
            f"{table.name}: the column {labels_column!r} holds numbers. The model is asked for words, so the labels "
            "have to be words, such as joy. Replace the numbers by the names of the emotions."
        )
    check_labels(table.name, labels, table.places)
    optional = {name: _optional(table, name) for name in ("person", "item_type")}
    rows = zip(texts, labels, *optional.values(), strict=True)
    return deduplicate(Example(text, label, person, item_type) for text, label, person, item_type in rows)


def each_text(path: Path, text: str = "") -> Iterator[str]:
    """Yield the texts of a file as in `read`, without labels; a large file is not held in memory (`tables.chunks`).

    Raises UsageError as `read` does, when it comes to the row that is wrong.
    """
    n_texts = 0
    for table in tables.chunks(path):
        texts = _cells(table, "text", text)
        yield from texts
        n_texts += len(texts)
    if not n_texts:
        raise UsageError(f"{path.name}: has a header and no rows; expected a text in each row.")


def read_texts(path: Path, text: str = "") -> list[str]:
    """Read the texts of a file as in `read`, each once; labels are not needed. Raises UsageError as `read` does."""
    return list(dict.fromkeys(each_text(path, text)))


def _column(table: Table, wanted: str, named: str) -> str:
    """Find the column of texts or of labels, by the name that was given or by its usual name."""
    columns = ", ".join(map(repr, table.columns))
    way_out = f"Name it: -p {wanted}=COLUMN, or --{wanted}-column COLUMN."
    if named:
        if named in table.columns:
            return named
        raise UsageError(f"{table.name}: has no column {named!r}, only {columns}. {way_out}")
    alike = [column for column in table.columns if column.strip().casefold() == wanted]
    if len(alike) > 1:
        names = " and ".join(map(repr, alike))
        raise UsageError(f"{table.name}: {names} may both be the column of the {wanted}s. {way_out}")
    if not alike:
        raise UsageError(f"{table.name}: has the columns {columns}, expected one named {wanted!r}. {way_out}")
    return alike[0]


def _cells(table: Table, wanted: str, named: str) -> list[str]:
    """Cells of the column of texts or labels, without spaces around them.

    Raises UsageError for a cell that is empty, or that holds nothing that can be seen.
    """
    cells = [cell.strip() for cell in table.column(_column(table, wanted, named))]
    empty = next((p for cell, p in zip(cells, table.places, strict=True) if not any(map(is_visible, cell))), "")
    if empty:
        raise UsageError(f"{table.name}: {empty} has no {wanted}. Fill it in, or remove the line.")
    return cells


def _optional(table: Table, name: str) -> list[str]:
    """Cells of a column that need not be there, or empty cells. Raises UsageError for two columns of this name."""
    alike = [column for column in table.columns if column.strip().casefold() == name]
    if len(alike) > 1:
        raise UsageError(f"{table.name}: has the columns {' and '.join(map(repr, alike))}. Rename one of them.")
    return [cell.strip() for cell in table.column(alike[0])] if alike else [""] * len(table.rows)


def deduplicate(examples: Iterable[Example]) -> CorpusRead:
    """Keep the first of several texts with the same words and person; drop all of them if their labels differ.

    Case, punctuation and spaces make no difference; see `fingerprint`.

    Example:
        >>> from emomech.data.corpus import Example, deduplicate
        >>> result = deduplicate([Example("It broke!", "sadness"), Example("it  broke", "sadness")])
        >>> len(result.examples), result.dropped
        (1, {'text occurs more than once': 1})
    """
    same: dict[str, list[Example]] = {}
    for example in examples:
        same.setdefault(fingerprint(example), []).append(example)
    agreeing = [group for group in same.values() if len({example.label for example in group}) == 1]
    n_conflicting = sum(map(len, same.values())) - sum(map(len, agreeing))
    n_duplicates = sum(map(len, agreeing)) - len(agreeing)
    dropped = {DUPLICATE: n_duplicates, LABEL_CONFLICT: n_conflicting}
    return CorpusRead(tuple(group[0] for group in agreeing)).after_dropping(dropped)


def fingerprint(example: Example) -> str:
    """Hash a text's words and symbols, such as emoji, and its person; a text without any is hashed as it is."""
    folded = unicodedata.normalize("NFKC", example.text).casefold()
    parts = re.findall(r"\w+|[^\w\s]", folded)
    words = (
        " ".join(part for part in parts if part[0].isalnum() or unicodedata.category(part[0]) in _KEPT)
        or folded.strip()
    )
    return blake2b(f"{example.person}\0{words}".encode(), digest_size=16).hexdigest()


def draw(
    examples: Sequence[Example], limit: int, seed: int, fits: Callable[[Example], bool] | None = None
) -> CorpusRead:
    """Draw `limit` texts at random by the seed, whatever their labels; with limit 0 keep all in their order.

    Examples for which `fits` is False are dropped and counted, if they would have been drawn. The draw is independent
    of the splits; hashes decide both.
    """
    order = sorted(examples, key=lambda example: _uniform(f"drawn/{seed}/{example.text}")) if limit else examples
    kept: list[Example] = []
    n_too_long = 0
    for example in order:
        if limit and len(kept) == limit:
            break
        if fits is None or fits(example):
            kept.append(example)
        else:
            n_too_long += 1
    dropped = {TOO_LONG: n_too_long} if n_too_long else {}
    return CorpusRead(tuple(kept), dropped, len(examples) - len(kept) - n_too_long)


def _completed(example: Example) -> Example:
    """Fill in a missing cluster (the text itself) and missing words (without tags)."""
    words = example.words or tuple(Word(m.start(), m.end(), {}) for m in _WORD.finditer(example.text))
    return Example(**(vars(example) | {"cluster": example.cluster or example.text, "words": words}))


def _uniform(key: str) -> float:
    """Hash a key to a number in [0, 1)."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) / 2**64
