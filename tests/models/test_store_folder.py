"""A killed process costs no more than a batch, a full disk leaves nothing, and processes share a store."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import tiny

from emomech.core.errors import EmomechError
from emomech.core.hook_points import HookPoint
from emomech.models import store_folder, store_writing
from emomech.models.pool import TokenPool
from emomech.models.store import ActivationStore, Place
from emomech.models.store_folder import RECORD, Record

LM = tiny.language_model("llama")
POINTS = (HookPoint(0), HookPoint(1, "mlp_out"), HookPoint(2))
POOL = TokenPool.read(LM, [*tiny.TEXTS, *tiny.TEXTS[::-1]], 10_000)
PLACE = {"memory": 3 * 2 * tiny.D_MODEL * 25}
"""Room for 25 tokens, so that there are several batches."""
PROCESS = """
import os, signal, sys
from pathlib import Path
import test_store_folder as t
from emomech.models import store_writing

class File(t.io.FileIO):
    left = 12

    def write(self, content):
        File.left -= 1
        if sys.argv[2] == "killed" and not File.left:
            super().write(content[:7])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(content)

store_writing.FileIO = File
with t.capture(Path(sys.argv[1])) as store:
    store.at(t.POINTS[0])
    print("ready", flush=True)
    sys.stdin.read()
"""


def capture(folder: Path, *, keep: bool = False, say=lambda _: None):
    return ActivationStore.capture(LM, POOL, POINTS, Place(folder, keep=keep, **PLACE), say)


def process(folder: Path, what: str) -> "subprocess.Popen[str]":
    here = os.pathsep.join([str(Path(__file__).parent), str(Path(tiny.__file__).parent)])
    environment = os.environ | {"PYTHONPATH": here}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", PROCESS, str(folder), what], env=environment, **pipes)


def read(folder: Path) -> dict[str, bytes]:
    with capture(folder) as store:
        for point in POINTS:
            store.at(point)
        return {path.name: path.read_bytes() for path in folder.glob("*/*.*16")}


def record_of(folder: Path) -> Record:
    (path,) = folder.glob("activations-*")
    return Record.read(path)


def test_a_killed_process_is_continued_and_the_bytes_are_those_of_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = read(tmp_path / "whole")
    with process(tmp_path / "killed", "killed") as killed:
        assert killed.wait(100) == -signal.SIGKILL
    written = record_of(tmp_path / "killed").files
    assert list(written) == list(map(str, POINTS))
    assert all(0 < one.texts < len(POOL) for one in written.values())
    continued = read(tmp_path / "killed")
    assert sorted(continued) == sorted(whole)
    for name, content in continued.items():
        numbers, expected = (np.frombuffer(part, np.uint16) for part in (content, whole[name]))
        np.testing.assert_array_equal(numbers, expected, name)
    assert list((tmp_path / "killed").iterdir()) == []


def test_after_an_interrupt_only_what_is_missing_is_run_again_and_the_bytes_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, ran = read(tmp_path / "whole"), []
    read_at = store_writing.read_at

    def interrupted(lm, batch, points, take):
        ran.append(len(batch.example))
        if len(ran) == 3:
            raise KeyboardInterrupt
        return read_at(lm, batch, points, take)

    monkeypatch.setattr(store_writing, "read_at", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path / "stopped")
    assert read(tmp_path / "stopped") == whole
    assert sum(ran) == len(POOL) + ran[2]


@pytest.mark.parametrize("spoil", ["shorter", "gone"])
def test_a_file_that_was_spoilt_is_written_again(spoil: str, tmp_path: Path) -> None:
    whole = read(tmp_path / "whole")
    with capture(tmp_path, keep=True) as store:
        store.at(POINTS[0])
    (file,) = tmp_path.glob(f"*/{POINTS[1]}.float16")
    if spoil == "gone":
        file.unlink()
    else:
        os.truncate(file, 10)
    assert read(tmp_path) == whole


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    with capture(tmp_path, keep=True) as store:
        store.at(POINTS[0])
    (path,) = tmp_path.glob(f"*/{RECORD}")
    path.write_text('{"keep": true}')
    with pytest.raises(EmomechError, match=rf"{path}: is damaged \('files'\). Delete the folder {path.parent}"):
        read(tmp_path)


@pytest.mark.parametrize("after", [1, 5, 14])
def test_a_full_disk_is_told_and_nothing_remains(after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count(1)

    class Full(io.FileIO):
        def write(self, content):
            if next(calls) < after:
                return super().write(content)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_writing, "FileIO", Full)
    with pytest.raises(EmomechError, match=r"cannot be written \(No space left on device\); they were removed"):
        read(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_full_for_the_record_is_told_as_well(tmp_path: Path, monkeypatch) -> None:
    def full(*_):
        raise EmomechError("cannot be written") from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_folder, "write_atomic", full)
    with pytest.raises(EmomechError, match=r"No space left on device"):
        read(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_written_piece_by_piece_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(io.FileIO):
        def write(self, content):
            return super().write(content[:100])

    whole = read(tmp_path / "whole")
    monkeypatch.setattr(store_writing, "FileIO", Slow)
    assert read(tmp_path / "slow") == whole


def test_two_processes_share_a_store_which_the_last_one_removes(tmp_path: Path, monkeypatch) -> None:
    with process(tmp_path, "shared") as other:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
        monkeypatch.setattr(store_writing, "read_at", None)  # the model is not run again
        assert len(read(tmp_path)) == len(POINTS)
        assert len(list(tmp_path.glob("activations-*/*.float16"))) == len(POINTS)
        other.communicate("", timeout=100)
    assert other.returncode == 0 and list(tmp_path.iterdir()) == []


def test_a_store_that_is_used_twice_in_one_process_stays_until_the_end(tmp_path: Path) -> None:
    with capture(tmp_path) as outer:
        with capture(tmp_path) as inner:
            inner.at(POINTS[0])
        assert len(list(tmp_path.glob("activations-*/*.float16"))) == len(POINTS)
        outer.at(POINTS[1])
    assert list(tmp_path.iterdir()) == []


def test_what_nobody_continues_is_removed_after_a_week(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), capture(tmp_path) as store:
        store.at(POINTS[0])
        raise KeyboardInterrupt
    (left,) = tmp_path.glob("activations-*")

    def other(age_in_days: float) -> None:
        then = time.time() - age_in_days * 24 * 60 * 60
        os.utime(left / RECORD, (then, then))
        with ActivationStore.capture(LM, TokenPool.read(LM, ["So"], 10), POINTS, Place(tmp_path)):
            pass

    other(age_in_days=6)
    assert left.exists()
    content = json.loads((left / RECORD).read_text())
    (left / RECORD).write_text(json.dumps(content | {"keep": True}))
    other(age_in_days=8)
    assert left.exists()
    (left / RECORD).write_text(json.dumps(content))
    other(age_in_days=8)
    assert list(tmp_path.iterdir()) == []
