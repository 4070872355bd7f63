"""An empty edit costs nothing, and other costs equal torch's cross-entropy and divergence."""

from dataclasses import fields

import numpy as np
import pytest
import tiny
import torch

from emomech.causal.lm_loss import language_loss, language_shifts
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import intervene
from emomech.models.language_model import randomised
from emomech.models.tokens import batches, tokenize
from emomech.saes.edits import Add

POINT = HookPoint(1)
VALUE = torch.randn(tiny.D_MODEL, generator=torch.Generator().manual_seed(0))


def test_no_edit_costs_nothing() -> None:
    (shift,) = language_shifts(tiny.language_model("gpt2"), tiny.TEXTS[:3], [{}])
    np.testing.assert_array_equal(shift.before, shift.after)
    assert np.abs(shift.kl).max() < 1e-6
    np.testing.assert_array_equal(shift.agree, shift.n_tokens)
    means = shift.means()
    assert means["loss"] == pytest.approx(0) and means["agreement"] == pytest.approx(1)


@pytest.mark.parametrize("text", tiny.TEXTS[:3])
def test_each_text_alone_gives_torchs_figures(text: str) -> None:
    lm = tiny.language_model("llama")
    (shift,) = language_shifts(lm, tiny.TEXTS[:3], [{POINT: Add(VALUE)}])
    (batch,) = batches(tokenize(lm, [text]), pad_id=lm.pad_id)
    ids = batch.input_ids[0, 1:]
    with torch.inference_mode():
        clean = lm.module(**batch.forward_kwargs()).logits[0, :-1].log_softmax(-1)
        with intervene(lm, {POINT: Add(VALUE, mask=batch.content_mask)}):
            edited = lm.module(**batch.forward_kwargs()).logits[0, :-1].log_softmax(-1)
    row = tiny.TEXTS.index(text)
    assert shift.n_tokens[row] == len(ids)
    assert shift.before[row] == pytest.approx(
        torch.nn.functional.nll_loss(clean, ids, reduction="sum").item(), rel=1e-4
    )
    assert shift.after[row] == pytest.approx(
        torch.nn.functional.nll_loss(edited, ids, reduction="sum").item(), rel=1e-4
    )
    kl = torch.nn.functional.kl_div(edited, clean, log_target=True, reduction="sum").item()
    assert shift.kl[row] == pytest.approx(kl, rel=1e-3) and kl > 0
    assert shift.agree[row] == (clean.argmax(-1) == edited.argmax(-1)).sum()


def test_the_loss_of_another_model_is_its_own() -> None:
    other = randomised(tiny.language_model("gpt2"), 0)
    (shift,) = language_shifts(other, tiny.TEXTS[:3], [{}])
    np.testing.assert_allclose(language_loss(other, tiny.TEXTS[:3]), shift.before, rtol=1e-5)
    assert (np.abs(language_loss(tiny.language_model("gpt2"), tiny.TEXTS[:3]) - shift.before) > 0.01).all()


def test_several_edits_give_what_each_gives_alone_from_one_clean_pass() -> None:
    lm = tiny.language_model("gpt2")
    each = [{}, {POINT: Add(VALUE)}, {POINT: Add(-2 * VALUE)}]
    alone = [language_shifts(lm, tiny.TEXTS[:3], [edits])[0] for edits in each]
    passes: list[int] = []
    lm.module.register_forward_hook(lambda *_: passes.append(1))
    for shift, one in zip(language_shifts(lm, tiny.TEXTS[:3], each), alone, strict=True):
        for field in fields(shift):
            np.testing.assert_allclose(getattr(shift, field.name), getattr(one, field.name), rtol=1e-6, atol=1e-6)
    (_batch,) = batches(tokenize(lm, tiny.TEXTS[:3]), pad_id=lm.pad_id)
    assert len(passes) == 1 + len(each)


def test_means_weigh_texts_as_often_as_they_were_drawn() -> None:
    (shift,) = language_shifts(tiny.language_model("gpt2"), tiny.TEXTS[:3], [{POINT: Add(VALUE)}])
    drawn = np.array([[1.0, 1.0, 1.0], [0.0, 3.0, 0.0]])
    means = shift.means(drawn)
    assert means["kl"][1] == pytest.approx(shift.kl[1] / shift.n_tokens[1])
    assert means["loss"][0] == pytest.approx(shift.after.sum() / shift.before.sum() - 1)
