"""A converted model computes what its source computes, once, whole or not at all."""

import json
import logging
import math
import os
from pathlib import Path
from typing import Any

import gguf_files
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType

from emomech.core.errors import EmomechError, UsageError
from emomech.models.gguf import conversion
from emomech.models.gguf.config import config_of
from emomech.models.gguf.conversion import converted
from emomech.models.gguf.header import check_gguf
from emomech.models.gguf.place import SOURCE, folder_of, is_converted, source_of
from emomech.models.loading import load_model

IDS = torch.arange(3, 63).reshape(2, 30)
CASES = [
    *((architecture, "Q4_1") for architecture in gguf_files.FAMILIES),
    *((architecture, kind) for architecture in ("llama", "gemma3") for kind in ("F32", "F16", "BF16", "Q8_0", "Q4_0")),
    ("gpt2", "F16"),
]
F32 = GGMLQuantizationType.F32


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def expected_logits(module: Any) -> torch.Tensor:
    """Logits of a model whose weights are rounded to float16."""
    for weight in module.parameters():
        weight.data = weight.data.half().float()
    with torch.inference_mode():
        return module.eval()(input_ids=IDS).logits


def logits(folder: Path) -> torch.Tensor:
    with torch.inference_mode():
        return load_model("m", folder, device="cpu").module(input_ids=IDS).logits


@pytest.mark.parametrize(("architecture", "kind"), CASES)
def test_a_converted_model_computes_what_the_file_holds(architecture: str, kind: str, tmp_path: Path) -> None:
    file = gguf_files.content(architecture, kind)
    found = logits(converted("m", file.write(tmp_path / "tiny.gguf")))
    assert found.std() > 0.1
    torch.testing.assert_close(found, expected_logits(file.module), atol=1e-4, rtol=1e-4)


def test_a_file_is_converted_once_and_always_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = gguf_files.content("llama", "Q8_0").write(tmp_path / "tiny.gguf")
    assert not is_converted(file)
    folder = converted("m", file)
    assert is_converted(file)
    assert {path.name for path in folder.iterdir()} >= {"config.json", "model.safetensors", "tokenizer.json", SOURCE}
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o666 & ~_umask()}
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setenv("EMOMECH_CACHE", str(tmp_path / "other"))
    assert {path.name: path.read_bytes() for path in converted("m", file).iterdir()} == first
    monkeypatch.setattr(conversion, "_convert", lambda *_: pytest.fail("converted again"))
    moved = file.rename(tmp_path / "renamed.gguf")
    assert converted("another name", moved) == folder_of(source_of(folder)["blake2b"])


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_folder_says_what_it_was_made_from(tmp_path: Path) -> None:
    file = gguf_files.content("gemma3", "Q4_0").write(tmp_path / "tiny.gguf")
    source = source_of(converted("m", file))
    assert (source["file"], source["bytes"], source["bos"]) == ("tiny.gguf", file.stat().st_size, 1)
    assert list(source["weights by quantisation"]) == ["Q4_0", "F32"]
    assert source["stored"] == "float16" and set(source["versions"]) == {"gguf", "transformers", "tokenizers"}
    assert len(source["first ids"]) == 10 and source["first ids"][0]["file"][0] == 1
    config = json.loads((folder_of(source["blake2b"]) / "config.json").read_text())
    assert "quantization_config" not in config and config["architectures"] == ["Gemma3ForCausalLM"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, MemoryError])
