"""A hook point's module is found in every known family; in others only the residual stream is read."""

import pytest
import tiny
import torch
import transformers
from torch import nn

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import module_at, output_head
from emomech.models.hooks import capture
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.tokens import batches, tokenize


def test_a_block_that_is_not_there_is_told(lm: LanguageModel) -> None:
    for layer in (3, 9):
        with pytest.raises(UsageError, match=rf"blocks\.{layer}\.hook_attn_out: the model has blocks 0\.\.2\."):
            module_at(lm, HookPoint(layer, "attn_out"))


def test_in_a_family_that_is_not_known_only_the_stream_is_read() -> None:
    mistral = wrap("m", tiny.random_module("mistral"), tiny.byte_level(), True)
    assert module_at(mistral, HookPoint(1)) == (mistral.blocks[1], "output")
    assert module_at(mistral, HookPoint(1, "resid_pre")) == (mistral.blocks[1], "input")
    with pytest.raises(UsageError, match="is not supported for models of type 'mistral', only for gpt2"):
        module_at(mistral, HookPoint(1, "mlp_out"))


def test_blocks_are_those_of_the_text_not_of_a_vision_tower() -> None:
    text = tiny.language_model("gemma3").module.config.to_dict()
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    config = transformers.Gemma3Config(text_config=text, vision_config=vision | {"num_hidden_layers": tiny.N_BLOCKS})
    both = wrap("m", transformers.Gemma3ForConditionalGeneration(config), tiny.byte_level(), True)
    assert {type(block).__name__ for block in both.blocks} == {"Gemma3DecoderLayer"}
    assert (both.n_layers, both.d_model, both.context) == (tiny.N_BLOCKS, tiny.D_MODEL, tiny.CONTEXT)
    assert isinstance(module_at(both, HookPoint(0, "attn_out"))[0], nn.Module)


def test_the_output_head_gives_the_logits_of_the_model(lm: LanguageModel) -> None:
    last, tokens = HookPoint(tiny.N_BLOCKS - 1), torch.tensor([[5, 9, 200]] * len(tiny.TEXTS))
    (batch,) = batches(tokenize(lm, tiny.TEXTS), pad_id=lm.pad_id)
    with torch.inference_mode(), capture(lm, [last]) as seen:
        expected = lm.module(**batch.forward_kwargs()).logits
    head = output_head(lm)
    assert head is not None
    with torch.inference_mode():
        computed, everything = head.logits(seen[last], tokens), head.all_logits(seen[last])
    torch.testing.assert_close(computed, expected[..., [5, 9, 200]], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(everything, expected, atol=1e-5, rtol=1e-5)


def test_an_unknown_family_has_no_known_output_head() -> None:
    assert output_head(wrap("m", tiny.random_module("mistral"), tiny.byte_level(), True)) is None
