"""A file is written whole, or the earlier content stays and nothing else remains."""

import os
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
