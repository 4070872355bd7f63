"""Collected activations equal those of each text by itself, at the requested tokens, in the order of the texts."""

import copy
from dataclasses import replace

import pytest
import tiny
import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models import activations
from emomech.models.activations import collect
from emomech.models.hooks import capture
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText, batches, tokenize

LAST = tiny.N_BLOCKS - 1
STREAM = (HookPoint(0, "resid_pre"), *(HookPoint(layer) for layer in range(LAST)))
"""Points that the model itself returns as hidden states; its last hidden state is normalised."""
POSITIONS = [[5, 0], [3], [], [1, 1]]


@torch.inference_mode()
def hidden_states(lm: LanguageModel, text: TokenizedText) -> tuple[Tensor, ...]:
    return lm.module(input_ids=torch.tensor([text.ids]), output_hidden_states=True).hidden_states


@pytest.mark.parametrize("max_tokens", [1, 30, 8192])
def test_reads_are_those_of_each_text_alone(
    lm: LanguageModel, max_tokens: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activations, "batches", lambda *a, **k: batches(*a, **k, max_tokens=max_tokens))
    texts = tokenize(lm, tiny.TEXTS)
    reads = collect(lm, STREAM, texts, POSITIONS)
    assert list(reads) == list(STREAM)
    for point in STREAM:
        states = [hidden_states(lm, text)[point.resid_index()][0] for text in texts]
        expected = torch.cat([state[at] for state, at in zip(states, POSITIONS, strict=True)])
        torch.testing.assert_close(reads[point], expected, atol=1e-5, rtol=1e-5)


def test_after_the_last_block_the_stream_is_read_before_the_final_norm(lm: LanguageModel) -> None:
    texts = tokenize(lm, tiny.TEXTS)
    last = [[len(text.ids) - 1] for text in texts]
    points = [HookPoint(LAST, site) for site in ("resid_pre", "attn_out", "mlp_out", "resid_post")]
    reads = collect(lm, points, texts, last)
    before, attention, mlp, after = (reads[point] for point in points)
    torch.testing.assert_close(before + attention + mlp, after, atol=1e-5, rtol=1e-5)
    normed = torch.stack([hidden_states(lm, text)[-1][0, -1] for text in texts])
    assert not torch.allclose(after, normed, atol=0.1)


def test_order_of_texts_and_positions_is_kept() -> None:
    lm = tiny.language_model("llama")
    texts, point = tokenize(lm, tiny.TEXTS), HookPoint(1)
    reads = collect(lm, [point], texts, [[0, 1]] * 4)[point].reshape(4, 2, -1)
    turned = collect(lm, [point], texts[::-1], [[1, 0]] * 4)[point].reshape(4, 2, -1)
    torch.testing.assert_close(turned.flip(0, 1), reads, atol=1e-5, rtol=1e-5)


def test_reads_are_float32_and_without_gradients_whatever_the_model_is() -> None:
    lm = tiny.language_model("llama")
    half = replace(lm, module=copy.deepcopy(lm.module).to(torch.bfloat16))
    half = replace(half, blocks=half.module.model.layers)
    reads = collect(half, [HookPoint(1)], tokenize(lm, tiny.TEXTS), POSITIONS)[HookPoint(1)]
    assert (reads.dtype, reads.requires_grad, reads.device.type) == (torch.float32, False, "cpu")
    exact = collect(lm, [HookPoint(1)], tokenize(lm, tiny.TEXTS), POSITIONS)[HookPoint(1)]
    torch.testing.assert_close(reads, exact, atol=0.1, rtol=0.1)


def test_nothing_asked_is_nothing_found() -> None:
    lm = tiny.language_model("gpt2")
    assert collect(lm, [HookPoint(0)], [], [])[HookPoint(0)].shape == (0, tiny.D_MODEL)
    assert collect(lm, [], tokenize(lm, tiny.TEXTS), POSITIONS) == {}


def test_a_hook_point_that_is_not_there_is_told() -> None:
    lm = tiny.language_model("gpt2")
    with pytest.raises(UsageError, match=r"blocks\.7"):
        collect(lm, [HookPoint(7)], tokenize(lm, tiny.TEXTS), POSITIONS)


def test_captures_agree_with_reads() -> None:
    lm, point = tiny.language_model("gpt2"), HookPoint(2, "mlp_out")
    texts = tokenize(lm, tiny.TEXTS[:1])
    (batch,) = batches(texts, pad_id=lm.pad_id)
    with capture(lm, [point]) as seen, torch.inference_mode():
        lm.module(**batch.forward_kwargs())
    everything = [list(range(len(texts[0].ids)))]
    assert torch.equal(collect(lm, [point], texts, everything)[point], seen[point][0])
