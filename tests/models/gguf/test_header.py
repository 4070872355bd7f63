"""Files of another kind, and damaged ones, get one clear message before anything is loaded."""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf_files
import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFEndian, GGUFWriter

from emomech.core.errors import EmomechError, UsageError
from emomech.models.gguf.header import check_gguf, is_gguf, read_header


def stating(**values: Any) -> Callable[[Path], None]:
    """Write a tiny Llama with other values; None removes a value. `__` in a key stands for a point."""

    def write(path: Path) -> None:
        file = gguf_files.content("llama")
        file.values |= {key.replace("__", "."): value for key, value in values.items()}
        file.values = {key: value for key, value in file.values.items() if value is not None}
        file.write(path)

    return write


def of_architecture(architecture: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        file = gguf_files.content("llama")
        file.architecture = architecture
        file.write(path)

    return write


def without_weights(path: Path) -> None:
    file = gguf_files.content("llama")
    file.tensors.clear()
    file.write(path)


def in_integers(path: Path) -> None:
    file = gguf_files.content("llama")
    file.tensors["blk.0.ffn_up.weight"] = np.ones((96, 64), np.int8), GGMLQuantizationType.I8
    file.write(path)


def in_an_unknown_quantisation(path: Path) -> None:
    gguf_files.content("llama").write(path)
    content = path.read_bytes()
    at = content.index(b"blk.0.ffn_up.weight") + len(b"blk.0.ffn_up.weight") + 4 + 16
    path.write_bytes(content[:at] + (31).to_bytes(4, "little") + content[at + 4 :])


def big_endian(path: Path) -> None:
    writer = GGUFWriter(path, "llama", endianess=GGUFEndian.BIG)
    writer.add_tensor("token_embd.weight", np.ones((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def with_too_many_tokens(path: Path) -> None:
    file = gguf_files.content("llama")
    for key, more in {"tokens": ["one", "more"], "token_type": [1, 1]}.items():
        file.values[f"tokenizer.ggml.{key}"] = [*file.values[f"tokenizer.ggml.{key}"], *more]
    file.write(path)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a text file": (lambda path: path.write_text("hello, world") and None, r"no GGUF file: it starts with b'hell'"),
    "an empty file": (lambda path: path.write_bytes(b"") and None, "no GGUF file: it is empty"),
    "a projector": (stating(general__type="mmproj"), r"holds a projector of images \(mmproj\)"),
    "an older projector": (of_architecture("clip"), r"holds a projector of images \(mmproj\)"),
    "an adapter": (stating(general__type="adapter"), r"holds an adapter \(LoRA\), which changes another model"),
    "another type": (stating(general__type="spell"), "something of type 'spell', expected a model"),
    "a model of embeddings": (stating(llama__pooling_type=1), "makes embeddings of texts, and predicts no next token"),
    "a model that reads later tokens": (stating(llama__attention__causal=False), "predicts no next token"),
    "a part": (stating(split__count=3), "one part of a model that is split .*llama-gguf-split --merge"),
    "no weights": (without_weights, "holds no weights"),
    "big endian": (big_endian, "big-endian byte order"),
    "an unknown architecture": (of_architecture("rwkv7"), "architecture 'rwkv7'; GGUF files of llama, qwen2, .*folder"),
    "experts": (stating(llama__expert_count=8), "mixture of experts"),
    "no sizes": (stating(llama__block_count=None), r"does not say llama\.block_count"),
    "yarn": (stating(llama__rope__scaling__type="yarn"), "scales positions by 'yarn'"),
    "integers": (in_integers, "weights in I8, which cannot be turned back. Get a file in another quantisation"),
    "an unknown quantisation": (in_an_unknown_quantisation, "quantisation with the number 31"),
    "an unknown tokenizer": (stating(tokenizer__ggml__model="rwkv"), "tokenizer of the kind 'rwkv'"),
    "no merges": (stating(tokenizer__ggml__merges=None), r"has no tokenizer\.ggml\.merges"),
    "too many tokens": (with_too_many_tokens, "has 450 tokens, but embeddings of 448"),
}


@pytest.mark.parametrize(("write", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_usable_model_is_refused(write: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    write(tmp_path / "tiny.gguf")
    with pytest.raises(UsageError, match=rf"model 'm': .*tiny\.gguf .*{message}"):
        check_gguf("m", tmp_path / "tiny.gguf")


def test_a_part_is_known_by_its_name(tmp_path: Path) -> None:
    path = gguf_files.content("llama").write(tmp_path / "tiny-00002-of-00003.gguf")
    with pytest.raises(UsageError, match="one part of a model"):
        check_gguf("m", path)
    check_gguf("m", path.rename(tmp_path / "tiny-00001-of-00001.gguf"))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        check_gguf("m", tmp_path / "tiny.gguf")


def test_wherever_a_file_is_cut_it_is_said_to_be_cut_short(tmp_path: Path) -> None:
    whole = gguf_files.content("qwen3", "Q8_0").write(tmp_path / "whole.gguf").read_bytes()
    path = tmp_path / "tiny.gguf"
    for size in (4, 7, 20, 30, 100, 1000, 5000, 12_000, len(whole) // 2, len(whole) - 1000):
        path.write_bytes(whole[:size])
        with pytest.raises(EmomechError, match=r"tiny\.gguf is cut short \(it has .*Get the file again") as caught:
            read_header("m", path)
        assert not isinstance(caught.value, UsageError) and "\n" not in str(caught.value)


def test_damaged_bytes_end_in_one_line(tmp_path: Path) -> None:
    """Whatever the bytes of the header are, the message is one line, or the file is read."""
    whole = bytearray(gguf_files.content("llama", "Q4_0").write(tmp_path / "whole.gguf").read_bytes())
    path, chance = tmp_path / "tiny.gguf", random.Random(0)
    messages = set()
    for _ in range(60):
        damaged = whole.copy()
        for _ in range(3):
            damaged[chance.randrange(4, 3000)] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            check_gguf("m", path)
        except EmomechError as error:
            messages.add(str(error))
    assert len(messages) > 10
    assert not [message for message in messages if "\n" in message or not message.startswith("model 'm': ")]
    path.write_bytes(b"GGUF" + chance.randbytes(5000))
    with pytest.raises(EmomechError, match=r"tiny\.gguf is (damaged|cut short)"):
        check_gguf("m", path)


def test_the_header_says_what_is_in_the_file(tmp_path: Path) -> None:
    header = check_gguf("m", gguf_files.content("llama", "Q4_0").write(tmp_path / "tiny.gguf"))
    assert header.architecture == "llama" and header.of_model("block_count") == 3
    assert header.shape("blk.0.ffn_up.weight") == (96, 64) and header.shape("none") == ()
    assert list(header.quantisations) == ["Q4_0", "F32"]
    assert header.of_tokenizer("pre") == "smollm" and len(header.of_tokenizer("tokens")) == 448


def test_a_file_is_known_by_its_ending(tmp_path: Path) -> None:
    (tmp_path / "folder.gguf").mkdir()
    assert is_gguf("a.gguf") and is_gguf(tmp_path / "B.GGUF")
    assert not is_gguf("a.safetensors") and not is_gguf(tmp_path / "folder.gguf")
    assert sys.byteorder == "little"
