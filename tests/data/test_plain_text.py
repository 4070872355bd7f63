"""Plain text: a text in each line, in any encoding that the file announces."""

import codecs
from pathlib import Path

import pytest

from emomech.core.errors import UsageError
from emomech.data.plain_text import each_line


@pytest.mark.parametrize(
    "content",
    [
        "Es regnete.\n\n  Wir gingen – früh.  \n".encode(),
        codecs.BOM_UTF8 + "Es regnete.\r\nWir gingen – früh.\r\n".encode(),
        "Es regnete.\nWir gingen – früh.".encode("utf-16"),
        "Es regnete.\rWir gingen – früh.\r".encode(),
    ],
)
def test_lines_are_texts(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert list(each_line(tmp_path / "a.txt")) == ["Es regnete.", "Wir gingen – früh."]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one\ntwo\nth\xfcre\n", "a.txt: near line .*a byte that is not UTF-8. Save the file as UTF-8"),
        (b"one\ntwo\0\n", "a.txt: line 2 has a null character"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UsageError, match=message):
        list(each_line(tmp_path / "a.txt"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        list(each_line(tmp_path))


def test_a_large_file_is_not_held_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    with (tmp_path / "a.txt").open("w") as file:
        file.writelines(f"This is the line {n} of many.\n" for n in range(200_000))
    tracemalloc.start()
    assert sum(1 for _ in each_line(tmp_path / "a.txt")) == 200_000
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
