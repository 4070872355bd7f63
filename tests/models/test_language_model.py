"""A model reports its sizes, adds a BOS as requested, and its random copy keeps scale and ties."""

from types import SimpleNamespace

import pytest
import tiny
import torch
import transformers

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel, randomised, wrap

GPT2 = tiny.language_model("gpt2")


def test_a_model_tells_its_sizes(lm: LanguageModel) -> None:
    assert (lm.n_layers, lm.d_model, lm.context) == (tiny.N_BLOCKS, tiny.D_MODEL, tiny.CONTEXT)
    assert lm.vocab_size == tiny.VOCAB == tiny.logits(lm).shape[-1]
    assert (lm.device.type, lm.dtype, lm.pad_id) == ("cpu", torch.float32, lm.tokenizer.pad_token_id)
    assert not lm.module.training
    assert not any(weight.requires_grad for weight in lm.module.parameters())


@pytest.mark.parametrize(
    ("tokenizer", "default"), [(tiny.byte_level(), False), (tiny.byte_level(True), True), (tiny.sentencepiece(), True)]
)
def test_a_bos_is_taken_as_asked_for_or_as_the_tokenizer_does(tokenizer, default: bool) -> None:
    assert wrap("m", GPT2.module, tokenizer, None).prepend_bos is default
    for prepend_bos in (True, False):
        assert wrap("m", GPT2.module, tokenizer, prepend_bos).prepend_bos is prepend_bos


def test_a_tokenizer_has_to_have_what_is_asked_of_it() -> None:
    without = transformers.PreTrainedTokenizerFast(tokenizer_object=tiny.byte_level().backend_tokenizer)
    assert wrap("m", GPT2.module, without, None).prepend_bos is False
    assert wrap("m", GPT2.module, without, None).pad_id == 0
    with pytest.raises(UsageError, match="prepend_bos is set, but its tokenizer has no BOS token"):
        wrap("m", GPT2.module, without, True)
    with pytest.raises(UsageError, match="no character spans; a fast one"):
        wrap("m", GPT2.module, SimpleNamespace(is_fast=False), None)  # pyright: ignore[reportArgumentType]


def test_random_weights_keep_scale_and_all_that_is_no_matrix(lm: LanguageModel) -> None:
    before = {name: weight.clone() for name, weight in lm.module.named_parameters()}
    copy_of_lm = randomised(lm, seed=1)
    for name, weight in copy_of_lm.module.named_parameters():
        original = before[name]
        if original.ndim < 2:
            assert torch.equal(weight, original)
            continue
        far = 5 * original.std() / original.numel() ** 0.5
        assert (weight.mean() - original.mean()).abs() < far
        assert (weight.std() - original.std()).abs() < far
        assert torch.corrcoef(torch.stack([weight.flatten(), original.flatten()]))[0, 1].abs() < 0.15
    assert all(torch.equal(weight, before[name]) for name, weight in lm.module.named_parameters())
    assert copy_of_lm.name == f"{lm.name} with random weights"


def test_random_weights_stay_tied_and_the_copy_is_a_model_of_its_own(lm: LanguageModel) -> None:
    copy_of_lm = randomised(lm, seed=1)
    tied = lm.module.get_input_embeddings().weight is lm.module.get_output_embeddings().weight
    assert (copy_of_lm.module.get_input_embeddings().weight is copy_of_lm.module.get_output_embeddings().weight) is tied
    assert copy_of_lm.blocks[0] in list(copy_of_lm.module.modules())
    assert copy_of_lm.blocks[0] is not lm.blocks[0]
    assert not torch.allclose(tiny.logits(copy_of_lm), tiny.logits(lm), atol=0.1)


def test_random_weights_hang_on_the_seed_alone() -> None:
    torch.manual_seed(3)
    first = tiny.logits(randomised(GPT2, seed=1))
    torch.manual_seed(4)
    assert torch.equal(tiny.logits(randomised(GPT2, seed=1)), first)
    assert not torch.allclose(tiny.logits(randomised(GPT2, seed=2)), first, atol=0.1)
