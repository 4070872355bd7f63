"""Identify what a result depends on: source files, package versions, commit, data files, and declared states."""

import ast
import os
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import blake2b, file_digest
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from emomech.core.errors import UsageError
from emomech.core.paths import PACKAGE

_VERSIONS = ("torch", "transformers", "sae-lens", "numpy", "pandas", "scipy", "scikit-learn")
_DATA_FILES = (".toml", ".json")
"""Endings of files that a module reads from its own folder; the module names such a file in full."""
_DECLARED = "depends_on"
A = TypeVar("A", bound=Callable[..., Any])


def depends_on(**states: Callable[[], str]) -> Callable[[A], A]:
    """Declare that an analysis reads something that is neither in its study nor in its arguments.

    Each of `states` returns a hash of the current state of one such thing. If it changes, a run of the analysis is
    stale.

    Example:
        >>> from emomech.study.identity import declared_states, depends_on
        >>> @depends_on(weather=lambda: "sunny")
        ... def analysis(study): ...
        >>> declared_states(analysis)
        {'weather': 'sunny'}
    """

    def declare(analysis: A) -> A:
        setattr(analysis, _DECLARED, states)
        return analysis

    return declare


def declared_states(analysis: Callable[..., Any]) -> dict[str, str]:
    """Compute the states that an analysis declared with `depends_on`, by name; empty if it declared none."""
    states: Mapping[str, Callable[[], str]] = getattr(analysis, _DECLARED, {})
    return {name: state() for name, state in states.items()}


def versions() -> dict[str, str]:
    """List the versions of the packages that a result depends on."""
    return {name: metadata.version(name) for name in _VERSIONS}


@cache
def commit() -> str:
    """Return the commit of the checkout, marked if the package has changes; `unknown` outside a checkout."""
    try:
        head = _git("rev-parse", "HEAD")
        return head[:12] + (" with changes" if _git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    process = subprocess.run(["git", *arguments], cwd=PACKAGE, capture_output=True, text=True, check=True, timeout=10)
    return process.stdout.strip()


def hash_of_sources(module: str) -> str:
    """Hash the source of a module, of every module of this package that it imports, and of the data files they name."""
    digest = blake2b(digest_size=16)
    for file in sorted(sources_of(module)):
        digest.update(str(file.relative_to(PACKAGE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def sources_of(module: str) -> set[Path]:
    """Follow the package's imports, at the top of a file or inside a function, and add the data files they name."""
    sources: set[Path] = set()
    waiting = [module]
    while waiting:
        file = _file(waiting.pop())
        if file is None or file in sources:
            continue
        sources.add(file)
        modules, data_files = _named_in(file.read_text(encoding="utf-8"))
        waiting += modules
        sources |= {data for name in data_files if (data := file.parent / name).is_file()}
    return sources


@cache
def _named_in(source: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """List the modules that a source imports, some of which may be other names, and the data files that it names."""
    modules: list[str] = []
    data_files: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(_DATA_FILES):
            data_files.append(node.value)
    return tuple(modules), tuple(data_files)


def _file(module: str) -> Path | None:
    """Find the file of a module of this package; None for any other name, and for the package itself."""
    top, *rest = module.split(".")
    if top != PACKAGE.name or not rest:
        return None
    stem = PACKAGE.joinpath(*rest)
    return next((file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.exists()), None)


def content_hash(path: Path) -> str:
    """Hash a file, or the files of a folder with their names. Raises UsageError if the path does not exist."""
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder.")
    digest = blake2b(digest_size=16)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(os.fsencode(file.relative_to(path)) + b"\0")
            with file.open("rb") as content:
                digest.update(file_digest(content, "blake2b").digest())
    return digest.hexdigest()
