"""Edits of weights: what each does to a matrix, doses that reach the intended change, and weights that stay unchanged."""

import numpy as np
import planted
import pytest
import tiny
import torch

from emomech.chapters.early_layers.weight_edits import (
    WeightEdit,
    add_noise,
    at_change,
    matrices,
    prune,
    quantise,
    relative_change,
    skip,
    thirds,
    truncate,
)
from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import batches, tokenize

W = torch.randn(24, 40, generator=torch.Generator().manual_seed(0))


def logits(lm: LanguageModel) -> torch.Tensor:
    (batch,) = batches(tokenize(lm, ["one two three"]), pad_id=lm.pad_id)
    with torch.inference_mode():
        return lm.module(**batch.forward_kwargs()).logits


def test_many_levels_change_nothing_and_few_round_to_few_values() -> None:
    assert relative_change([W], [quantise(W, 2**15 - 1)]) < 1e-4
    coarse = quantise(W, 3)
    assert all(len(row.unique()) <= 7 for row in coarse)
    step = W.abs().amax(1) / 3
    assert ((coarse - W).abs() <= step[:, None] / 2 + 1e-6).all()


def test_every_output_channel_has_its_own_scale() -> None:
    scaled = W * torch.logspace(-2, 2, len(W))[:, None]
    apart = torch.stack([quantise(row[None], 4)[0] for row in scaled])
    assert torch.equal(quantise(scaled, 4), apart)


def test_pruning_takes_the_smallest() -> None:
    assert torch.equal(prune(W, 0), W)
    half = prune(W, 0.5)
    assert (half == 0).sum() == W.numel() // 2
    assert W[half == 0].abs().max() <= W[half != 0].abs().min()


def test_a_rank_that_is_full_changes_nothing_and_a_lower_one_is_the_best_of_its_rank() -> None:
    torch.testing.assert_close(truncate(W, 0), W)
    half = truncate(W, 0.5)
    assert torch.linalg.matrix_rank(half) == 12
    u, s, v = np.linalg.svd(W.numpy(), full_matrices=False)
    np.testing.assert_allclose(half.numpy(), (u[:, :12] * s[:12]) @ v[:12], atol=1e-5)


def test_noise_has_the_size_that_is_asked_for() -> None:
    assert relative_change([W], [add_noise(W, 0.3, torch.Generator())]) == pytest.approx(0.3)


@pytest.mark.parametrize("method", ["pruning", "low rank", "noise", "quantisation"])
@pytest.mark.parametrize("change", [0.1, 0.2, 0.4, 0.8])
def test_a_dose_comes_to_the_change_that_is_asked_for(lm: LanguageModel, method: str, change: float) -> None:
    edit = at_change(lm, [0, 1], method, change)  # pyright: ignore[reportArgumentType]
    found = relative_change(matrices(lm, [0, 1]), matrices(edit.on(lm, [0, 1]), [0, 1]))
    assert found == pytest.approx(change, rel=0.25 if method in ("quantisation", "low rank") else 0.01)


def test_only_the_matrices_of_the_blocks_change_and_only_in_the_copy(lm: LanguageModel) -> None:
    before = {name: weight.clone() for name, weight in lm.module.named_parameters()}
    edited = WeightEdit("noise", 0.5).on(lm, [1])
    inside = {id(weight) for weight in edited.blocks[1].parameters() if weight.ndim > 1}
    for name, weight in edited.module.named_parameters():
        assert torch.equal(weight, before[name]) == (id(weight) not in inside), name
    assert all(torch.equal(weight, before[name]) for name, weight in lm.module.named_parameters())


def test_rows_are_output_channels_whatever_the_architecture() -> None:
    lm = tiny.language_model("gpt2")
    transposed = {weight.shape[::-1] for weight in lm.blocks[0].parameters() if weight.ndim > 1}
    assert {weight.shape for weight in matrices(lm, [0])} == transposed
    lm = tiny.language_model("llama")
    straight = {weight.shape for weight in lm.blocks[0].parameters() if weight.ndim > 1}
    assert {weight.shape for weight in matrices(lm, [0])} == straight


def test_a_block_that_is_skipped_hands_on_what_it_read(lm: LanguageModel) -> None:
    whole = logits(lm)
    everything = skip(lm, range(lm.n_layers))
    zeroed = WeightEdit("noise", 0.0).on(lm, [])
    for block in zeroed.blocks:
        for weight in block.parameters():
            weight.zero_()
    torch.testing.assert_close(logits(skip(lm, [])), whole)
    assert not torch.allclose(logits(skip(lm, [0])), whole)
    if lm.module.config.model_type not in ("gemma2", "gemma3_text"):  # whose norms multiply by 1 + weight
        torch.testing.assert_close(logits(everything), logits(zeroed))
    torch.testing.assert_close(logits(lm), whole)


def test_blocks_that_do_nothing_can_be_skipped() -> None:
    lm = planted.language_model()
    prompts = planted.study(48).prompts
    batch = next(iter(batches(tokenize(lm, prompts), pad_id=lm.pad_id)))

    def read(model: LanguageModel) -> torch.Tensor:
        with torch.inference_mode():
            return model.module(**batch.forward_kwargs()).logits

    assert torch.equal(read(skip(lm, [1, 3, 5])), read(lm))
    assert not torch.allclose(read(skip(lm, [4])), read(lm))


@pytest.mark.parametrize(
    ("n", "expected"), [(6, [[0, 1], [2, 3], [4, 5]]), (8, [[0, 1, 2], [3, 4], [5, 6, 7]]), (3, [[0], [1], [2]])]
)
def test_thirds(n: int, expected: list[list[int]]) -> None:
    assert list(thirds(n).values()) == expected


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(UsageError, match="has 2 blocks, and 3 are needed"):
        thirds(2)
    with pytest.raises(UsageError, match="change 1: expected a relative size"):
        at_change(planted.language_model(), [0], "pruning", 1)


def test_a_dose_is_told_in_words() -> None:
    assert str(WeightEdit("quantisation", 7)) == "15 levels, 3.9 bits"
    assert str(WeightEdit("pruning", 0.254)) == "25% of the entries removed"
