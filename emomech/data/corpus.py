"""Texts with an emotion each, and, where it is known, the gold annotation of their words.

A corpus comes from the embedded grammar, which knows everything about its texts, from a file of a user's own with
a `text` and a `label` column, or from a published data set (`public_texts`). Splits are a function of the text's
cluster alone, so that the two texts of a minimal pair never stand on both sides.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from emomech.core.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


Split = Literal["discover", "tune", "report"]
_SHARES: Mapping[Split, float] = {"discover": 0.4, "tune": 0.2, "report": 0.4}
_WORD = re.compile(r"\w+(?:['’]\w+)*")
TWICE = "text stands twice"
CONFLICT = "one text, several labels"
TOO_LONG = "longer than the model reads"
"""Why a text is left out."""
_READERS = {".csv": "read_csv", ".jsonl": "read_json", ".parquet": "read_parquet"}


@dataclass(frozen=True)
class Word:
    """A word of a text: `text[start:end]`, and its gold tags, label family to value."""

    start: int
    end: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Example:
    """A text, and the emotion that a person in it feels.

    `answer_tags` are the gold values that belong to the question rather than to one word: the queried
    person's grammatical and semantic role in the deciding clause, its appraisals.
    """

    text: str
    label: str
    person: str = ""
    """Who is asked about, as the prompt names them; empty where the corpus does not say."""
    item_type: str = ""
    """What makes the item easy or hard; results are reported per item type."""
    style: str = ""
    shift: str = ""
    """What of the text no training showed; empty where nothing, or where the corpus does not say."""
    cluster: str = ""
    """Texts that are not independent (a minimal pair) share it; intervals are resampled by it."""
    words: tuple[Word, ...] = ()
    answer_tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """Examples of two emotions or more, and the label set in a fixed order."""

    name: str
    examples: tuple[Example, ...]
    labels: tuple[str, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)
    """How many texts of the source were left out, by reason; what a limit did not draw is not among them."""

    def split(self, example: Example, seed: int) -> Split:
        """Which of the three disjoint splits an example belongs to: `discover` 40 %, `tune` 20 %, `report` 40 %.

        Decided by a hash of its cluster and the seed, so that it does not depend on the other texts.
        """
        point = _uniform(f"{seed}/{example.cluster}")
        if point < _SHARES["discover"]:
            return "discover"
        return "tune" if point < _SHARES["discover"] + _SHARES["tune"] else "report"


@dataclass(frozen=True)
class Reading:
    """Texts as they were read, and how many were left out, by reason."""

    examples: tuple[Example, ...]
    dropped: Mapping[str, int] = field(default_factory=dict)

    def without(self, dropped: Mapping[str, int]) -> "Reading":
        """Count what was left out before, too; reasons in the order in which they applied."""
        earlier = {reason: number for reason, number in dropped.items() if number}
        return Reading(self.examples, earlier | {r: n + earlier.get(r, 0) for r, n in self.dropped.items() if n})


def make(name: str, examples: Iterable[Example], labels: Iterable[str] = ()) -> Corpus:
    """Gather examples into a corpus; an example without cluster or words is given them.

    `labels` is the label set; empty, it is what the examples hold, in alphabetical order. Raises UsageError for
    no example, for fewer than two labels, and for a label outside the set.
    """
    gathered = tuple(_completed(example) for example in examples)
    found = Counter(example.label for example in gathered)
    wanted = tuple(labels) or tuple(sorted(found))
    if strange := sorted(set(found) - set(wanted)):
        raise UsageError(f"corpus {name!r}: has the labels {strange}, expected only {', '.join(wanted)}.")
    if not gathered:
        raise UsageError(f"corpus {name!r}: holds no text; expected texts of at least two emotions.")
    if len(found) < 2:
        raise UsageError(f"corpus {name!r}: all {len(gathered)} texts are {next(iter(found))!r}; expected two labels.")
    return Corpus(name, gathered, tuple(label for label in wanted if label in found))


def divisions(examples: Sequence[Example]) -> list[tuple[str, str, list[int]]]:
    """Divide examples by item type, by style, and by what of them no training showed: (breakdown, group, numbers).

    Item types and styles are of the examples that are as in training, where the corpus knows which those are.
    """
    usual = [i for i, example in enumerate(examples) if not example.shift]
    found = _grouped("item type", usual, [example.item_type for example in examples])
    found += _grouped("style", usual, [example.style for example in examples])
    if len(usual) < len(examples):
        shift = [example.shift or "as in training" for example in examples]
        found += _grouped("distribution", range(len(examples)), shift)
    return found


def _grouped(breakdown: str, among: Iterable[int], names: Sequence[str]) -> list[tuple[str, str, list[int]]]:
    rows: dict[str, list[int]] = {}
    for i in among:
        rows.setdefault(names[i], []).append(i)
    return [(breakdown, name, rows[name]) for name in sorted(rows) if name]


def read(path: Path) -> Reading:
    """Read a CSV, JSONL or Parquet file with the columns `text` and `label`; `person` and `item_type` are optional.

    Texts that stand twice are left out and counted, see `single`. Raises UsageError that names the file and what is
    wrong with it: its ending, its encoding, a missing column, an empty cell.
    """
    frame = _filled(path, "text", "label")
    kept = [column for column in ("text", "label", "person", "item_type") if column in frame.columns]
    rows = frame[kept].fillna("").astype(str).to_dict("records")
    return single([Example(**{str(key): value.strip() for key, value in row.items()}) for row in rows])


def texts(path: Path) -> list[str]:
    """Read the texts of such a file, each once; no label is needed. Raises UsageError as `read` does."""
    return list(dict.fromkeys(_filled(path, "text").text.astype(str).str.strip()))


def _filled(path: Path, *columns: str) -> "pd.DataFrame":
    """Read a table in which some columns have no empty cell."""
    frame = _frame(path)
    for column in columns:
        if column not in frame.columns:
            raise UsageError(f"{path.name}: has the columns {list(frame.columns)}, expected one named {column!r}.")
        blank = frame[column].isna() | (frame[column].astype(str).str.strip() == "")
        if blank.any():
            raise UsageError(f"{path.name}: row {int(blank.argmax()) + 1} has no {column}.")
    return frame


def single(examples: Iterable[Example]) -> Reading:
    """Keep the first of texts that say the same of the same person; none of them where their labels differ.

    Two texts say the same if their words do, whatever their case, punctuation and spaces: see `fingerprint`.
    """
    same: dict[str, list[Example]] = {}
    for example in examples:
        same.setdefault(fingerprint(example), []).append(example)
    agreed = [found for found in same.values() if len({example.label for example in found}) == 1]
    conflict = sum(map(len, same.values())) - sum(map(len, agreed))
    twice = sum(map(len, agreed)) - len(agreed)
    dropped = {TWICE: twice, CONFLICT: conflict}
    return Reading(tuple(found[0] for found in agreed)).without(dropped)


def fingerprint(example: Example) -> str:
    """Hash of a text's words and its person; of the text itself where it has no words (only signs)."""
    told = unicodedata.normalize("NFKC", example.text).casefold()
    words = " ".join(re.findall(r"\w+", told)) or told.strip()
    return blake2b(f"{example.person}\0{words}".encode(), digest_size=16).hexdigest()


