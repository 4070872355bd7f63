"""Check what is about to be kept: small files, and no text of a corpus whose texts may not be shown.

A text counts as held by a table if a cell has the same letters in the same order as part of the text, whatever stands
between them. So a text that was split into tokens is found, too.

Example:
    >>> from emomech.book.kept import guard
    >>> texts = guard.Texts(["I waited for hours in the cold rain and nobody came to open the door."])
    >>> texts.quoted('["waited", "for", "hours", " in", " the", " cold", " rain", " and", " nobody"]')
    True
    >>> texts.quoted("the share of the variance that the labels of a family explain")
    False
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from emomech.core.errors import EmomechError, UsageError
from emomech.data.grammar.tasks import TASKS
from emomech.study import corpora
from emomech.study.resolved import ResolvedCorpus
from emomech.study.run import PROVENANCE, tables
from emomech.study.spec import StudySpec

MAX_BYTES = 2_000_000
"""Most bytes of a file that is kept in git."""
_WINDOW = 24
"""Letters in a row that a cell has in common with a text that it quotes."""
_STEP = 6
"""Letters from one window of a text to the next; a quote of `_WINDOW + _STEP - 1` letters is always found."""
_SHORT = 12
"""Fewest letters of a whole short text that count as a quote of it; single words are no quote."""
_NO_LETTER = re.compile(r"\\+u[0-9a-fA-F]{4}|[ĠĊ\W\d_]")
"""What does not count in a text: all but letters, also as JSON escapes it, and the marks of blanks in tokens."""


class Texts:
    """The texts of a corpus, in a form in which quotes of them are found."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._windows: set[str] = set()
        self._whole: set[str] = set()
        for text in texts:
            letters = _letters(text)
            starts = range(0, max(len(letters) - _WINDOW + 1, 0), _STEP)
            self._windows |= {letters[start : start + _WINDOW] for start in starts}
            if len(text.split()) > 2 and len(letters) >= _SHORT:
                self._whole.add(letters)

    def quoted(self, cell: str) -> bool:
        """Whether a cell holds a part of a text, or a whole short one."""
        letters = _letters(cell)
        starts = range(max(len(letters) - _WINDOW + 1, 0))
        return letters in self._whole or any(letters[start : start + _WINDOW] in self._windows for start in starts)


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()


def are_protected(specs: Iterable[StudySpec], may_be_shown: bool) -> bool:
    """Whether no text of some studies may be kept: the edition says so, or the preset of one of the corpora does."""
    corpora_named = [spec.resolved.corpus for spec in specs]
    parts = [part for corpus in corpora_named for part in (corpus, *corpus.joined)]
    return not may_be_shown or not all(part.preset.shown for part in parts)


def texts_of(specs: Iterable[StudySpec]) -> Texts:
    """Read every text of the corpora that studies name, without a model. Raises as `corpora.read` does."""
    return Texts(text for spec in specs for text in _read(spec.resolved.corpus, spec.resolved.words))


def _read(corpus: ResolvedCorpus, labels: Iterable[str]) -> Iterator[str]:
    if corpus.preset.grammar:
        for example, _ in zip(TASKS[corpus.preset.grammar](0), range(corpus.preset.texts), strict=False):
            yield example.text
    else:
        yield from (example.text for example in corpora.read(corpus, list(labels)).examples)


def check(folder: Path, texts: Texts | None) -> None:
    """Check the files of a chapter that are about to be kept; `texts` may not be shown; None: all may.

    Raises UsageError for a file that is too large, and EmomechError for a table or a record that holds a text.
    """
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if (size := file.stat().st_size) > MAX_BYTES:
            raise UsageError(
                f"{file.name}: has {size / 1e6:.1f} MB, expected at most {MAX_BYTES / 1e6:.0f} MB of a file in git. "
                "Summarise the table in the analysis, or lower the number of its rows by a parameter."
            )
    if texts:
        for record in sorted(folder.rglob(PROVENANCE)):
            _check_tables(record, texts)


def _check_tables(record: Path, texts: Texts) -> None:
    for name, table in tables(record.parent).items():
        for column in table.select_dtypes(include=["object", "string"]):
            values = table[column].astype(str)
            if any(map(texts.quoted, values.unique())) or texts.quoted(" ".join(values)):  # or a token a row
                raise EmomechError(
                    f"{name}: the column {column} holds a text of the corpus, whose texts may not be shown. "
                    "Nothing of this chapter is kept; the analysis has to leave such texts out."
                )
