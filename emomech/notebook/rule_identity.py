"""The identity of a rule: a hash of its code and its criteria, and the entries under which it was fixed.

`book/rules.lock` lists for every claim the rules that decided it, in order of date. The hash covers the criteria as
data, and the code of the rule and of the grammar of rules without comments and docstrings. A rule that changes has
another hash, which `emomech check` compares with the last entry.
"""

import ast
import datetime
import importlib
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from emomech.core.errors import EmomechError
from emomech.core.paths import CHECKOUT, PACKAGE

if TYPE_CHECKING:
    from emomech.chapters.rules import Rule


LOCK = CHECKOUT / "book" / "rules.lock"
SHORT = 12
"""Characters of a hash that pages show."""
GRAMMAR = ("criteria", "rules", "verdict")
"""Modules of `chapters/` that decide what every rule means."""
CHAPTERS = "emomech.chapters"


class Entry(BaseModel):
    """A rule as it was fixed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    date: datetime.date
    seen: str = ""
    """What had been seen of the results when the rule was fixed."""
    reason: str
    """Why the rule was fixed, or why it replaces the one before it."""
    rule: str = ""
    """The rule in one or two sentences, for one whose code is no longer here."""
    said: str = ""
    """What the page concluded under a rule that was wrong."""
    wrong: str = ""
    """What was wrong with it."""
    outcomes: Mapping[str, str] = {}
    """Outcome by model under a rule that was replaced."""


Lock: TypeAlias = Mapping[str, Sequence[Entry]]
"""The entries of each claim, the last of which is the rule that holds."""


def read(file: Path = LOCK) -> dict[str, list[Entry]]:
    """Read the lock; empty if there is none. Raises EmomechError for a wrong file, with the key that is wrong."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return TypeAdapter(dict[str, list[Entry]]).validate_python(content)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise EmomechError(f"{file}: cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise EmomechError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


def rule_hash(rule: "Rule[Any]") -> str:
    """Hash a rule: its criteria as data, its code, and the code of the grammar."""
    data = {
        "claim": rule.claim,
        "statement": rule.statement,
        "criteria": [asdict(criterion) for criterion in rule.criteria],
        "columns": rule.columns,
        "own": sorted(rule.own),
        "described": dict(rule.described),
    }
    files = [*_code(rule), *(PACKAGE / "chapters" / f"{name}.py" for name in GRAMMAR)]
    sources = {file.name: normalised(file.read_text(encoding="utf-8")) for file in files}
    return blake2b(json.dumps([data, sources], sort_keys=True).encode(), digest_size=16).hexdigest()


@cache
def normalised(source: str) -> str:
    """Write code so that comments, layout and docstrings do not count.

    Example:
        >>> from emomech.notebook.rule_identity import normalised
        >>> normalised("x = 1  # one") == normalised("x = 1") != normalised("x = 2")
        True
    """
    return json.dumps(_plain(ast.parse(source)))


def _plain(node: object) -> object:
    if isinstance(node, ast.AST):
        # Empty fields are left out, because versions of Python differ in them.
        filled = {name: value for name, value in ast.iter_fields(node) if value is not None and value != []}
        return [type(node).__name__, {name: _plain(value) for name, value in filled.items()}]
    if isinstance(node, list):
        return [_plain(part) for part in node if not _is_docstring(part)]
    return repr(node)


def _is_docstring(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _code(rule: "Rule[Any]") -> list[Path]:
    """Files of a rule: that of its `read`, and the modules of its chapter that it imports and the analysis does not."""
    module = getattr(rule.read, "func", rule.read).__module__
    file = Path(str(sys.modules[module].__file__))
    if not module.startswith(f"{CHAPTERS}."):
        return [file]
    of_analysis = imported(file.with_name("analysis.py"))
    return sorted(part for part in imported(file) if part not in of_analysis or part == file)


@cache
def imported(file: Path) -> frozenset[Path]:
    """A file and the files of its own folder that it imports, directly or not."""
    found: set[Path] = set()
    waiting, package = [file], f"{CHAPTERS}.{file.parent.name}"
    while waiting:
        current = waiting.pop()
        if current in found or not current.exists():
            continue
        found.add(current)
        for node in ast.walk(ast.parse(current.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == package:
                waiting += [file.with_name(f"{alias.name}.py") for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
                waiting += [file.with_name(f"{str(node.module).rsplit('.', 1)[1]}.py")]
    return frozenset(found)


@cache
def find(claim: str) -> "Rule[Any] | None":
    """Find the rule of a claim among those of the chapters; None if no chapter has one."""
    from emomech.chapters.rules import Rule

    for file in sorted((PACKAGE / "chapters").glob("*/rule.py")):
        if f'"{claim}"' not in file.read_text(encoding="utf-8"):
            continue
        names = vars(importlib.import_module(f"{CHAPTERS}.{file.parent.name}.rule")).values()
        if rule := next((value for value in names if isinstance(value, Rule) and value.claim == claim), None):
            return rule
    return None


def fixed(claim: str, file: Path = LOCK) -> tuple[str, datetime.date | None]:
    """Give the hash of a claim's rule and the date on which it was fixed, None if it differs from the last entry.

    The hash is empty for a claim without a rule.
    """
    if (rule := find(claim)) is None:
        return "", None
    current, entries = rule_hash(rule), read(file).get(claim, [])
    return current, entries[-1].date if entries and entries[-1].hash == current else None
