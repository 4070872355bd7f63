"""Massive activations are recognised in every family, and count neither as content nor in a training of SAEs."""

import copy
import logging
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from emomech.core.hook_points import HookPoint
from emomech.models.language_model import LanguageModel, randomised, wrap
from emomech.models.loading import load_model
from emomech.models.pool import TokenPool
from emomech.models.sinks import MULTIPLE, Sinks, find_sinks, lengths_at, ordinary_rows
from emomech.models.tokens import batches, tokenize

MASSIVE = " the"


def planted(family: str) -> LanguageModel:
    """Give one token of a tiny model an embedding that is far longer than those of the others."""
    plain = tiny.language_model(family)
    return _planted(plain, "get_input_embeddings", massive_token(plain))


def planted_first() -> LanguageModel:
    """Give the first place of a text an embedding that is far longer than those of the others."""
    return _planted(tiny.language_model("gpt2"), "transformer.wpe", 0)


def _planted(plain: LanguageModel, name: str, row: int) -> LanguageModel:
    module: Any = copy.deepcopy(plain.module)
    embedding = getattr(module, name)() if hasattr(module, name) else module.get_submodule(name)
    embedding.weight[row] *= 2000
    return wrap("planted", module, plain.tokenizer, False)


def with_sinks(lm: LanguageModel, tmp_path: Path) -> LanguageModel:
    return load_model("planted", tiny.save(lm, tmp_path), prepend_bos=False)


def massive_token(lm: LanguageModel) -> int:
    return lm.tokenizer.encode(MASSIVE, add_special_tokens=False)[0]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_planted_sink_is_marked_in_every_family(family: str, tmp_path: Path) -> None:
    lm = with_sinks(planted(family), tmp_path)
    assert isinstance(lm.sinks, Sinks)
    token = massive_token(lm)
    for text in tokenize(lm, tiny.TEXTS):
        assert text.sinks == {i for i, number in enumerate(text.ids) if number == token}
        assert [not content for content in text.content] == [i in text.sinks for i in range(len(text.ids))]
    (batch,) = batches(tokenize(lm, tiny.TEXTS), pad_id=lm.pad_id)
    assert not (batch.content_mask & (batch.input_ids == token)).any()
    assert (batch.content_mask | (batch.input_ids == token) | ~batch.attention_mask.bool()).all()


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_model_without_massive_activations_has_no_sinks(family: str) -> None:
    lm = tiny.language_model(family)
    assert find_sinks(lm) is None
    assert all(not text.sinks for text in tokenize(lm, tiny.TEXTS))


def test_the_first_token_of_a_text_is_a_sink_by_its_place(tmp_path: Path) -> None:
    lm = with_sinks(planted_first(), tmp_path)
    assert all(text.sinks == {0} for text in tokenize(lm, tiny.TEXTS))
    with_bos = load_model("planted", tmp_path, prepend_bos=True)
    assert with_bos.sinks is None
    assert float(lengths_at(with_bos, tiny.TEXTS)[HookPoint(0)].special.min()) > 100


def test_a_leading_token_takes_the_place_of_the_sink(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tiny.save(planted_first(), tmp_path)
    with caplog.at_level(logging.WARNING):
        load_model("planted", folder, prepend_bos=False)
    assert "A leading token can take their place: EMOMECH_LEADING=TOKEN." in caplog.text
    caplog.clear()
    lm = load_model("planted", folder, leading="<pad>")
    assert lm.sinks is None and not caplog.text
    assert all(text.ids[0] == lm.tokenizer.pad_token_id and text.special[0] for text in tokenize(lm, tiny.TEXTS))


def test_marks_do_not_depend_on_the_batch_and_an_edited_model_has_those_of_the_original(tmp_path: Path) -> None:
    lm = with_sinks(planted("llama"), tmp_path)
    alone = [tokenize(lm, [text])[0].sinks for text in tiny.TEXTS]
    module: Any = copy.deepcopy(lm.module)
    module.get_input_embeddings().weight.zero_()
    edited = lm.around(module)
    assert [text.sinks for text in tokenize(edited, tiny.TEXTS)] == alone
    assert randomised(lm, seed=0).sinks is None


def test_a_pool_holds_all_tokens_because_a_training_measures_each_hook_point_anew(tmp_path: Path) -> None:
    lm = with_sinks(planted("qwen3"), tmp_path)
    assert TokenPool.read(lm, tiny.TEXTS, most=1000).n == sum(len(text.ids) for text in tokenize(lm, tiny.TEXTS))


def test_rows_are_left_out_beyond_the_multiple_of_the_median_alone() -> None:
    rows = torch.ones(101, 4)
    rows[7], rows[8] = (MULTIPLE + 0.01), MULTIPLE
    kept = ordinary_rows(rows.half())
    assert 7 not in kept and 8 in kept and len(kept) == 100
