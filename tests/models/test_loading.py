"""Every family loads as it was saved, and files that are damaged or of another kind are refused."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.utils import logging as messages

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel
from emomech.models.loading import load_model
from emomech.models.tokens import batches, tokenize

GPT2 = tiny.language_model("gpt2")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(GPT2, tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A saved GPT-2, for each test to damage."""
    return Path(shutil.copytree(original, tmp_path / "saved"))


def test_a_saved_model_is_loaded_as_it_was(lm: LanguageModel, tmp_path: Path) -> None:
    loaded = load_model("again", tiny.save(lm, tmp_path), prepend_bos=True)
    assert (loaded.name, type(loaded.module)) == ("again", type(lm.module))
    assert torch.equal(tiny.logits(loaded), tiny.logits(lm))


def test_the_number_format_is_what_was_asked_for(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load_model("m", str(folder)).dtype == torch.float32
    assert not caplog.messages
    assert load_model("m", str(folder), dtype="bfloat16").dtype == torch.bfloat16
    assert "computes in bfloat16; effects below 0.4 % of an activation are lost" in caplog.text


def test_a_small_edit_is_lost_in_bfloat16_and_not_in_float32(folder: Path) -> None:
    """The reason why public models are computed in float32 if they fit."""
    point = HookPoint(1)
    kept = {}
    for dtype in ("float32", "bfloat16"):
        lm = load_model("m", folder, dtype=dtype)
        (batch,) = batches(tokenize(lm, tiny.TEXTS), pad_id=lm.pad_id)
        edits = {point: lambda x: torch.full_like(x, 300)}, {point: lambda x: torch.full_like(x, 300) + 0.9}
        recorded = []
        for edit in edits:
            with torch.inference_mode(), intervene(lm, edit), capture(lm, [point]) as seen:
                lm.module(**batch.forward_kwargs())
            recorded.append(seen[point])
        kept[dtype] = bool((recorded[0] != recorded[1]).any())
    assert kept == {"float32": True, "bfloat16": False}


def test_base_weights_without_a_head_are_loaded_where_the_head_is_tied(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    weights = {key: w.contiguous() for key, w in GPT2.module.transformer.state_dict().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert torch.equal(tiny.logits(load_model("m", folder, prepend_bos=True)), tiny.logits(GPT2))


def test_loading_leaves_messages_of_the_library_as_they_were(folder: Path) -> None:
    before = messages.get_verbosity(), messages.is_progress_bar_enabled()
    load_model("m", folder)
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(EmomechError):
        load_model("m", folder)
    assert (messages.get_verbosity(), messages.is_progress_bar_enabled()) == before


def truncate(name: str, keep: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:keep])

    return damage


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def configure(**changes: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))

    return damage


def lose_a_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["transformer.h.1.mlp.c_fc.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def become(model_type: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "config.json").write_text(json.dumps({"model_type": model_type})) and None


DAMAGES = {
    "no config": (remove("config.json"), "no config.json; expected"),
    "no weights": (remove("model.safetensors"), "no weights; expected model.safetensors"),
    "no tokenizer": (remove("tokenizer.json"), "no tokenizer; expected tokenizer.json"),
    "weights cut short": (truncate("model.safetensors", -100), "model.safetensors is damaged .*Get the file again"),
    "weights cut to the header": (truncate("model.safetensors", 100), "model.safetensors is damaged"),
    "weights empty": (truncate("model.safetensors", 0), "model.safetensors is damaged"),
    "config cut short": (truncate("config.json", 20), "config.json is damaged"),
    "tokenizer cut short": (truncate("tokenizer.json", 1000), "tokenizer.json is damaged"),
    "a tensor is missing": (lose_a_tensor, r"h\.1\.mlp\.c_fc\.weight is missing .*\(1 such tensors\)"),
    "deeper than its weights": (configure(n_layer=4), r"h\.3\..* is missing .*\(12 such tensors\)"),
    "wider than its weights": (configure(n_embd=40), "is missing from its weights or has another shape"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGES.values(), ids=DAMAGES)
def test_what_is_missing_or_damaged_is_named(
    damage: Callable[[Path], None], message: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damage(folder)
    with pytest.raises(EmomechError, match=f"model 'm': .*{message}"):
        load_model("m", folder)
    assert not caplog.messages


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    GPT2.module.save_pretrained(tmp_path, max_shard_size="50KB")
    GPT2.tokenizer.save_pretrained(tmp_path)
    assert torch.equal(tiny.logits(load_model("m", tmp_path, prepend_bos=True)), tiny.logits(GPT2))
    shard = sorted(tmp_path.glob("*.safetensors"))[1]
    shard.unlink()
    with pytest.raises(EmomechError, match=shard.name):
        load_model("m", tmp_path)


@pytest.mark.parametrize("model_type", ["vit", "t5", "nosuchtype"])
def test_what_is_no_causal_language_model_is_refused(model_type: str, folder: Path) -> None:
    become(model_type)(folder)
    with pytest.raises(UsageError, match="is no causal language model that transformers knows"):
        load_model("m", folder)


def test_a_masked_language_model_is_refused(tmp_path: Path) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=len(tiny.byte_level()), **sizes)
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path)
    tiny.byte_level().save_pretrained(tmp_path)
    with pytest.raises(UsageError, match="BertLMHeadModel reads later tokens"):
        load_model("m", tmp_path)


def add_a_tensor(name: str, folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {name: torch.zeros(3)}, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("name", ["transformer.h.1.mlp.gate.weight", "base.layers.0.lora_A.weight"])
def test_weights_of_a_block_that_would_be_ignored_are_refused(name: str, folder: Path) -> None:
    add_a_tensor(name, folder)
    with pytest.raises(
        EmomechError, match=rf"its weights hold {name}, for which its config.json has no place \(1 such"
    ):
        load_model("m", folder)


def test_fewer_blocks_than_weights_are_refused(folder: Path) -> None:
    configure(n_layer=2)(folder)
    with pytest.raises(EmomechError, match=r"its weights hold transformer\.h\.2\..*has no place"):
        load_model("m", folder)
    configure(n_layer=0)(folder)
    with pytest.raises(EmomechError, match="gives 0 as num_hidden_layers|has no place"):
        load_model("m", folder)


def test_other_weights_that_are_not_used_are_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    add_a_tensor("value_head.weight", folder)
    with caplog.at_level(logging.WARNING):
        load_model("m", folder)
    assert "1 tensors of its weights are not used, value_head.weight among them" in caplog.text


def test_an_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="holds an adapter .* Merge it into the weights"):
        load_model("m", folder)


def test_weights_that_are_not_finite_are_named(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["transformer.h.1.mlp.c_fc.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EmomechError, match="its logits are not finite, so its weights are damaged"):
        load_model("m", folder)


@pytest.mark.parametrize("source", [Path("no/such/folder"), "/no/such/folder", "./nosuchfolder"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(source: str | Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        load_model("m", source)
