"""What a result depends on: source files, versions, commit, content."""

import ast
import os
import subprocess
from functools import cache
from hashlib import blake2b
from importlib import metadata
from pathlib import Path

from emomech.core.errors import UsageError
from emomech.core.paths import PACKAGE

_VERSIONS = ("torch", "transformers", "sae-lens", "numpy", "pandas", "scipy", "scikit-learn")
_DATA_FILES = (".toml", ".json")
"""Endings of files that a module reads from its own folder; a module names such a file in full."""


def versions() -> dict[str, str]:
    """Name the versions of the packages on which a result hangs."""
    return {name: metadata.version(name) for name in _VERSIONS}


@cache
def commit() -> str:
    """Name the commit of the checkout, marked where the package differs from it; `unknown` outside a checkout."""
    try:
        head = _git("rev-parse", "HEAD")
        return head[:12] + (" with changes" if _git("status", "--porcelain", "--", ".") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PACKAGE, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def hash_of_sources(module: str) -> str:
    """Hash the source of a module, of every module of this package that it imports, and of the data files they read."""
    digest = blake2b(digest_size=16)
    for file in sorted(_sources(module)):
        digest.update(str(file.relative_to(PACKAGE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _sources(module: str) -> set[Path]:
    """Follow the package's imports, wherever in a file they stand, and add the data files that the modules name."""
    sources: set[Path] = set()
    waiting = [module]
    while waiting:
        file = _file(waiting.pop())
        if file is None or file in sources:
            continue
        sources.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                waiting += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                waiting += [alias.name for alias in node.names]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(_DATA_FILES):
                sources |= {data for data in [file.parent / node.value] if data.is_file()}
    return sources


def _file(module: str) -> Path | None:
    """Find the file of one of the package's modules; None for a name that is no such module, or the package itself."""
    top, *rest = module.split(".")
    if top != PACKAGE.name or not rest:
        return None
    stem = PACKAGE.joinpath(*rest)
    return next((file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.exists()), None)


def content_hash(path: Path) -> str:
    """Hash a file, or a folder's files and their names. Raises UsageError where there is nothing."""
    if not path.exists():
        raise UsageError(f"{path}: there is no such file or folder.")
    digest = blake2b(digest_size=16)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(os.fsencode(file.relative_to(path)) + b"\0")
            digest.update(blake2b(file.read_bytes()).digest())
    return digest.hexdigest()
