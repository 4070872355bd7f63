"""The loss recovered is that of whole forward passes under the edit, in every family, from fewer blocks."""

import math
import sys
from dataclasses import replace

import pytest
import tiny
import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.hooks import intervene
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.tokens import TokenizedText, batches, tokenize
from emomech.saes import loss_recovered as module
from emomech.saes.controls import random_sae
from emomech.saes.edits import Reconstruct, Replace
from emomech.saes.loss_recovered import loss_recovered
from emomech.saes.sae import Sae

TEXTS = [*tiny.TEXTS, *tiny.TEXTS[2::-1]]
STREAM = [HookPoint(0, "resid_pre"), *(HookPoint(layer) for layer in range(tiny.N_BLOCKS))]
UNKNOWN = wrap("m", tiny.random_module("mistral"), tiny.byte_level(), True)
"""A model of a family whose final norm is not known."""


def saes_at(points) -> dict[HookPoint, Sae]:
    x = torch.zeros(1, tiny.D_MODEL)
    return {point: random_sae(point, x, 64, 8, seed=i) for i, point in enumerate(points)}


def content(text: TokenizedText) -> list[int]:
    return [i for i, special in enumerate(text.special) if not special]


def means_of(lm: LanguageModel, points) -> dict[HookPoint, Tensor]:
    texts = tokenize(lm, TEXTS)
    reads = collect(lm, list(points), texts, [content(text) for text in texts])
    return {point: x.mean(0) for point, x in reads.items()}


@torch.inference_mode()
def plain(lm: LanguageModel, edit: Reconstruct | Replace | None, point: HookPoint) -> float:
    """Reference implementation: each text alone, all blocks; BOS is neither edited nor predicted."""
    total = 0.0
    for text in tokenize(lm, TEXTS):
        (batch,) = batches([text], pad_id=lm.pad_id)
        with intervene(lm, {point: replace(edit, mask=batch.content_mask)} if edit else {}):
            logits = lm.module(**batch.forward_kwargs()).logits[0, :-1]
        total -= float(sum(logits.log_softmax(-1)[i - 1, text.ids[i]] for i in content(text) if i))
    return total


def expected(lm: LanguageModel, sae: Sae, mean: Tensor, point: HookPoint) -> float:
    clean, ablated = plain(lm, None, point), plain(lm, Replace(mean), point)
    return (ablated - plain(lm, Reconstruct(sae), point)) / (ablated - clean)


def check(lm: LanguageModel, points) -> None:
    saes, means = saes_at(points), means_of(lm, points)
    measured = loss_recovered(lm, saes, means, tokenize(lm, TEXTS))
    assert list(measured) == list(points)
    for point, value in measured.items():
        assert value == pytest.approx(expected(lm, saes[point], means[point], point), rel=2e-3, abs=1e-4)
    assert len(set(measured.values())) == len(points)


def test_it_is_that_of_whole_passes(lm: LanguageModel) -> None:
    check(lm, [*STREAM, HookPoint(1, "attn_out"), HookPoint(1, "mlp_out")])


def test_special_tokens_within_texts_are_neither_edited_nor_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "TEXTS", [*TEXTS, "Ana <pad>lost the race"])
    check(tiny.language_model("llama"), STREAM)


def test_without_a_prefix_the_first_token_is_not_predicted() -> None:
    check(replace(tiny.language_model("llama"), prefix=()), STREAM[1:])


def test_the_mean_activation_is_run_once_for_all_texts() -> None:
    lm, n_rows = tiny.language_model("llama"), []
    handle = lm.blocks[-1].register_forward_pre_hook(lambda _, args: n_rows.append(len(args[0])))
    loss_recovered(lm, saes_at(STREAM[:1]), means_of(lm, STREAM[:1]), tokenize(lm, TEXTS))
    handle.remove()
    assert n_rows == [len(TEXTS), len(TEXTS), 1, 1]  # read all, reconstruct all; read the longest, replace it


def test_in_a_family_whose_final_norm_is_not_known_whole_passes_are_run() -> None:
    check(UNKNOWN, STREAM)


def test_it_depends_neither_on_batches_nor_on_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HELD_BYTES", 1)
    monkeypatch.setattr(module, "_TOKENS", 7)
    monkeypatch.setattr(module, "tokens_at_once", lambda _: 30)
    check(tiny.language_model("llama"), STREAM)


def test_only_the_blocks_behind_an_edit_run_again() -> None:
    lm, ran = tiny.language_model("llama"), []
    saes, means = saes_at(STREAM), means_of(lm, STREAM)
    handles = [block.register_forward_pre_hook(lambda block, _: ran.append(block)) for block in lm.blocks]
    try:
        loss_recovered(lm, saes, means, tokenize(lm, TEXTS))
    finally:
        for handle in handles:
            handle.remove()
    assert [sum(one is block for one in ran) for block in lm.blocks] == [2 + 2 * (i + 1) for i in range(tiny.N_BLOCKS)]


def test_without_texts_it_is_no_number() -> None:
    lm, point = tiny.language_model("llama"), STREAM[1]
    nothing = loss_recovered(lm, saes_at([point]), {point: torch.zeros(tiny.D_MODEL)}, [])
    assert math.isnan(nothing[point])
