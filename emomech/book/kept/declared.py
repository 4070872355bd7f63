"""The kept editions that `book/editions.toml` declares: which model reads which texts, and in which chapters.

An edition is computed by a command, and its tables are kept in git. The book shows the tables, so that it needs neither
the model nor the texts.

Example:
    >>> from emomech.book.kept import declared
    >>> edition = declared.find("smollm2-goemotions")
    >>> edition.model, edition.folder.name
    ('smollm2-135m-instruct', 'smollm2-goemotions')
"""

import re
import tomllib
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech.book import runner
from emomech.book.edition import Entry, Profile, runs
from emomech.core.errors import EmomechError, unknown
from emomech.core.paths import CHECKOUT
from emomech.notebook import parameters

FILE = Path("book", "editions.toml")
"""The list of kept editions, below the checkout."""
FOLDER = Path("book", "editions")
"""Folder of the kept tables, below the checkout; each edition has a folder of its name in it."""
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class _Chapter(BaseModel):
    """What a chapter changes of the edition's parameters, and its quick profile of both."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    parameters: Mapping[str, Any] = {}
    quick: Mapping[str, Any] = {}


class Declaration(BaseModel):
    """An entry of `book/editions.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    title: str
    """Title of its part in the table of contents."""
    label: str
    """A short title for the columns of tables and the panels of figures."""
    model: str
    corpus: str
    texts_may_be_shown: bool
    """Whether the licence of the texts lets the book show them; if not, no table may hold one."""
    parameters: Mapping[str, Any] = {}
    """Parameters of every chapter that has them, such as `prompt` or `gold`."""
    quick: Mapping[str, Any] = {}
    """What the quick profile changes of them."""
    chapters: Mapping[str, _Chapter] = {}
    """What single chapters change of them."""
    without: Mapping[str, str] = {}
    """Chapters that cannot be asked of this edition, each with the reason in one sentence."""


@dataclass(frozen=True)
class KeptEdition:
    """A declared edition, with the chapters that can be asked of it."""

    name: str
    declaration: Declaration
    root: Path = CHECKOUT
    entries: tuple[Entry, ...] = field(default=(), repr=False)
    """The chapters that can be asked, in the order of the book."""

    @property
    def folder(self) -> Path:
        """The folder of the kept tables, with a folder for each chapter."""
        return self.root / FOLDER / self.name

    @property
    def title(self) -> str:
        """Title of its part in the table of contents."""
        return self.declaration.title

    @property
    def label(self) -> str:
        """Its short title."""
        return self.declaration.label

    @property
    def model(self) -> str:
        """The model: a preset or a path."""
        return self.declaration.model

    @property
    def corpus(self) -> str:
        """The texts: a preset, a path, or several of them."""
        return self.declaration.corpus

    @property
    def chapters(self) -> list[str]:
        """Names of the chapters that can be asked, in the order of the book."""
        return [entry.notebook for entry in self.entries]

    @cached_property
    def kept_chapters(self) -> list[str]:
        """Names of the chapters whose tables are kept, in the order of the book."""
        return [name for name in self.chapters if (self.folder / name / "kept.json").is_file()]

    def entry(self, chapter: str) -> Entry:
        """Find a chapter. Raises UsageError for one that cannot be asked, with the reason."""
        for entry in self.entries:
            if entry.notebook == chapter:
                return entry
        raise unknown(f"chapter of {self.name}", chapter, self.chapters, self.declaration.without.get(chapter, ""))

    def overrides(self, chapter: str, profile: Profile) -> dict[str, object]:
        """Give the parameters of a chapter that differ from the notebook's defaults.

        Those of the edition come before those of the book, those of the chapter before both, and those of the quick
        profile before all others.
        """
        entry, own = self.entry(chapter), self.declaration.chapters.get(chapter, _Chapter())
        known = parameters.read(runner.find(chapter))
        edition = dict(self.declaration.parameters) | {"model": self.model, "corpus": self.corpus}
        full = entry.overrides("full") | _known(edition, known) | dict(own.parameters)
        if profile == "full":
            return full
        return full | dict(entry.quick) | _known(self.declaration.quick, known) | dict(own.quick)

    def values(self, chapter: str, profile: Profile) -> dict[str, parameters.Value]:
        """Give every parameter of a chapter by name. Raises UsageError for one that does not fit."""
        return parameters.validate(
            parameters.read(runner.find(chapter)), self.overrides(chapter, profile), f"{self.name}/{chapter}"
        )

    def command(self, *chapters: str, profile: Profile = "full") -> str:
        """Give the command that computes chapters; without names, all that are not kept or are stale."""
        named = "".join(f" --chapter {chapter}" for chapter in chapters)
        return f"emomech edition compute {self.name}{named}{' --quick' if profile == 'quick' else ''}"


def _known(values: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """Keep the values of parameters that a notebook has."""
    return {name: value for name, value in values.items() if name in names}


def editions(root: Path = CHECKOUT) -> list[KeptEdition]:
    """Read the declared editions, in order; none if the checkout at `root` declares none.

    Raises EmomechError for a wrong file, with the key that is wrong and what is expected.
    """
    file = root / FILE
    if not file.exists():
        return []
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise EmomechError(f"{file}: cannot be read: {error}") from error
    asked = [entry for entry in runs(root) if entry.about == "the study"]
    return [_edition(file, name, entry, asked, root) for name, entry in content.items()]


def _edition(file: Path, name: str, content: object, asked: list[Entry], root: Path) -> KeptEdition:
    if not _NAME.fullmatch(name):
        raise EmomechError(f"{file}: {name}: is no name of an edition; expected lower-case words joined by hyphens.")
    try:
        declaration = Declaration.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (name, *first["loc"])))
        raise EmomechError(f"{file}: {where}: {first['msg']}.") from error
    known = [entry.notebook for entry in asked]
    for chapter in (*declaration.chapters, *declaration.without):
        if chapter not in known:
            raise EmomechError(f"{file}: {name}: {unknown('chapter', chapter, known)}")
    entries = tuple(entry for entry in asked if entry.notebook not in declaration.without)
    return KeptEdition(name, declaration, root, entries)


def find(name: str, root: Path = CHECKOUT) -> KeptEdition:
    """Find an edition by name. Raises UsageError for an unknown name, with the known ones."""
    known = {edition.name: edition for edition in editions(root)}
    if name not in known:
        raise unknown("kept edition", name, known)
    return known[name]
