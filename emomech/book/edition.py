"""An edition of the book: what `book/runs.toml` lists, executed with given parameters, and where it stands.

The paper itself is the edition without parameters. Another one, of another model say, stands in a folder of its own,
which remembers what was asked for.
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
"""File in an edition's folder that says what was asked for."""


class Entry(BaseModel):
    """One run of the book: a notebook, its parameters, and what the quick profile changes of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    notebook: str
    parameters: Mapping[str, Any] = {}
    quick: Mapping[str, Any] = {}
    needs: list[str] = []
    """Notebooks whose runs it reads, and which are therefore executed before it."""
    about: Literal["the study", "the embedded models", "the machine", "the book"] = "the study"
    """What the page speaks of. Parameters of an edition change the study; a page about the embedded models or the
    machine stays what it is; a page about the book is told of the parameters in its own `models` and `settings`."""

    def overrides(self, profile: Profile) -> dict[str, object]:
        """Give the parameters that depart from the notebook's own."""
        return dict(self.parameters) | (dict(self.quick) if profile == "quick" else {})


class _Runs(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    run: list[Entry]


def runs(root: Path = CHECKOUT) -> list[Entry]:
    """Read what the book consists of, in order. Raises EmomechError that names the key that is wrong."""
    file = root / "book" / "runs.toml"
    try:
        entries = _Runs.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).run
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise EmomechError(f"{file}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise EmomechError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
    names = [entry.notebook for entry in entries]
    if twice := {name for name in names if names.count(name) > 1}:
        raise EmomechError(f"{file}: {', '.join(sorted(twice))} stands there more than once; a notebook is one page.")
    if strange := {name for entry in entries for name in entry.needs} - set(names):
        raise EmomechError(f"{file}: {', '.join(sorted(strange))} is needed by a run, but is not in the list.")
    return entries


def studied(root: Path = CHECKOUT) -> list[str]:
    """Names of the notebooks whose pages depend on the study, in the order of the book."""
    return [entry.notebook for entry in runs(root) if entry.about == "the study"]


@dataclass(frozen=True)
class Edition:
    """The book under a profile and parameters. Raises UsageError for an unknown profile."""

    profile: Profile = "full"
    assignments: Mapping[str, str] = field(default_factory=dict)
    """Parameters that depart from the book's own, each for every page of the study that has it."""
    output: Path | None = None
    """The folder of an edition that is not the paper itself."""
    root: Path = CHECKOUT

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise unknown("profile", self.profile, PROFILES)
        for name, value in self.assignments.items():
            if ";" in value:
                raise UsageError(f"-p {name}={value}: holds a semicolon, which separates the parameters of a book.")

    @cached_property
    def entries(self) -> list[Entry]:
        """The runs of the book, in order."""
        return runs(self.root)

    @cached_property
    def planned(self) -> dict[str, Planned]:
        """What each notebook is executed with, all of it checked.

        Raises UsageError for a parameter that no page of the study has, and as `runner.prepare`.
        """
        if self.assignments:
            known = {name for entry in self.entries if entry.about == "the study" for name in _declared(entry)}
            for name in self.assignments:
                if name not in known:
                    raise unknown("parameter of the book", name, known)
        return {entry.notebook: runner.prepare(entry.notebook, self.overrides(entry)) for entry in self.entries}

    def overrides(self, entry: Entry) -> dict[str, object]:
        """Give the parameters of one run that depart from the notebook's own."""
        given = entry.overrides(self.profile)
        if entry.about == "the study" and self.assignments:
            declared = _declared(entry)
            given |= {name: value for name, value in self.assignments.items() if name in declared}
        if entry.about == "the book" and self.assignments:
            given |= {"settings": written(self.assignments)}
            given |= {"models": self.assignments["model"]} if "model" in self.assignments else {}
        return given

    def executed(self, notebook: str) -> Path:
        """Say where the executed notebook of a run stands."""
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
        """Note in the edition's folder what was asked for; the paper itself needs no note.

        Raises UsageError for a folder that holds other things, or another edition.
        """
        if self.output is None:
            return
        if self.output.exists() and any(self.output.iterdir()):
            found = opened(self.output, self.root)
            if (found.profile, dict(found.assignments)) != (self.profile, dict(self.assignments)):
                other = f"{found.profile}, {written(found.assignments) or 'as the paper'}"
                raise UsageError(f"{self.output}: holds another edition ({other}). Name another folder.")
            return
        record = {"profile": self.profile, "parameters": dict(self.assignments)}
        files.write_atomic(self.output / RECORD, json.dumps(record, indent=1))


def _declared(entry: Entry) -> dict[str, parameters.Parameter]:
    return parameters.read(runner.find(entry.notebook))


def opened(folder: Path, root: Path = CHECKOUT) -> Edition:
    """Find the edition that stands in a folder. Raises UsageError where there is none."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Edition(found["profile"], found["parameters"], folder, root)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder}: holds no edition of the book; expected one with {RECORD} in it.") from error


def chosen(profile: Profile, output: Path | None) -> Edition:
    """Find the edition that a command speaks of: the one in the folder, or else the paper in a profile."""
    return opened(output.absolute()) if output else Edition(profile)


def written(assignments: Mapping[str, str]) -> str:
    """Write parameters as one text, `name=value; name=value`."""
    return "; ".join(f"{name}={value}" for name, value in assignments.items())


def read(settings: str) -> dict[str, str]:
    """Read parameters that `written` wrote. Raises UsageError as `parameters.assignments`."""
    return parameters.assignments([one.strip() for one in settings.split(";") if one.strip()])
