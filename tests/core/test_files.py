"""A file is written whole, or what stood there stays and nothing else is left."""

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
