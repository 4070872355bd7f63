"""Write files and folders so that they appear whole or not at all, even after an interruption.

Content is written next to its target, under a name that starts with `.unfinished-`, and then renamed, which a file
system does in one step. A process that is killed outright leaves that file or folder behind; it may be deleted.

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
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emomech.core.errors import EmomechError


def write_atomic(file: Path, content: str | bytes) -> None:
    """Write a file, replacing an earlier one, and create its folder if needed; text is encoded as UTF-8.

    Raises EmomechError if writing fails, such as on a full disk; the earlier file is then unchanged.
    """
    unfinished = file.with_name(f".unfinished-{os.getpid()}-{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        os.replace(unfinished, file)
    except OSError as error:
        raise EmomechError(f"{file}: cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder in `parent`, which must exist; it is removed when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=parent))
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
        folder, retired = scratch / target.name, scratch / ".retired"
        folder.mkdir()
        yield folder
        try:
            if target.is_dir():
                os.replace(target, retired)
            os.replace(folder, target)
        except BaseException:
            if retired.exists() and not target.exists():
                os.replace(retired, target)
            raise
