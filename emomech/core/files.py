"""Files that are there as a whole or not at all, whatever interrupts their writing."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emomech.core.errors import EmomechError


def write_atomic(file: Path, content: str | bytes) -> None:
    """Write a file, its folder included, in place of what stood there; text as UTF-8.

    Raises EmomechError where that cannot be done, such as on a full disk; then what stood there is as it was.
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
    """Lend a folder for things that are not finished; afterwards it is gone."""
    folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
