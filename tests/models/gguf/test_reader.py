"""The reader reads what the package's own reader reads."""

from pathlib import Path

import gguf_files
import numpy as np
import pytest
from gguf import GGUFReader

from emomech.models.gguf.reader import BoundedReader


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_values_and_tensors_are_those_of_the_package(architecture: str, tmp_path: Path) -> None:
    file = gguf_files.content(architecture, "Q8_0")
    file.values |= {"general.tags": ["one", "two"], "general.half": 0.5}
    path = file.write(tmp_path / "tiny.gguf")
    plain, bounded = GGUFReader(path), BoundedReader(path)
    assert {key: bounded.value(key) for key in bounded.fields} == {
        key: field.contents() for key, field in plain.fields.items()
    }
    assert bounded.value("none") is None
    for own, other in zip(bounded.tensors, plain.tensors, strict=True):
        assert own.name == other.name and np.array_equal(own.data, other.data)


def test_what_lies_beyond_the_end_is_not_read(tmp_path: Path) -> None:
    path = gguf_files.content("llama").write(tmp_path / "tiny.gguf")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(EOFError, match=f"it has {size - 1:,} bytes, but byte {size:,} is read"):
        BoundedReader(path)
