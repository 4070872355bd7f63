"""Check the place of an output before anything is computed, so that no result is lost when it is written.

Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> from emomech.core.outputs import writable_file, writable_folder
    >>> folder = Path(tempfile.mkdtemp())
    >>> writable_folder(folder / "new" / "pages", "--out") == folder / "new" / "pages"
    True
    >>> writable_file(folder, "--output")
    Traceback (most recent call last):
    ...
    emomech.core.errors.UsageError: --output /...: is a folder, expected a file. Name another file.
"""

import os
import shutil
import tempfile
from pathlib import Path

from emomech.core.errors import UsageError

PAGE = 50 * 10**6
"""Bytes to have free for a page: its executed notebook, the page, and the files that it is rendered from."""
BOOK = 500 * 10**6
"""Bytes to have free for a whole book, or for an export of one."""
_LONGEST_NAME = 255
"""Most bytes in a name on common file systems."""


def path_option(text: str) -> Path:
    """Read a path of the command line; a `~` at its beginning is the home folder. Raises UsageError for empty text."""
    if not text.strip():
        raise UsageError(f"{text!r}: is empty, expected a path. Name one, or leave the option out.")
    return Path(text).expanduser()


def writable_folder(path: Path, option: str, needed: int = PAGE) -> Path:
    """Return a folder if files can be written to it, or if it can be made; nothing is made here.

    `option` names the option or argument that gave the path, `needed` the bytes to have free. Raises UsageError for a
    file, for a place that cannot be written, and for a disk with less space.
    """
    if os.path.lexists(path) and not path.is_dir():
        raise UsageError(f"{option} {path}: is {_kind(path)}, expected a folder. Name another folder.")
    _check_place(path, f"{option} {path}", needed)
    return path


def writable_file(path: Path, option: str, needed: int = 10**6) -> Path:
    """Return a file if it can be written or replaced; nothing is written here.

    Raises UsageError for a folder or a device, and as `writable_folder` does.
    """
    if os.path.lexists(path) and not path.is_file():
        raise UsageError(f"{option} {path}: is {_kind(path)}, expected a file. Name another file.")
    _check_place(path.parent, f"{option} {path}", needed, path.name)
    return path


def _kind(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return f"a link to {os.readlink(path)}, which does not exist"
    return "a folder" if path.is_dir() else "a file" if path.is_file() else "a device"


def _check_place(folder: Path, given: str, needed: int, name: str = "") -> None:
    """Raise UsageError if a file cannot be written to a folder, which may have to be made first."""
    folder = Path(os.path.abspath(folder))
    existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    new = (*folder.relative_to(existing).parts, name)
    if not existing.is_dir():
        raise UsageError(f"{given}: {existing} is {_kind(existing)}, expected a folder. Name another path.")
    if long := [part for part in new if len(os.fsencode(part)) > _LONGEST_NAME]:
        raise UsageError(
            f"{given}: the name {long[0][:20]}… has {len(os.fsencode(long[0]))} bytes, expected at most "
            f"{_LONGEST_NAME}. Choose a shorter name."
        )
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UsageError(
            f"{given}: {existing} cannot be written ({error.strerror}). Name another path, or make it writable."
        ) from error
    if (free := shutil.disk_usage(existing).free) < needed:
        raise UsageError(
            f"{given}: its disk has {free / 1e6:,.0f} MB free, but {needed / 1e6:,.0f} MB are needed. Free some space, "
            "or name a path on another disk."
        )
