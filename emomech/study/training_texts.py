"""The texts that SAEs are trained on: several corpora, read one text of each in turn.

A corpus is a preset, a table of a user (labels are not needed), a plain text file, or a file of a data set on the hub.
Large files are read as a stream. A text that occurs again is left out, and one that is longer than the model's context
is split. Every tenth text, up to a limit, is held out to measure the SAEs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from emomech.core import hub
from emomech.core.errors import UsageError
from emomech.data import corpus, plain_text, tables
from emomech.models.tokens import split_long_texts
from emomech.presets import lookup
from emomech.study.spec import StudySpec
from emomech.study.study import Study

if TYPE_CHECKING:
    from emomech.models.language_model import LanguageModel

HUB = "hub:"
"""Start of the name of a file on the hub, such as hub:owner/dataset/texts.jsonl."""
HELD_OUT = 200
"""Largest number of texts that are held out."""
_EVERY = 10
"""One of so many texts is held out."""
_SHORT = 16
"""Tokens by which a text is shorter than the context if it is not split; a token has one byte or more."""


@dataclass
class TrainingTexts:
    """Texts of several corpora for one model; iterating gives those to train on, and fills `held_out`."""

    study: Study
    """A study of the model."""
    corpora: Sequence[str]
    column: str = ""
    """Column of the texts in tables; empty: the column named text."""
    held_out: list[str] = field(default_factory=list)
    """Texts that were left out of the training, as far as the texts were read."""

    @property
    def lm(self) -> "LanguageModel":
        """The model that reads the texts."""
        return self.study.lm

    @classmethod
    def of(cls, model: str, names: Sequence[str], column: str = "", seed: int = 0) -> "TrainingTexts":
        """Check all corpora before a model is loaded. Raises UsageError for a corpus that cannot be read."""
        corpora = [name for listed in names for name in lookup.listed(listed)]
        if not corpora:
            raise UsageError("corpus: none is named. Name a preset, or a file of texts.")
        if column and not any(name.startswith(HUB) or Path(name).is_file() for name in corpora):
            raise UsageError(f"text {column!r}: names a column, but no corpus is a table of yours. Leave it out.")
        spec = StudySpec(model=model, sae=None, seed=seed)
        for name in corpora:
            if not _is_stream(name):
                _of_corpus(spec, name, column).validate(labelled=False)
            elif name.startswith(HUB):
                _hub_name(name)
            elif not Path(name).is_file():
                raise UsageError(f"corpus {name!r}: there is no such file. Check the path.")
        return cls(Study(spec.validate(labelled=False)), corpora, column)

    def every(self) -> Iterator[str]:
        """Yield all texts, one of each corpus in turn, each once.

        Raises UsageError for a file that cannot be read, when it comes to the row that is wrong.
        """
        return _once(_in_turn([self._texts(name) for name in self.corpora]))

    def pieces(self) -> Iterator[str]:
        """Yield all texts as `every`, with long ones split."""
        for text in self.every():
            yield from _pieces(self.lm, text)

    def __iter__(self) -> Iterator[str]:
        """Yield the texts to train on as `pieces`; every tenth goes to `held_out`, until there are `HELD_OUT`."""
        self.held_out.clear()
        for number, text in enumerate(self.every(), 1):
            if number % _EVERY == 0 and len(self.held_out) < HELD_OUT:
                self.held_out += _pieces(self.lm, text)[:1]
            else:
                yield from _pieces(self.lm, text)

    def _texts(self, name: str) -> Iterator[str]:
        """Yield the texts of one corpus."""
        if _is_stream(name):
            return _texts_of(_hub_file(name) if name.startswith(HUB) else Path(name), self.column)
        spec = _of_corpus(self.study.spec, name, self.column)
        if spec.resolved.corpus.is_table:
            return _texts_of(Path(spec.resolved.corpus.preset.path), self.column)
        study = Study(spec, self.study.settings).replaced(lm=self.lm)
        return (example.text for example in study.corpus.examples)


def _of_corpus(spec: StudySpec, name: str, column: str) -> StudySpec:
    """Name one corpus; the column of the texts is that of tables of a user."""
    return replace(spec, corpus=name, text=column if Path(name).is_file() else "")


def _is_stream(name: str) -> bool:
    return name.startswith(HUB) or Path(name).suffix.lower() == plain_text.SUFFIX


def _texts_of(path: Path, column: str) -> Iterator[str]:
    """Yield the texts of a plain text file or of a table."""
    return plain_text.each_line(path) if path.suffix.lower() == plain_text.SUFFIX else corpus.each_text(path, column)


def _hub_name(name: str) -> tuple[str, str]:
    """Split the name of a file on the hub into repository and path. Raises UsageError for a name that is not one."""
    parts, suffixes = name.removeprefix(HUB).split("/", 2), (plain_text.SUFFIX, *tables.SUFFIXES)
    if len(parts) < 3 or not all(parts) or not parts[2].endswith(suffixes):
        example = f"{HUB}owner/dataset/texts.jsonl"
        raise UsageError(f"corpus {name!r}: expected a file such as {example}, ending with {', '.join(suffixes)}.")
    return f"{parts[0]}/{parts[1]}", parts[2]


def _hub_file(name: str) -> Path:
    """Fetch a file of a data set, or take it from the cache. Raises UsageError if the data set has no such file."""
    repository, path = _hub_name(name)
    folder = hub.fetch(repository, kind="dataset", files=[path])
    if not (folder / path).is_file():
        raise UsageError(f"corpus {name!r}: the dataset {repository} has no file {path}.")
    return folder / path


def _in_turn(streams: Iterable[Iterator[str]]) -> Iterator[str]:
    """Yield one item of each stream in turn, until all have ended."""
    running = list(streams)
    while running:
        for stream in tuple(running):
            try:
                yield next(stream)
            except StopIteration:
                running.remove(stream)


def _once(texts: Iterable[str]) -> Iterator[str]:
    """Leave out texts that occurred before; of each text, 8 bytes are remembered."""
    seen: set[bytes] = set()
    for text in texts:
        mark = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        if mark not in seen:
            seen.add(mark)
            yield text


def _pieces(lm: "LanguageModel", text: str) -> list[str]:
    """Split a text that may be longer than the model's context."""
    if len(text.encode("utf-8", "surrogatepass")) <= lm.context - len(lm.prefix) - _SHORT:
        return [text]
    return split_long_texts(lm, [text])
