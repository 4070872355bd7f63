"""Write files and folders so that they appear whole or not at all, even after an interruption.

Content is written next to its target, under a name that starts with `.unfinished-`, and then renamed, which a file
system does in one step. Files and folders get the permissions that the umask of the user gives.

A process that is killed outright leaves its unfinished content behind. The next write to the same folder removes it.
The name holds the number and the machine of the process: content of a running process stays, and so does content of
another machine that is younger than a day.

Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> from emomech.core.files import atomic_folder
    >>> target = Path(tempfile.mkdtemp()) / "tables"
    >>> with atomic_folder(target) as folder:
    ...     size = (folder / "a.csv").write_text("emotion,n")
    >>> [path.name for path in target.parent.rglob("*")]
    ['tables', 'a.csv']
"""

import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from emomech.core.errors import EmomechError

_UNFINISHED = re.compile(r"\.unfinished-(\d{1,9})-(.+)-[0-9a-f]{8}")
"""Name of unfinished content: number of the process, its machine, random digits."""
_RETIRED = ".retired"
"""Name of an earlier folder while it is replaced."""
_KEPT_SECONDS = 24 * 60 * 60
"""Age up to which unfinished content of another machine stays."""


def write_atomic(file: Path, content: str | bytes) -> None:
    """Write a file, replacing an earlier one, and create its folder if needed; text is encoded as UTF-8.

    Raises EmomechError if writing fails, such as on a full disk; the earlier file is then unchanged.
    """
    unfinished = file.with_name(_new_name())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(file.parent)
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(unfinished, file)
    except OSError as error:
        raise EmomechError(f"{file}: cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder in `parent`, which must exist; it is removed when the block ends.

    Raises OSError if the folder cannot be made.
    """
    _remove_abandoned(parent)
    folder = parent / _new_name()
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces the folder `target` when the block ends without an error.

    The earlier content of `target` is removed. After an error or an interrupt, `target` is unchanged and nothing else
    remains. Raises OSError if a folder cannot be made, or if `target` is a file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(target.parent) as scratch:
        folder, retired = scratch / target.name, scratch / _RETIRED
        folder.mkdir()
        yield folder
        _open_by_umask(folder)
        try:
            if target.is_dir():
                os.replace(target, retired)
            os.replace(folder, target)
        except BaseException:
            if retired.exists() and not target.exists():
                os.replace(retired, target)
            raise


def _new_name() -> str:
    return f".unfinished-{os.getpid()}-{_machine()}-{secrets.token_hex(4)}"


@cache
def _machine() -> str:
    """Name this machine and its table of processes, as containers of one machine count their processes apart."""
    host, table = re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname())[:64], Path("/proc/self/ns/pid")
    return f"{host}-{table.stat().st_ino}" if table.exists() else host


def _remove_abandoned(parent: Path) -> None:
    """Remove what killed processes left in a folder; a folder that was about to be replaced is replaced first."""
    for path in parent.glob(".unfinished-*"):
        with suppress(OSError):  # another process removes it as well, or it belongs to another user
            if not _is_abandoned(path):
                continue
            if (path / _RETIRED).is_dir():
                _finish_replacement(path)
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_abandoned(path: Path) -> bool:
    """Whether the process that writes unfinished content has ended."""
    import psutil

    match = _UNFINISHED.fullmatch(path.name)
    if match and match[2] == _machine():
        return not psutil.pid_exists(int(match[1]))
    return time.time() - path.lstat().st_mtime > _KEPT_SECONDS


def _finish_replacement(scratch: Path) -> None:
    """Move a complete new folder to its place, if the process ended after it had moved the earlier one away."""
    for folder in scratch.iterdir():
        target = scratch.parent / folder.name
        if folder.name != _RETIRED and not target.exists():
            os.replace(folder, target)


def _open_by_umask(folder: Path) -> None:
    """Add the permissions of a new folder to a folder and its content, as safetensors writes files for one user."""
    usual = stat.S_IMODE(folder.parent.stat().st_mode)
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) | (usual if path.is_dir() else usual & 0o666))
