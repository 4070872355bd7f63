"""A replayed edit equals a whole forward pass under it, in every family, and unedited texts keep their logits."""

from collections.abc import Callable

import numpy as np
import pytest
import tiny
import torch
from torch import Tensor

from emomech.causal.questions import Questions, masked
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import output_head
from emomech.models.hooks import forward_to, intervene
from emomech.models.language_model import LanguageModel
from emomech.models.replay import Replay
from emomech.models.tokens import PaddingSide, TokenBatch, batches, tokenize
from emomech.saes.controls import random_sae
from emomech.saes.edits import Add, MoveFeatures, moved_each
from emomech.saes.sae import Sae

CLOSE = {"atol": 1e-5, "rtol": 0}
SIDES: tuple[PaddingSide, ...] = ("left", "right")
LAYERS = range(tiny.N_BLOCKS)
LABELS = torch.tensor([[5, 9, 200]] * len(tiny.TEXTS))


def batch_of(lm: LanguageModel, side: PaddingSide, texts=tiny.TEXTS) -> TokenBatch:
    (batch,) = batches(tokenize(lm, texts), pad_id=lm.pad_id, padding_side=side)
    return batch


def replay(lm: LanguageModel, batch: TokenBatch) -> Replay:
    end = output_head(lm)
    assert end is not None
    return Replay.of(lm, end, batch, LABELS[: len(batch.example)])


@torch.inference_mode()
def whole(lm: LanguageModel, batch: TokenBatch, edits: dict[HookPoint, Callable[[Tensor], Tensor]]) -> Tensor:
    """Reference implementation: all blocks, all logits."""
    with intervene(lm, edits):
        logits = lm.module(**batch.forward_kwargs()).logits
    return logits[torch.arange(len(logits)), batch.last].gather(1, LABELS[: len(logits)])


def noise(x: Tensor) -> Tensor:
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(x)


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest) -> PaddingSide:
    return request.param


@torch.inference_mode()
def test_the_whole_final_stream_is_that_of_a_whole_pass(lm: LanguageModel, side: PaddingSide) -> None:
    batch, last = batch_of(lm, side), HookPoint(LAYERS[-1])
    run, content = replay(lm, batch), batch.attention_mask.bool()
    for point in (HookPoint(0, "resid_pre"), HookPoint(1), HookPoint(1, "attn_out"), last):
        edits = {point: lambda x: x + noise(x)}
        with intervene(lm, edits):
            expected = forward_to(lm, batch, [last])[last]
        torch.testing.assert_close(run.final_stream(edits)[content], expected[content], atol=1e-4, rtol=1e-4)
    assert run.final_stream({}) is run.stream[-1]


def test_what_is_not_edited_is_what_the_model_answers(lm: LanguageModel, side: PaddingSide) -> None:
    batch = batch_of(lm, side)
    run = replay(lm, batch)
    torch.testing.assert_close(run.base, whole(lm, batch, {}), **CLOSE)
    assert run.logits({}) is run.base
    assert torch.equal(run.logits({HookPoint(1): lambda x: x.clone()}), run.base)


def test_an_edit_of_all_tokens_at_any_hook_point_is_a_whole_forward_pass(lm: LanguageModel, side: PaddingSide) -> None:
    batch = batch_of(lm, side)
    run = replay(lm, batch)
    for layer in LAYERS:
        for site in ("resid_pre", "attn_out", "mlp_out", "resid_post"):
            edits = masked({HookPoint(layer, site): Add(torch.randn(tiny.D_MODEL))}, batch.content_mask)
            computed = run.logits(edits)
            torch.testing.assert_close(computed, whole(lm, batch, dict(edits)), **CLOSE)
            assert (computed - run.base).abs().max() > 1e-2


