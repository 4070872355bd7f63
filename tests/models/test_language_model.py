"""Every family loads as it was saved, what is damaged or something else is refused, and random weights are fair."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiny
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.utils import logging as messages

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import module_at
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel, randomised, wrap
from emomech.models.loading import load_model
from emomech.models.tokens import batches, tokenize

GPT2 = tiny.language_model("gpt2")


def save(lm: LanguageModel, folder: Path) -> Path:
    bars = messages.is_progress_bar_enabled()
    messages.disable_progress_bar()
    lm.module.save_pretrained(folder)
    lm.tokenizer.save_pretrained(folder)
    if bars:
        messages.enable_progress_bar()
    return folder


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(GPT2, tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A saved GPT-2, for each test to damage."""
    return Path(shutil.copytree(original, tmp_path / "saved"))


def logits(lm: LanguageModel) -> torch.Tensor:
    (batch,) = batches(tokenize(lm, tiny.TEXTS), pad_id=lm.pad_id)
    with torch.inference_mode():
        return lm.module(**batch.forward_kwargs()).logits


def test_a_model_tells_its_sizes(lm: LanguageModel) -> None:
    assert (lm.n_layers, lm.d_model, lm.context) == (tiny.N_BLOCKS, tiny.D_MODEL, tiny.CONTEXT)
    assert lm.vocab_size == tiny.VOCAB == logits(lm).shape[-1]
    assert (lm.device.type, lm.dtype, lm.pad_id) == ("cpu", torch.float32, lm.tokenizer.pad_token_id)
    assert not lm.module.training
    assert not any(weight.requires_grad for weight in lm.module.parameters())


def test_a_saved_model_is_loaded_as_it_was(lm: LanguageModel, tmp_path: Path) -> None:
    loaded = load_model("again", save(lm, tmp_path), prepend_bos=True)
    assert (loaded.name, type(loaded.module)) == ("again", type(lm.module))
    assert torch.equal(logits(loaded), logits(lm))


