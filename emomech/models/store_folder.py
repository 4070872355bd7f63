"""The folder of an activation store: who uses it, what is written, and when it is removed.

A store is a subfolder named by the hash of what it holds. A lock beside it is held while anything is written or
removed; every process that uses the store holds a lock within it, which the system releases when the process ends.
"""

import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from emomech.core.errors import EmomechError
from emomech.core.files import temporary_folder, write_atomic
from emomech.core.outputs import writable_folder

RECORD = "record.json"
_PREFIX, _USER = "activations-", ".user-"
_ABANDONED_SECONDS = 7 * 24 * 60 * 60
"""Age at which what an interrupted process left to be continued is removed."""


@dataclass
class Written:
    """How much of one file is written."""

    format: str
    """float16 or bfloat16."""
    texts: int = 0
    """Texts whose rows are written, in the order of `TokenPool.order`."""


@dataclass
class Record:
    """What a store holds, as its `record.json` says; written after every batch."""

    keep: bool = False
    """Whether the store stays after its last user."""
    files: dict[str, Written] = field(default_factory=dict)
    """By name of the hook point."""

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Read the record of a folder; an empty one if there is none. Raises EmomechError if it is damaged."""
        file = folder / RECORD
        if not file.exists():
            return cls()
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            files = {name: Written(**written) for name, written in content["files"].items()}
            return cls(content["keep"], files)
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise EmomechError(f"{file}: is damaged ({error}). Delete the folder {folder} to start again.") from error

    def write(self, folder: Path) -> None:
        """Write the record, so that it appears whole or not at all."""
        write_atomic(folder / RECORD, json.dumps(asdict(self), indent=1))


@dataclass(frozen=True)
class StoreFolder:
    """The folder of a store that this process uses."""

    path: Path
    _say: Callable[[str], None] = field(default=lambda _: None, repr=False)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing and removing in the `with` block; wait for one that does."""
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self._say(f"{self.path}: another process writes it; waiting until it has finished")
            lock.acquire()
        try:
            yield
        finally:
            if not self.path.exists():
                Path(lock.lock_file).unlink(missing_ok=True)
            lock.release()

    def remove(self) -> None:
        """Remove everything that was written; `alone` has to be held."""
        shutil.rmtree(self.path, ignore_errors=True)

    def used_by_others(self) -> bool:
        """Whether a living process uses the store, after this one has released its own mark."""
        return any([not _is_free(mark) for mark in self.path.glob(f"{_USER}*")])


@contextmanager
def opened(parent: Path | None, address: str, say: Callable[[str], None] = lambda _: None) -> Iterator[StoreFolder]:
    """Yield the folder of a store in `parent`; None: in a temporary folder.

    At the end it is removed, unless another process uses it or its record says that it is kept. After an error it
    stays, to be continued, if it has a record and `parent` was named. Raises UsageError if `parent` cannot be written.
    """
    with ExitStack() as stack:
        if parent is None:
            place = stack.enter_context(temporary_folder(Path(tempfile.gettempdir())))
        else:
            place = writable_folder(parent, "folder of activations", needed=0)
            place.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(place, but=f"{_PREFIX}{address}")
        folder = StoreFolder(place / f"{_PREFIX}{address}", say)
        own = FileLock(folder.path / f"{_USER}{os.getpid()}-{secrets.token_hex(4)}")
        with folder.alone():
            folder.path.mkdir(exist_ok=True)
            own.acquire()
        finished = False
        try:
            yield folder
            finished = True
        finally:
            with folder.alone():
                own.release()
                Path(own.lock_file).unlink(missing_ok=True)
                kept = (folder.path / RECORD).exists() and (not finished or Record.read(folder.path).keep)
                if not kept and not folder.used_by_others():
                    folder.remove()


def _is_free(mark: Path) -> bool:
    """Whether the process that holds a mark has ended; its mark is then removed."""
    lock = FileLock(mark)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    mark.unlink(missing_ok=True)
    lock.release()
    return True


def _remove_abandoned(parent: Path, but: str) -> None:
    """Remove stores that were neither finished nor continued for a week."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, EmomechError):
            folder, record = StoreFolder(path), path / RECORD
            old = time.time() - (record if record.exists() else path).stat().st_mtime > _ABANDONED_SECONDS
            if path.name == but or not old:
                continue
            with folder.alone():
                if not Record.read(path).keep and not folder.used_by_others():
                    folder.remove()
