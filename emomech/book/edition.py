"""An edition of the book: the notebooks of `book/runs.toml`, executed with given parameters, and their folders.

The paper itself is the edition without parameters. Any other edition, such as one of another model, has its own folder,
which records its profile and parameters.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from emomech.book import runner
from emomech.book.runner import Planned
from emomech.core import files
from emomech.core.errors import EmomechError, UsageError, unknown
from emomech.core.paths import CHECKOUT
from emomech.notebook import parameters

Profile: TypeAlias = Literal["full", "quick"]
PROFILES: tuple[Profile, ...] = ("full", "quick")
RECORD = "edition.json"
"""File in an edition's folder that records its profile and parameters."""


class Entry(BaseModel):
    """A notebook of the book: its parameters, and those that the quick profile changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    notebook: str
    parameters: Mapping[str, Any] = {}
    quick: Mapping[str, Any] = {}
    needs: list[str] = []
    """Notebooks whose runs it reads, which are therefore executed before it."""
    seconds: float = 60.0
    """About how long it takes in the paper, on one core: long ones begin first, and the time left follows from it."""
    about: Literal["the study", "the embedded models", "the machine", "the book"] = "the study"
    """The subject of the page. The parameters of an edition apply to pages about the study; pages about the embedded
    models or the machine do not change; a page about the book gets them as its parameters `models` and `settings`."""

    def overrides(self, profile: Profile) -> dict[str, object]:
        """Give the parameters that differ from the notebook's defaults."""
        return dict(self.parameters) | (dict(self.quick) if profile == "quick" else {})


class _Runs(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run: list[Entry]


def runs(root: Path = CHECKOUT) -> list[Entry]:
    """Read the notebooks of the book, in order. Raises EmomechError for a wrong file, with the key that is wrong."""
    file = root / "book" / "runs.toml"
    try:
        entries = _Runs.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).run
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise EmomechError(f"{file}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise EmomechError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    names = [entry.notebook for entry in entries]
    if repeated := {name for name in names if names.count(name) > 1}:
        raise EmomechError(f"{file}: lists {', '.join(sorted(repeated))} more than once, expected one run each.")
    if unlisted := {name for entry in entries for name in entry.needs} - set(names):
        raise EmomechError(f"{file}: {', '.join(sorted(unlisted))} is needed by a run, but is not in the list.")
    return entries


def studied(root: Path = CHECKOUT) -> list[str]:
    """Give the names of the notebooks about the study, in the order of the book."""
    return [entry.notebook for entry in runs(root) if entry.about == "the study"]


@dataclass(frozen=True)
class Edition:
    """The book with a profile and parameters. Raises UsageError for an unknown profile."""

    profile: Profile = "full"
    assignments: Mapping[str, str] = field(default_factory=dict)
    """Parameters that differ from the paper's; each applies to every page about the study that has it."""
    output: Path | None = None
    """The folder of the edition; None for the paper itself, which is in the checkout."""
    root: Path = CHECKOUT

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise unknown("profile", self.profile, PROFILES)
        for name, value in self.assignments.items():
            if ";" in value:
                raise UsageError(f"-p {name}={value}: contains a semicolon, which separates the parameters of a book.")

    @cached_property
    def entries(self) -> list[Entry]:
        """The notebooks of the book, in order."""
        return runs(self.root)

    @cached_property
    def planned(self) -> dict[str, Planned]:
        """Each notebook with its parameters, checked.

        Raises UsageError for a parameter that no page about the study has, and as `runner.prepare` does.
        """
        self.check_names()
        return {entry.notebook: runner.prepare(entry.notebook, self.overrides(entry)) for entry in self.entries}

    def check_names(self) -> None:
        """Raise UsageError for a parameter that no page about the study has."""
        if self.assignments:
            known = {name for entry in self.entries if entry.about == "the study" for name in _declared(entry)}
            for name in self.assignments:
                if name not in known:
                    raise unknown("parameter of the book", name, known)

    def overrides(self, entry: Entry) -> dict[str, object]:
        """Give the parameters of a notebook in this edition that differ from the notebook's defaults."""
        overrides = entry.overrides(self.profile)
        if entry.about == "the study" and self.assignments:
            declared = _declared(entry)
            overrides |= {name: value for name, value in self.assignments.items() if name in declared}
        if entry.about == "the book" and self.assignments:
            overrides |= {"settings": format_settings(self.assignments)}
            overrides |= {"models": self.assignments["model"]} if "model" in self.assignments else {}
        return overrides

    def executed(self, notebook: str) -> Path:
        """Give the file of an executed notebook."""
        return self.results / f"{notebook}.ipynb"

    @property
    def results(self) -> Path:
        """The folder of the executed notebooks."""
        return self.output / "results" if self.output else self.root / "book" / "results"

    @property
    def html(self) -> Path:
        """The folder of the pages."""
        return self.output / "html" if self.output else self.root / "book" / "_build" / "html"

    def keep(self) -> None:
        """Record profile and parameters in the edition's folder; do nothing for the paper itself.

        Raises UsageError for a folder that holds other files or another edition.
        """
        if self.output is None:
            return
        if self.output.exists() and any(self.output.iterdir()):
            existing = open_edition(self.output, self.root)
            if (existing.profile, dict(existing.assignments)) != (self.profile, dict(self.assignments)):
                content = f"{existing.profile}, {format_settings(existing.assignments) or 'as the paper'}"
                raise UsageError(f"{self.output}: holds another edition ({content}). Name another folder.")
            return
        record = {"profile": self.profile, "parameters": dict(self.assignments)}
        files.write_atomic(self.output / RECORD, json.dumps(record, indent=1))


def _declared(entry: Entry) -> dict[str, parameters.Parameter]:
    return parameters.read(runner.find(entry.notebook))


def open_edition(folder: Path, root: Path = CHECKOUT) -> Edition:
    """Read the edition in a folder. Raises UsageError for a folder without an edition."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Edition(record["profile"], record["parameters"], folder, root)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder}: holds no edition of the book; expected one with the file {RECORD}.") from error


def select(profile: Profile, output: Path | None) -> Edition:
    """Give the edition in a folder, or the paper in a profile if no folder is named."""
    return open_edition(output.absolute()) if output else Edition(profile)


def format_settings(assignments: Mapping[str, str]) -> str:
    """Write parameters as one text, `name=value; name=value`."""
    return "; ".join(f"{name}={value}" for name, value in assignments.items())


def parse_settings(settings: str) -> dict[str, str]:
    """Read the text that `format_settings` wrote. Raises UsageError as `parameters.assignments` does.

    Example:
        >>> from emomech.book.edition import parse_settings
        >>> parse_settings("model=gpt2-small; seed=1")
        {'model': 'gpt2-small', 'seed': '1'}
    """
    return parameters.assignments([assignment.strip() for assignment in settings.split(";") if assignment.strip()])
