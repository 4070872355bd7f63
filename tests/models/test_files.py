"""A model's files are checked and its weights counted before it is loaded."""

from pathlib import Path

import pytest
import tiny

from emomech.core.errors import EmomechError, UsageError
from emomech.models.files import check_files, n_block_weights, n_weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny.save(tiny.language_model("gpt2"), tmp_path / "saved")


def test_a_saved_model_passes_and_has_as_many_weights_as_in_memory(lm, tmp_path: Path) -> None:
    folder = tiny.save(lm, tmp_path)
    check_files("m", folder)
    assert n_weights(folder) == sum(weight.numel() for weight in lm.module.parameters())
    in_blocks = [weight for weight in lm.blocks.parameters() if weight.ndim > 1]
    assert n_block_weights(folder) == sum(weight.numel() for weight in in_blocks)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_named(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(
        UsageError, match=f"model 'm': .*expected .*{'model folder' if name == 'config.json' else name}"
    ):
        check_files("m", folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
def test_a_damaged_file_is_named_with_the_way_out(name: str, folder: Path) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:15])
    with pytest.raises(EmomechError, match=rf"{name} is damaged \(.*\)\. Get the file again\."):
        check_files("m", folder)


def test_a_damaged_file_in_the_cache_of_the_hub_is_deleted_with_its_blob(folder: Path) -> None:
    blob = folder / "blobs" / "0123"
    blob.parent.mkdir()
    blob.write_bytes(b"{")
    link = folder / "config.json"
    link.unlink()
    link.symlink_to(blob)
    with pytest.raises(EmomechError, match=f"Delete {link} and {blob.resolve()}, and run again to download it anew"):
        check_files("m", folder)


def test_a_folder_without_safetensors_has_no_weights_to_count(tmp_path: Path) -> None:
    assert n_weights(tmp_path) == 0
