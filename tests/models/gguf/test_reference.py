"""The reference encodes as the tokenizers do whose data it is given."""

from pathlib import Path
from typing import Any

import gguf_files
import pytest
import tiny
from tokenizers import pre_tokenizers

from emomech.models.gguf.header import check_gguf
from emomech.models.gguf.reference import PATTERNS, Reference
from emomech.models.reading_check import TEXTS

MORE = ("It's 1234567, isn't it?", "  two  spaces ", "\n\nlines\r\n", "日本 and ümlaut 😀", "WE'LL go", "x")


def reference(tmp_path: Path, pre: str, **values: Any) -> Reference:
    file = gguf_files.content("llama", tokenizer=pre)
    file.values |= {f"tokenizer.ggml.{key}": value for key, value in values.items()}
    return Reference(check_gguf("m", file.write(tmp_path / "tiny.gguf")))


@pytest.mark.parametrize("text", [*TEXTS, *MORE])
def test_it_reads_as_the_tokenizers_that_the_file_was_made_from(text: str, tmp_path: Path) -> None:
    byte_level: Any = tiny.byte_level()
    assert reference(tmp_path, "gpt-2").encode(text) == byte_level(text)["input_ids"]
    sentencepiece: Any = tiny.sentencepiece()
    assert reference(tmp_path, "spm").encode(text) == sentencepiece(text, add_special_tokens=False)["input_ids"]


def pieces(pre: str, text: str) -> list[str]:
    from tokenizers import Regex

    split = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in PATTERNS[pre]])
    return [piece for piece, _ in split.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    ("pre", "expected"),
    [
        ("gpt-2", ["It", "'s", " 12345", ",", " ok", "!!\n"]),
        ("smollm", ["It", "'s", " ", "1", "2", "3", "4", "5", ",", " ok", "!!\n"]),
        ("llama-bpe", ["It", "'s", " ", "123", "45", ",", " ok", "!!\n"]),
        ("qwen2", ["It", "'s", " ", "1", "2", "3", "4", "5", ",", " ok", "!!\n"]),
    ],
)
def test_each_split_is_that_of_its_family(pre: str, expected: list[str]) -> None:
    found = pieces(pre, "It's 12345, ok!!\n")
    joined = [*found[:-2], "".join(found[-2:])] if found[-1] == "\n" else found
    assert joined == expected


def test_tokens_of_users_are_found_before_the_text_is_split(tmp_path: Path) -> None:
    plain = reference(tmp_path, "spm", add_space_prefix=False)
    tokens = gguf_files.content("llama", tokenizer="spm").values
    changed = list(tokens["tokenizer.ggml.tokens"])
    kinds = list(tokens["tokenizer.ggml.token_type"])
    changed[440], kinds[440] = "\n", 4
    known = reference(tmp_path, "spm", tokens=changed, token_type=kinds, add_space_prefix=False)
    assert known.encode("So\nSo") == [*plain.encode("So"), 440, *plain.encode("So")]
    assert plain.encode("\n") == [plain.encode("\n")[0]] != [440]


def test_llama_3_takes_a_piece_that_is_a_token_as_it_is(tmp_path: Path) -> None:
    tokens = list(gguf_files.content("llama").values["tokenizer.ggml.tokens"])
    tokens[440] = "Ġqx"  # no merges lead to it
    assert reference(tmp_path, "llama-bpe", tokens=tokens).encode("a qx")[-1] == 440
    assert 440 not in reference(tmp_path, "gpt-2", tokens=tokens).encode("a qx")
