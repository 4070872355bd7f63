"""A model that reads texts in a batch as it reads them alone is accepted, in any family; any other is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture
from emomech.models.language_model import NO_LIMIT, LanguageModel, wrap
from emomech.models.loading import load_model
from emomech.models.reading_check import check_reading
from emomech.models.tokens import batches, tokenize

_WIDTHS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
OTHERS = {
    "bloom": {"hidden_size": 32, "n_layer": 3, "n_head": 4},
    "mpt": {"d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 48},
    "mamba": {"hidden_size": 32, "num_hidden_layers": 3},
    "opt": {**_WIDTHS, "ffn_dim": 48, "word_embed_proj_dim": 32, "max_position_embeddings": 64},
    "phi": {**_WIDTHS, "max_position_embeddings": 64},
    "mistral": {**_WIDTHS, "num_key_value_heads": 2, "max_position_embeddings": 64},
    "openai-gpt": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64},
}
CONTEXTS = {"bloom": NO_LIMIT, "mpt": 48, "mamba": NO_LIMIT}


def model(kind: str) -> LanguageModel:
    return wrap(kind, tiny.random_module(kind, **OTHERS[kind]), tiny.byte_level(True), None)


def test_every_known_family_is_accepted(lm: LanguageModel) -> None:
    check_reading(lm)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_families_are_read_as_their_plain_forward_pass(kind: str) -> None:
    lm = model(kind)
    check_reading(lm)
    assert lm.context == CONTEXTS.get(kind, 64)
    (batch,) = batches(tokenize(lm, tiny.TEXTS), pad_id=lm.pad_id)
    with torch.inference_mode(), capture(lm, [HookPoint(1)]) as seen:
        lm.module(**batch.forward_kwargs())
    assert seen[HookPoint(1)].shape == (*batch.input_ids.shape, 32)


def test_a_context_that_only_the_tokenizer_gives_is_used(tmp_path: Path) -> None:
    lm = model("bloom")
    folder = tiny.save(lm, tmp_path)
    assert load_model("m", folder).context == NO_LIMIT
    lm.tokenizer.model_max_length = 40
    try:
        assert load_model("m", tiny.save(lm, tmp_path)).context == 40
    finally:
        lm.tokenizer.model_max_length = int(1e30)


def test_a_family_that_reads_padding_is_refused(tmp_path: Path) -> None:
    """The state of an RWKV runs through padding on the left."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 3, "attention_hidden_size": 32, "context_length": 64}
    lm = wrap("m", tiny.random_module("rwkv", **sizes), tiny.byte_level(True), None)
    with pytest.raises(UsageError, match=r"next to other texts, .* by .* nats on average.*'rwkv' take padding"):
        check_reading(lm)
    with pytest.raises(UsageError, match="take padding for text"):
        load_model("m", tiny.save(lm, tmp_path))


def test_tokens_that_are_lost_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = tiny.language_model("llama")
    monkeypatch.setattr("emomech.models.tokens.markers", lambda _: set())
    shortened = replace(lm, prefix=())

    def without_first(model: LanguageModel, texts: list[str]):
        return [replace(text, ids=text.ids[1:]) for text in tokenize(model, texts)]

    monkeypatch.setattr("emomech.models.reading_check.tokenize", without_first)
    with pytest.raises(UsageError, match=r"the tokens of 'She smiled\.' are .*, but its tokenizer gives"):
        check_reading(shortened)


def test_texts_that_the_model_cannot_read_are_left_out() -> None:
    short = wrap(
        "m", tiny.random_module("gpt2", n_embd=32, n_layer=2, n_head=4, n_positions=20), tiny.byte_level(), None
    )
    check_reading(short)
