"""Texts that may be studied and not shown: a number stands for each, and a result that contains one is not kept.

Whether the texts of a corpus may be shown is a field of its preset (`shown`), which a file keeps that is recognised as
a published data set.

Example:
    >>> from emomech.study.spec import StudySpec
    >>> from emomech.study.unshown import may_be_shown, stand_in
    >>> may_be_shown(StudySpec(corpus="goemotions-sample")), may_be_shown(StudySpec(corpus="crowd-envent"))
    (True, False)
    >>> stand_in(17)
    'text 17 of the corpus, which may not be shown'
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from emomech.core.errors import EmomechError
from emomech.study.spec import StudySpec

if TYPE_CHECKING:
    import pandas as pd

    from emomech.study.study import Study

RUN = 6
"""Words in a row that a table must not share with a text."""
SHORTEST = 3
"""Words of the shortest text that is looked for; a shorter one is not recognisable."""
_WORD = re.compile(r"\w+")


def may_be_shown(spec: StudySpec) -> bool:
    """Whether results and pages may hold the texts of a study: those of its corpus, and of all that it joins."""
    corpus = spec.resolved.corpus
    return all(member.preset.shown for member in corpus.joined or (corpus,))


def stand_in(number: int) -> str:
    """What is shown in place of a text; `number` is its place in the corpus, from 1."""
    return f"text {number} of the corpus, which may not be shown"


def check_result(result: object, study: "Study") -> None:
    """Check the tables of a result, a dataclass, if the texts of its study may not be shown; raises as `check` does."""
    if not may_be_shown(study.spec):
        tables = {name: table for name, table in vars(result).items() if hasattr(table, "columns")}
        check(tables, (example.text for example in study.corpus.examples))


def check(tables: Mapping[str, "pd.DataFrame"], texts: Iterable[str]) -> None:
    """Raise EmomechError if a cell of a table has `RUN` words in a row of a text, or all words of a short one.

    Case, punctuation and spaces make no difference.

    Example:
        >>> import pandas as pd
        >>> from emomech.study.unshown import check
        >>> check({"cards": pd.DataFrame({"prompt": ["He said: it rained all day, at last."]})}, ["It rained all day"])
        Traceback (most recent call last):
        ...
        emomech.core.errors.EmomechError: cards: its column 'prompt' has a text that may not be shown, so nothing ...
    """
    by_length: dict[int, set[tuple[str, ...]]] = {}
    for text in texts:
        words = _words(text)
        if len(words) >= SHORTEST:
            length = min(RUN, len(words))
            by_length.setdefault(length, set()).update(_runs(words, length))
    for name, table in tables.items():
        for column in table.columns:
            cells = {cell for cell in table[column] if isinstance(cell, str)}
            if any(run in runs for cell in cells for n, runs in by_length.items() for run in _runs(_words(cell), n)):
                raise EmomechError(
                    f"{name}: its column {column!r} has a text that may not be shown, so nothing is kept. Tables have "
                    "to use `unshown.stand_in` where `unshown.may_be_shown` is false."
                )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _runs(words: list[str], length: int) -> Iterator[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(length)), strict=False)