def drawn(examples: Sequence[Example], limit: int, seed: int, fits: Callable[[Example], bool] | None = None) -> Reading:
    """Draw `limit` texts by the seed, whatever their labels and order; 0: take all, in the order in which they stand.

    Where `fits` is given, what it refuses is left out, and counted as far as the draw came upon it. The draw is
    independent of the splits, which are hashes as well.
    """
    order = sorted(examples, key=lambda example: _uniform(f"drawn/{seed}/{example.text}")) if limit else examples
    kept: list[Example] = []
    refused = 0
    for example in order:
        if limit and len(kept) == limit:
            break
        if fits is None or fits(example):
            kept.append(example)
        else:
            refused += 1
    return Reading(tuple(kept), {TOO_LONG: refused} if refused else {})


def _frame(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if path.suffix not in _READERS:
        raise UsageError(f"{path.name}: is {path.suffix or 'without an ending'}, expected {', '.join(_READERS)}.")
    options = {} if path.suffix == ".parquet" else {"encoding": "utf-8"}
    options |= {"lines": True} if path.suffix == ".jsonl" else {}
    try:
        return getattr(pd, _READERS[path.suffix])(path, **options)
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: byte {error.start} is not UTF-8. Save the file as UTF-8.") from error
    except pd.errors.EmptyDataError as error:
        raise UsageError(f"{path.name}: is empty; expected the columns text and label.") from error
    except (ValueError, OSError) as error:
        raise UsageError(f"{path.name}: cannot be read as {path.suffix[1:]}: {error}") from error


def _completed(example: Example) -> Example:
    """Give an example a cluster (its own text) and words (without tags), where it has none."""
    words = example.words or tuple(Word(m.start(), m.end(), {}) for m in _WORD.finditer(example.text))
    return Example(**(vars(example) | {"cluster": example.cluster or example.text, "words": words}))


def _uniform(key: str) -> float:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) / 2**64
