"""A large table is read in parts, with the cells and the errors of the whole."""

from pathlib import Path

import pandas as pd
import pytest

from emomech.core.errors import UsageError
from emomech.data import corpus, tables


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv", ".tsv"])
def test_chunks_are_the_table_in_parts(suffix: str, tmp_path: Path) -> None:
    file, frame = tmp_path / f"a{suffix}", pd.DataFrame({"text": [f"text {n}" for n in range(25)], "n": range(25)})
    if suffix == ".parquet":
        frame.to_parquet(file)
    elif suffix == ".jsonl":
        frame.to_json(file, orient="records", lines=True)
    else:
        frame.to_csv(file, index=False, sep="\t" if suffix == ".tsv" else ",")
    whole, parts = tables.read(file), list(tables.chunks(file, n_rows=10))
    assert len(parts) == (3 if suffix in (".jsonl", ".parquet") else 1)
    assert [text for part in parts for text in part.column("text")] == whole.column("text")
    assert tuple(place for part in parts for place in part.places) == whole.places


def test_an_error_in_a_later_chunk_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"text": "a"}\n' * 25 + b'{"text": "\xff"}\n')
    with pytest.raises(UsageError, match=r"a\.jsonl: line 26, byte"):
        list(tables.chunks(file, n_rows=10))
    file.write_text('{"text": "a"}\n' * 25 + "{text}\n")
    with pytest.raises(UsageError, match=r"a\.jsonl: line 26 is not JSON"):
        list(tables.chunks(file, n_rows=10))


@pytest.mark.parametrize("content", ["", "\n", "\n" * 30])
def test_a_file_without_rows_has_no_texts(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(UsageError, match=r"a\.jsonl: (is empty|has)"):
        list(corpus.each_text(tmp_path / "a.jsonl"))
