"""Say which copy of this package runs, and let the processes that it starts run the same copy.

Python imports a package from the first folder of its path that has one: the working directory, a folder of
`PYTHONPATH`, or an installed checkout. So a process could run other code than the process that starts it.

Example:
    >>> from emomech.core import origin
    >>> origin.described("abc1234")
    'emomech 0.1.0, from the checkout at commit abc1234'
"""

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from emomech.core.errors import EmomechError
from emomech.core.paths import CHECKOUT, PACKAGE

_SHOW = "import emomech; print(emomech.__path__[0])"


def environment() -> dict[str, str]:
    """Give the variables with which a Python process that is started with `-P` imports this copy of the package."""
    others = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    return {"PYTHONPATH": os.pathsep.join([str(CHECKOUT), *others])}


def check(variables: Mapping[str, str]) -> None:
    """Check that this interpreter, started with `-P` and these variables, imports this copy of the package.

    Raises EmomechError if it imports another copy, or none.
    """
    command = [sys.executable, "-P", "-c", _SHOW]
    shown = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)
    imported = shown.stdout.strip() or (shown.stderr.strip().splitlines() or ["nothing"])[-1]
    if Path(imported).resolve() != PACKAGE.resolve():
        raise EmomechError(
            f"a new process of {sys.executable} imports emomech from {imported}, expected {PACKAGE}. Look for the "
            "other copy in PYTHONPATH and in the packages of this environment, and remove it from there."
        )


def described(commit: str) -> str:
    """Name the version of this package and where its code comes from; `commit` is that of its checkout, or `unknown`.

    The path is named only if the code is not that of the checkout in which the working directory is, or of no checkout
    at all. The home folder is written as `~`.
    """
    at = f" at commit {commit}" if _is_checkout(CHECKOUT) and commit != "unknown" else ""
    here = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if _is_checkout(folder)), CHECKOUT)
    its_own = _is_checkout(CHECKOUT) and here.resolve() == CHECKOUT.resolve()
    return f"emomech {_version()}, from {'the checkout' if its_own else _short(PACKAGE)}{at}"


def _is_checkout(folder: Path) -> bool:
    return (folder / PACKAGE.name / "__init__.py").exists() and (folder / "notebooks").is_dir()


def _version() -> str:
    """Read the version of this copy: that of its checkout, or that of the installed package."""
    project = CHECKOUT / "pyproject.toml"
    if _is_checkout(CHECKOUT) and project.exists():
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version("emomech")


def _short(path: Path) -> str:
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else str(path)
