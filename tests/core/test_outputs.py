"""A place that cannot be written is named before anything is computed, and looking leaves nothing behind."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from emomech.core import outputs
from emomech.core.errors import UsageError
from emomech.core.outputs import path_option, writable_file, writable_folder

Check = Callable[[Path, str], Path]


@pytest.mark.parametrize("check", [writable_folder, writable_file])
def test_a_new_path_is_given_back_and_nothing_is_made(check: Check, tmp_path: Path) -> None:
    assert check(tmp_path / "new" / "place", "--out") == tmp_path / "new" / "place"
    assert list(tmp_path.iterdir()) == []


def test_what_exists_may_be_used_again(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("before")
    assert writable_folder(tmp_path, "--out") == tmp_path and writable_file(file, "--out") == file
    assert file.read_text() == "before" and list(tmp_path.iterdir()) == [file]


def test_a_relative_path_starts_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert writable_file(Path("a.json"), "--out") == Path("a.json")
    (tmp_path / "a").touch()
    with pytest.raises(UsageError, match=f"--out a/b: {tmp_path}/a is a file, expected a folder"):
        writable_folder(Path("a/b"), "--out")


def test_what_is_not_of_the_kind_is_named(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    link.symlink_to(tmp_path / "gone")
    wrong = [
        (writable_folder, file, "is a file, expected a folder"),
        (writable_file, tmp_path, "is a folder, expected a file"),
        (writable_file, Path("/dev/null"), "is a device, expected a file"),
        (writable_folder, link, "is a link to .*/gone, which does not exist, expected a folder"),
        (writable_file, link, "is a link to .*/gone, which does not exist, expected a file"),
        (writable_file, file / "in" / "it", f"{file} is a file, expected a folder"),
        (writable_folder, link / "below", f"{link} is a link to .*, expected a folder"),
    ]
    for check, path, said in wrong:
        with pytest.raises(UsageError, match=f"--out {path}: {said}. Name another"):
            check(path, "--out")


def test_a_name_that_is_too_long_is_named(tmp_path: Path) -> None:
    for check in (writable_folder, writable_file):
        with pytest.raises(UsageError, match="the name nnnnnnnnnnnnnnnnnnnn… has 256 bytes, expected at most 255"):
            check(tmp_path / ("n" * 256), "--out")


@pytest.mark.parametrize("check", [writable_folder, writable_file])
def test_a_folder_that_cannot_be_written_is_named(
    check: Check, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(dir: Path) -> None:
        assert dir == tmp_path
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(UsageError, match=f"{tmp_path} cannot be written .Read-only file system.*writable"):
        check(tmp_path / "new", "--out")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nobody can write")
def test_a_system_folder_is_refused() -> None:
    with pytest.raises(UsageError, match="--out /proc/new/x: /proc cannot be written"):
        writable_folder(Path("/proc/new/x"), "--out")


@pytest.mark.parametrize("check", [writable_folder, writable_file])
def test_a_full_disk_is_named_with_what_is_free_and_needed(
    check: Callable[[Path, str, int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=3 * 10**6))
    assert check(tmp_path / "new", "--out", 2 * 10**6)
    with pytest.raises(UsageError, match="has 3 MB free, but 50 MB are needed"):
        check(tmp_path / "new", "--out", outputs.PAGE)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_text_is_no_path(text: str) -> None:
    with pytest.raises(UsageError, match="is empty, expected a path"):
        path_option(text)


def test_a_path_may_begin_at_home() -> None:
    assert path_option("~/a b") == Path.home() / "a b"
    assert path_option("-x/#=%,é") == Path("-x/#=%,é")
