"""The converted tokenizer puts a BOS where the file says so, splits as the file says, and is compared with it."""

from pathlib import Path
from typing import Any

import gguf_files
import pytest

from emomech.core.errors import UsageError
from emomech.models.gguf.header import Header, check_gguf
from emomech.models.gguf.reference import LLAMA3
from emomech.models.gguf.tokenizer import compare, make_tokenizer, puts_bos, table, unknown_split
from emomech.models.tokenizers import own_prefix

KINDS = ("gpt-2", "smollm", "qwen2", "llama-bpe", "spm")


def header(tmp_path: Path, kind: str, /, **values: Any) -> Header:
    file = gguf_files.content("llama", tokenizer=kind)
    file.values |= {f"tokenizer.ggml.{key}": value for key, value in values.items()}
    file.values = {key: value for key, value in file.values.items() if value is not None}
    return check_gguf("m", file.write(tmp_path / "tiny.gguf"))


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_text_starts_with_a_bos_if_the_file_says_so(kind: str, bos: bool, tmp_path: Path) -> None:
    said = header(tmp_path, kind, add_bos_token=bos)
    tokenizer = make_tokenizer("m", said)
    assert own_prefix("m", tokenizer) == ((said.of_tokenizer("bos_token_id"),) if bos else ())
    tokenizer.save_pretrained(tmp_path / "folder")
    rows = compare("m", said, tmp_path / "folder")
    assert len(rows) == 10 and all(row["file"] == row["here"] for row in rows)
    assert len(table(rows)) == 10 and table(rows)[0][1].startswith("file ")


def test_where_the_file_says_nothing_its_kind_decides(tmp_path: Path) -> None:
    silent = {kind: puts_bos(header(tmp_path, kind, add_bos_token=None)) for kind in KINDS}
    assert silent == {"gpt-2": False, "smollm": False, "qwen2": False, "llama-bpe": True, "spm": True}
    assert not puts_bos(header(tmp_path, "qwen2", add_bos_token=True, bos_token_id=None))
    assert "llama-bpe" in LLAMA3


def test_digits_are_split_singly_for_smollm(tmp_path: Path) -> None:
    file = gguf_files.content("llama")
    tokens, merges = (list(file.values[f"tokenizer.ggml.{key}"]) for key in ("tokens", "merges"))
    tokens[440] = "12"
    changed = {"tokens": tokens, "merges": [*merges, "1 2"]}
    ids = {}
    for pre in ("smollm", "gpt-2"):
        tokenizer: Any = make_tokenizer("m", header(tmp_path, pre, **changed))
        ids[pre] = tokenizer("12")["input_ids"]
    assert ids["gpt-2"] == [440] and len(ids["smollm"]) == 2


def test_tokens_that_differ_are_refused(tmp_path: Path) -> None:
    said = header(tmp_path, "gpt-2")
    make_tokenizer("m", header(tmp_path, "gpt-2", merges=said.of_tokenizer("merges")[:20])).save_pretrained(
        tmp_path / "folder"
    )
    with pytest.raises(
        UsageError, match=r"reads 'She smiled\.' as .* by its own tokens, and the converted tokenizer as"
    ):
        compare("m", said, tmp_path / "folder")


def test_a_tokenizer_that_transformers_cannot_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has a tokenizer that transformers cannot build"):
        make_tokenizer("m", header(tmp_path, "gpt-2", merges=["no such", "merge"]))


def test_an_unknown_split_is_named_and_compared_by_its_merges(tmp_path: Path) -> None:
    assert unknown_split(header(tmp_path, "spm")) == unknown_split(header(tmp_path, "smollm")) == ""
    assert unknown_split(header(tmp_path, "gpt-2", pre=None)) == "not named"
    said = header(tmp_path, "tekken")
    assert unknown_split(said) == "tekken"
    make_tokenizer("m", said).save_pretrained(tmp_path / "folder")
    assert len(compare("m", said, tmp_path / "folder")) == 10


def test_the_chat_template_and_the_special_tokens_are_kept(tmp_path: Path) -> None:
    file = gguf_files.content("llama")
    file.values["tokenizer.chat_template"] = "{{ messages[0]['content'] }}"
    tokenizer = make_tokenizer("m", check_gguf("m", file.write(tmp_path / "tiny.gguf")))
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == ("<bos>", "<pad>", "<pad>")
    assert tokenizer.chat_template == "{{ messages[0]['content'] }}"
    assert tokenizer.model_max_length == 256