def test_edits_at_several_hook_points_are_made_together(lm: LanguageModel, side: PaddingSide) -> None:
    batch = batch_of(lm, side)
    points = [HookPoint(0), HookPoint(1, "resid_pre"), HookPoint(1, "mlp_out"), HookPoint(2)]
    edits = masked({point: Add(torch.randn(tiny.D_MODEL)) for point in points}, batch.content_mask)
    torch.testing.assert_close(replay(lm, batch).logits(edits), whole(lm, batch, dict(edits)), **CLOSE)


@pytest.mark.parametrize("texts", [tiny.TEXTS, tiny.TEXTS[2:3]], ids=["padded", "one text"])
def test_only_texts_and_tokens_that_change_are_run_again(lm: LanguageModel, side: PaddingSide, texts) -> None:
    batch = batch_of(lm, side, texts)
    run = replay(lm, batch)
    width = batch.input_ids.shape[1]
    for depth in range(tiny.N_BLOCKS + 1):
        x = run.stream[depth]
        place = torch.zeros(x.shape[:2], dtype=torch.bool)
        for row in range(0, len(x), 2):  # a different token of every other text
            place[row, int(batch.last[row]) - row] = True
        edited = torch.where(place[..., None], x + noise(x), x)
        point = HookPoint(depth - 1) if depth else HookPoint(0, "resid_pre")
        expected = whole(lm, batch, {point: lambda _, edited=edited: edited})
        computed = run.after(depth, edited)
        torch.testing.assert_close(computed, expected, **CLOSE)
        assert torch.equal(computed[1::2], run.base[1::2])
        assert (computed - run.base)[0].abs().max() > 1e-2
    assert width > 8  # longer than the sliding window


@pytest.mark.parametrize("texts", [tiny.TEXTS, tiny.TEXTS[2:3]], ids=["padded", "one text"])
def test_many_edits_of_the_last_token_stand_beside_one_another(lm: LanguageModel, side: PaddingSide, texts) -> None:
    batch = batch_of(lm, side, texts)
    run = replay(lm, batch)
    for depth in range(tiny.N_BLOCKS + 1):
        last = run.last(run.stream[depth])
        variants = last[:, None] + torch.randn(len(last), 5, tiny.D_MODEL)
        variants[:, 3] = last
        computed = run.after_last_token(depth, variants)
        torch.testing.assert_close(computed[:, 3], run.base, **CLOSE)
        point = HookPoint(depth - 1) if depth else HookPoint(0, "resid_pre")
        for i in range(5):
            edited = run.stream[depth].index_put((torch.arange(len(last)), batch.last), variants[:, i])
            expected = whole(lm, batch, {point: lambda _, edited=edited: edited})
            torch.testing.assert_close(computed[:, i], expected, **CLOSE)


def test_after_the_last_block_no_block_is_run(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of(lm, "left")
    run = replay(lm, batch)
    for block in lm.blocks:
        monkeypatch.setattr(block, "forward", None)
    x = run.stream[-1]
    assert run.after(tiny.N_BLOCKS, x + 1).shape == run.base.shape
    assert run.after_last_token(tiny.N_BLOCKS, run.last(x)[:, None].expand(-1, 4, -1)).shape == (len(x), 4, 3)


def questions_of(lm: LanguageModel) -> Questions:
    texts = tuple(tokenize(lm, tiny.TEXTS))
    return Questions(lm, texts, LABELS, np.array([0, 1, 2, 0]), (), ("a", "b", "c"))


def sae_at(lm: LanguageModel, point: HookPoint, n: int = 40) -> Sae:
    x = questions_of(lm).activations([point])[point]
    return random_sae(point, x, n, 8.0, seed=0)


def test_one_feature_is_moved_in_each_variant() -> None:
    lm = tiny.language_model("gpt2")
    sae = sae_at(lm, HookPoint(1))
    x = torch.randn(3, tiny.D_MODEL)
    computed = moved_each(sae, x, torch.tensor([2, 7]), torch.tensor([0.0, 1.5]))
    for i, (feature, value) in enumerate([(2, 0.0), (7, 1.5)]):
        torch.testing.assert_close(computed[:, i], MoveFeatures(sae, [feature], offset=value)(x), **CLOSE)