def test_an_interrupted_conversion_leaves_nothing(
    error: type[BaseException], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = gguf_files.content("llama").write(tmp_path / "tiny.gguf")

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(conversion, "compare", fail)
    with pytest.raises(EmomechError if error is OSError else error):
        converted("m", file)
    assert [path.name for path in cache.rglob("*") if path.name != ".lock"] == ["gguf"]
    monkeypatch.undo()
    monkeypatch.setenv("EMOMECH_CACHE", str(cache))
    assert (converted("m", file) / SOURCE).is_file()


def test_a_full_disk_is_told_before_the_conversion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = gguf_files.content("llama").write(tmp_path / "tiny.gguf")
    monkeypatch.setattr(conversion, "disk_usage", lambda _: type("Usage", (), {"free": 10_000}))
    with pytest.raises(EmomechError, match=r"0\.0 GB are needed, and 0\.0 GB are free.*EMOMECH_CACHE"):
        converted("m", file)


def test_weights_beyond_float16_are_kept_in_float32(tmp_path: Path) -> None:
    file = gguf_files.content("qwen2")
    name = "blk.1.ffn_down.weight"
    numbers = file.tensors[name][0].copy()
    numbers[0, 0] = 1e6
    file.tensors[name] = numbers, F32
    folder = converted("m", file.write(tmp_path / "tiny.gguf"))
    assert source_of(folder)["stored"] == "float32"
    file.module.model.layers[1].mlp.down_proj.weight.data[0, 0] = 1e6
    with torch.inference_mode():
        torch.testing.assert_close(logits(folder), file.module.eval()(input_ids=IDS).logits, atol=1e-3, rtol=1e-4)


def test_a_tensor_that_has_no_place_and_one_that_lacks_are_named(tmp_path: Path) -> None:
    file = gguf_files.content("llama")
    file.tensors["blk.0.attn_sub_norm.weight"] = np.ones(64, np.float32), F32
    with pytest.raises(UsageError, match=r"blk\.0\.attn_sub_norm\.weight, which LlamaForCausalLM has no place for"):
        converted("m", file.write(tmp_path / "more.gguf"))
    file = gguf_files.content("llama")
    del file.tensors["blk.1.ffn_up.weight"]
    with pytest.raises(EmomechError, match=r"lacks model\.layers\.1\.mlp\.up_proj\.weight"):
        converted("m", file.write(tmp_path / "less.gguf"))


def test_scaled_positions_are_those_of_the_source(tmp_path: Path) -> None:
    scaled = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
    file = gguf_files.content("llama", rope_parameters=scaled)
    file.values |= {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}
    found = logits(converted("m", file.write(tmp_path / "linear.gguf")))
    torch.testing.assert_close(found, expected_logits(file.module), atol=1e-4, rtol=1e-4)
    llama3 = {"rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0}
    llama3 |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    file = gguf_files.content("llama", rope_parameters=llama3, head_dim=32, max_position_embeddings=32768)
    factors = []
    for i in range(0, 32, 2):
        wavelength = 2 * math.pi * 500_000.0 ** (i / 32)
        smooth = (8192 / wavelength - 1) / 3
        factors.append(1 if wavelength < 2048 else 8 if wavelength > 8192 else 1 / ((1 - smooth) / 8 + smooth))
    assert len(set(factors)) == 3
    file.tensors["rope_freqs.weight"] = np.array(factors, np.float32), F32
    found = logits(converted("m", file.write(tmp_path / "llama3.gguf")))
    torch.testing.assert_close(found, expected_logits(file.module), atol=1e-4, rtol=1e-4)
    file.tensors["rope_freqs.weight"] = np.array([f + 1 for f in factors], np.float32), F32
    with pytest.raises(UsageError, match=r"scales positions in an unknown way"):
        converted("m", file.write(tmp_path / "strange.gguf"))


def test_the_queries_of_the_largest_gemma_are_scaled_by_its_width(tmp_path: Path) -> None:
    """As in llama.cpp, by width over heads; all smaller ones by the width of a head."""
    header = check_gguf("m", gguf_files.content("gemma2").write(tmp_path / "small.gguf"))
    assert config_of("m", header).query_pre_attn_scalar == 16
    values = dict(header.values) | {"gemma2.block_count": 46, "gemma2.embedding_length": 256}
    largest = type(header)(header.path, values, header.tensors)
    assert config_of("m", largest).query_pre_attn_scalar == 64


def test_partly_rotated_heads_are_refused(tmp_path: Path) -> None:
    file = gguf_files.content("llama")
    file.values["llama.rope.dimension_count"] = 8
    with pytest.raises(UsageError, match="rotates 8 of the 16 dimensions"):
        converted("m", file.write(tmp_path / "tiny.gguf"))


def test_an_unknown_split_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = gguf_files.content("qwen2", tokenizer="bespoke").write(tmp_path / "tiny.gguf")
    with caplog.at_level(logging.WARNING):
        converted("m", file)
    assert "the pre-tokenizer of tiny.gguf (bespoke) is unknown here" in caplog.text
