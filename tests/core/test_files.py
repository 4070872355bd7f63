"""A file is written whole, or the earlier content stays and nothing else remains."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from emomech.core import files
from emomech.core.errors import EmomechError


@pytest.mark.parametrize(("content", "bytes_"), [("Zoë\n", "Zoë\n".encode()), (b"\x00\xff", b"\x00\xff")])
def test_text_and_bytes_take_the_place_of_what_stood_there(content: str | bytes, bytes_: bytes, tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    files.write_atomic(file, "before")
    files.write_atomic(file, content)
    assert file.read_bytes() == bytes_
    assert list(file.parent.iterdir()) == [file]


def test_what_cannot_be_written_leaves_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(EmomechError, match="file: cannot be written: No space left on device"):
        files.write_atomic(file, "after")
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def contents(folder: Path) -> dict[str, str]:
    """Content of all files below a folder, hidden ones too, by path."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_temporary_folder_is_gone_afterwards(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), files.temporary_folder(tmp_path) as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(".unfinished-")
        (folder / "part").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_when_its_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "new" / "target"
    with files.atomic_folder(target) as folder:
        assert list(folder.iterdir()) == []
        (folder / "file").write_text("content")
        assert not target.exists()
    assert contents(tmp_path) == {"new/target/file": "content"}
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_has_the_permissions_of_any_new_folder(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    with files.atomic_folder(tmp_path / "target"):
        pass
    assert (tmp_path / "target").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_folder_replaces_all_of_the_earlier_one(tmp_path: Path) -> None:
    target = tmp_path / "target"
    for name in ("before", "after"):
        with files.atomic_folder(target) as folder:
            (folder / name).write_text(name)
    assert contents(tmp_path) == {"target/after": "after"}
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("existed", [True, False])
def test_an_error_leaves_the_earlier_folder_and_nothing_else(
    error: type[BaseException], existed: bool, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    if existed:
        target.mkdir()
        (target / "file").write_text("before")
    with pytest.raises(error), files.atomic_folder(target) as folder:
        (folder / "file").write_text("half")
        raise error
    assert contents(tmp_path) == ({"target/file": "before"} if existed else {})
    assert list(tmp_path.iterdir()) == ([target] if existed else [])


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_error_between_the_two_renames_brings_the_earlier_folder_back(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, replace = tmp_path / "target", os.replace
    target.mkdir()
    (target / "file").write_text("before")

    def interrupted(source: Path, destination: Path) -> None:
        if (source / "new").exists():
            raise error
        replace(source, destination)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(type(error)), files.atomic_folder(target) as folder:
        (folder / "new").write_text("after")
    assert contents(tmp_path) == {"target/file": "before"}
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("a file")
    with pytest.raises(OSError, match="target"), files.atomic_folder(target) as folder:
        (folder / "file").write_text("content")
    assert contents(tmp_path) == {"target": "a file"}


@pytest.fixture
def umask() -> Iterator[None]:
    """Let others read what this user writes."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    """Permissions of all files and folders below a folder, by name."""
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.rglob("*")}


def test_others_can_read_what_is_written(tmp_path: Path, umask: None) -> None:
    with files.atomic_folder(tmp_path / "target") as folder:
        (folder / "inner").mkdir(mode=0o700)
        for name, mode in (("inner/private", 0o600), ("script", 0o700)):
            (folder / name).touch()
            (folder / name).chmod(mode)
        (folder / "link").symlink_to("nowhere")
    (tmp_path / "target" / "link").unlink()
    assert modes(tmp_path) == {
        **{"target": "0o755", "inner": "0o755"},
        **{"private": "0o644", "script": "0o744"},
    }
    files.write_atomic(tmp_path / "file", "content")
    assert modes(tmp_path)["file"] == "0o644"
    with files.temporary_folder(tmp_path) as folder:
        assert modes(tmp_path)[folder.name] == "0o755"


def test_a_private_umask_keeps_content_private(tmp_path: Path, umask: None) -> None:
    os.umask(0o077)
    with files.atomic_folder(tmp_path / "target") as folder:
        (folder / "file").touch()
    assert modes(tmp_path) == {"target": "0o700", "file": "0o600"}


def ended() -> int:
    """Number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


HERE, ELSEWHERE = files._machine(), "elsewhere.example.org-1"
OLD = files._KEPT_SECONDS + 60


LEFT = {
    "ended": (f".unfinished-{ended()}-{HERE}-0123abcd", 0, False),
    "this one": (f".unfinished-{os.getpid()}-{HERE}-0123abcd", OLD, True),
    "another": (f".unfinished-1-{HERE}-0123abcd", OLD, True),
    "on another machine": (f".unfinished-{ended()}-{ELSEWHERE}-0123abcd", 0, True),
    "on another machine, old": (f".unfinished-{ended()}-{ELSEWHERE}-0123abcd", OLD, False),
    "of another name": (".unfinished-of-an-earlier-version", 0, True),
    "of another name, old": (".unfinished-of-an-earlier-version", OLD, False),
    "finished": ("finished", OLD, True),
}
"""Process that left it -> name, age in seconds, whether it stays."""


@pytest.mark.parametrize(("name", "age", "stays"), LEFT.values(), ids=LEFT)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_is_removed_by_the_next_write(
    name: str, age: float, stays: bool, kind: str, tmp_path: Path
) -> None:
    left = tmp_path / name
    if kind == "folder":
        left.mkdir()
        (left / "half").write_text("half")
    else:
        left.write_text("half")
    before = time.time() - age
    os.utime(left, (before, before))
    files.write_atomic(tmp_path / "file", "content")
    assert left.exists() == stays
    with files.atomic_folder(tmp_path / "target"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"file", "target"} | ({name} if stays else set())


@pytest.mark.parametrize(
    "code",
    [
        "with files.atomic_folder(parent / 'target'): os.kill(os.getpid(), 9)",
        "os.replace = lambda *_: os.kill(os.getpid(), 9); files.write_atomic(parent / 'file', 'half')",
    ],
)
def test_a_process_that_is_killed_leaves_what_the_next_one_recognises(code: str, tmp_path: Path) -> None:
    program = f"import os, pathlib\nfrom emomech.core import files\nparent = pathlib.Path({str(tmp_path)!r})\n{code}"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    assert files._UNFINISHED.fullmatch(left.name)
    with files.temporary_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("replaced", [True, False])
def test_a_replacement_that_was_cut_off_between_its_renames_is_finished(replaced: bool, tmp_path: Path) -> None:
    left = tmp_path / f".unfinished-{ended()}-{HERE}-0123abcd"
    (left / ".retired").mkdir(parents=True)
    (left / ".retired" / "file").write_text("before")
    new = tmp_path / "target" if replaced else left / "target"
    new.mkdir()
    (new / "file").write_text("after")
    files.write_atomic(tmp_path / "other", "content")
    assert contents(tmp_path) == {"target/file": "after", "other": "content"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "target"]