def test_the_number_format_is_what_was_asked_for(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load_model("m", str(folder)).dtype == torch.float32
    assert not caplog.messages
    assert load_model("m", str(folder), dtype="bfloat16").dtype == torch.bfloat16
    assert "computes in bfloat16; effects below 0.4 % of an activation are lost" in caplog.text


def test_a_small_edit_is_lost_in_bfloat16_and_not_in_float32(folder: Path) -> None:
    """Why public models are computed in float32 wherever they fit."""
    point = HookPoint(1)
    kept = {}
    for dtype in ("float32", "bfloat16"):
        lm = load_model("m", folder, dtype=dtype)
        (batch,) = batches(tokenize(lm, tiny.TEXTS), pad_id=lm.pad_id)
        edits = {point: lambda x: torch.full_like(x, 300)}, {point: lambda x: torch.full_like(x, 300) + 0.9}
        found = []
        for edit in edits:
            with torch.inference_mode(), intervene(lm, edit), capture(lm, [point]) as seen:
                lm.module(**batch.forward_kwargs())
            found.append(seen[point])
        kept[dtype] = bool((found[0] != found[1]).any())
    assert kept == {"float32": True, "bfloat16": False}


def test_base_weights_without_a_head_are_loaded_where_the_head_is_tied(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    weights = {key: w.contiguous() for key, w in GPT2.module.transformer.state_dict().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert torch.equal(logits(load_model("m", folder, prepend_bos=True)), logits(GPT2))


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
    assert torch.equal(logits(load_model("m", tmp_path, prepend_bos=True)), logits(GPT2))
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
    with pytest.raises(UsageError, match="BertLMHeadModel reads what comes later"):
        load_model("m", tmp_path)


def test_weights_that_are_not_used_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    configure(n_layer=2)(folder)
    with caplog.at_level(logging.WARNING):
        assert load_model("m", folder).n_layers == 2
    assert "tensors of its weights are not used, transformer.h.2." in caplog.text


@pytest.mark.parametrize("source", [Path("no/such/folder"), "/no/such/folder", "./nosuchfolder"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(source: str | Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        load_model("m", source)


@pytest.mark.parametrize(
    ("tokenizer", "own"), [(tiny.byte_level(), False), (tiny.byte_level(True), True), (tiny.sentencepiece(), True)]
)
def test_a_bos_is_taken_as_asked_for_or_as_the_tokenizer_does(tokenizer, own: bool) -> None:
    assert wrap("m", GPT2.module, tokenizer, None).prepend_bos is own
    for asked in (True, False):
        assert wrap("m", GPT2.module, tokenizer, asked).prepend_bos is asked


def test_a_tokenizer_has_to_have_what_is_asked_of_it() -> None:
    without = transformers.PreTrainedTokenizerFast(tokenizer_object=tiny.byte_level().backend_tokenizer)
    assert wrap("m", GPT2.module, without, None).prepend_bos is False
    assert wrap("m", GPT2.module, without, None).pad_id == 0
    with pytest.raises(UsageError, match="a BOS before every text is asked for, but its tokenizer has none"):
        wrap("m", GPT2.module, without, True)
    with pytest.raises(UsageError, match="no character spans; a fast one"):
        wrap("m", GPT2.module, SimpleNamespace(is_fast=False), None)  # pyright: ignore[reportArgumentType]


def test_a_block_that_is_not_there_is_told(lm: LanguageModel) -> None:
    for layer in (-1, 3, 9):
        with pytest.raises(UsageError, match=rf"blocks\.{layer}\.hook_attn_out: the model has blocks 0\.\.2\."):
            module_at(lm, HookPoint(layer, "attn_out"))


def test_in_a_family_that_is_not_known_only_the_stream_is_read() -> None:
    mistral = wrap("m", tiny.random_module("mistral"), tiny.byte_level(), True)
    assert module_at(mistral, HookPoint(1)) == (mistral.blocks[1], "output")
    assert module_at(mistral, HookPoint(1, "resid_pre")) == (mistral.blocks[1], "input")
    with pytest.raises(UsageError, match="what a block of 'mistral' models adds is not known"):
        module_at(mistral, HookPoint(1, "mlp_out"))


def test_blocks_are_those_of_the_text_not_of_a_vision_tower() -> None:
    text = tiny.language_model("gemma3").module.config.to_dict()
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    config = transformers.Gemma3Config(text_config=text, vision_config=vision | {"num_hidden_layers": tiny.N_BLOCKS})
    both = wrap("m", transformers.Gemma3ForConditionalGeneration(config), tiny.byte_level(), True)
    assert {type(block).__name__ for block in both.blocks} == {"Gemma3DecoderLayer"}
    assert (both.n_layers, both.d_model, both.context) == (tiny.N_BLOCKS, tiny.D_MODEL, tiny.CONTEXT)
    assert isinstance(module_at(both, HookPoint(0, "attn_out"))[0], nn.Module)


def test_random_weights_keep_scale_and_all_that_is_no_matrix(lm: LanguageModel) -> None:
    before = {name: weight.clone() for name, weight in lm.module.named_parameters()}
    other = randomised(lm, seed=1)
    for name, weight in other.module.named_parameters():
        own = before[name]
        if own.ndim < 2:
            assert torch.equal(weight, own)
            continue
        far = 5 * own.std() / own.numel() ** 0.5
        assert (weight.mean() - own.mean()).abs() < far
        assert (weight.std() - own.std()).abs() < far
        assert torch.corrcoef(torch.stack([weight.flatten(), own.flatten()]))[0, 1].abs() < 0.15
    assert all(torch.equal(weight, before[name]) for name, weight in lm.module.named_parameters())
    assert other.name == f"{lm.name} with random weights"


def test_random_weights_stay_tied_and_the_copy_is_a_model_of_its_own(lm: LanguageModel) -> None:
    other = randomised(lm, seed=1)
    tied = lm.module.get_input_embeddings().weight is lm.module.get_output_embeddings().weight
    assert (other.module.get_input_embeddings().weight is other.module.get_output_embeddings().weight) is tied
    assert other.blocks[0] in list(other.module.modules())
    assert other.blocks[0] is not lm.blocks[0]
    assert not torch.allclose(logits(other), logits(lm), atol=0.1)


def test_random_weights_hang_on_the_seed_alone() -> None:
    torch.manual_seed(3)
    first = logits(randomised(GPT2, seed=1))
    torch.manual_seed(4)
    assert torch.equal(logits(randomised(GPT2, seed=1)), first)
    assert not torch.allclose(logits(randomised(GPT2, seed=2)), first, atol=0.1)
