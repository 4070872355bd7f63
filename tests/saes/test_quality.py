"""Measures follow their definitions, and an SAE that does not fit is refused by them."""

from dataclasses import replace

import planted
import pytest
import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture, intervene
from emomech.models.pool import TokenPool
from emomech.models.store import ActivationStore
from emomech.models.tokens import batches, tokenize
from emomech.saes import quality
from emomech.saes.compatibility import MAX_FVU, check_quality
from emomech.saes.quality import Quality, fired, qualities
from emomech.saes.sae import Sae

POINT = HookPoint(4)
"""Where the planted emotion can be read."""
LM = planted.language_model()
SAE = planted.saes()[POINT]
EXAMPLES = planted.examples(24, seed=0)
TEXTS = [f"{planted.question(example)} {example.label}" for example in EXAMPLES]


def _perfect(sae: Sae) -> Sae:
    """Reconstruct anything: one feature per direction and sign."""
    eye = torch.eye(sae.d_in)
    both = torch.cat([eye, -eye])
    bias = (torch.zeros(len(both)), both, torch.zeros(sae.d_in))
    return Sae(sae.point, both.T.contiguous(), *bias, "relu", name="perfect")


def _residuals(point: HookPoint) -> Tensor:
    """Content activations text by text, without padding."""
    rows = []
    for text in tokenize(LM, TEXTS):
        (batch,) = batches([text], pad_id=LM.pad_id)
        with capture(LM, [point]) as seen, torch.inference_mode():
            LM.module(**batch.forward_kwargs())
        rows.append(seen[point][0, 1:])
    return torch.cat(rows)


def _loss(edit=None) -> float:
    """Mean cross-entropy of every token except the first content token, text by text."""
    total, n = 0.0, 0
    for text in tokenize(LM, TEXTS):
        (batch,) = batches([text], pad_id=LM.pad_id)
        with intervene(LM, {POINT: edit} if edit else {}), torch.inference_mode():
            logits = LM.module(**batch.forward_kwargs()).logits[0, :-1]
        target = batch.input_ids[0, 1:]
        total += float(torch.nn.functional.cross_entropy(logits, target, reduction="sum"))
        n += len(target)
    return total / n


def _content(edited: Tensor, x: Tensor) -> Tensor:
    """Leave the activation of BOS as it was."""
    return torch.cat([x[:, :1], edited[:, 1:]], 1)


def test_figures_are_those_of_the_definition() -> None:
    (quality,) = qualities(LM, {POINT: SAE}, TEXTS)
    x = _residuals(POINT)
    features = SAE.encode(x)
    unexplained = (x - SAE.decode(features, x)).square().sum() / (x - x.mean(0)).square().sum()
    assert quality.point == POINT
    assert quality.l0 == pytest.approx(float((features > 0).sum() / len(x)), rel=1e-5)
    assert quality.fvu == pytest.approx(float(unexplained), rel=1e-4)
    assert quality.dead == pytest.approx(float((~(features > 0).any(0)).float().mean()), rel=1e-5)
    clean, kept = _loss(), _loss(lambda h: _content(SAE.decode(SAE.encode(h), h), h))
    base = _loss(lambda h: _content(x.mean(0).expand_as(h), h))
    assert quality.loss_recovered == pytest.approx((base - kept) / (base - clean), abs=1e-3)


def test_a_perfect_sae_recovers_everything() -> None:
    (quality,) = qualities(LM, {POINT: _perfect(SAE)}, TEXTS)
    assert quality.fvu == pytest.approx(0, abs=1e-6)
    assert quality.loss_recovered == pytest.approx(1, abs=1e-4)


def test_every_sae_is_measured_in_order() -> None:
    measured = qualities(LM, planted.saes(), TEXTS)
    assert [quality.point for quality in measured] == list(planted.saes())


def test_figures_do_not_depend_on_the_company_a_text_is_in() -> None:
    first, second = qualities(LM, {POINT: SAE}, TEXTS)[0], qualities(LM, {POINT: SAE}, TEXTS[::-1])[0]
    assert first.fvu == pytest.approx(second.fvu, rel=1e-5)
    assert first.loss_recovered == pytest.approx(second.loss_recovered, abs=1e-4)


def test_figures_do_not_depend_on_what_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    every_sae = qualities(LM, planted.saes(), TEXTS)
    monkeypatch.setattr(quality, "_CHUNK", 7)
    monkeypatch.setattr(quality, "_HELD_BYTES", 1)
    for first, second in zip(every_sae, qualities(LM, planted.saes(), TEXTS), strict=True):
        assert (first.point, first.l0, first.dead) == (second.point, second.l0, second.dead)
        assert first.fvu == pytest.approx(second.fvu, rel=1e-4)
        assert first.loss_recovered == pytest.approx(second.loss_recovered, abs=1e-4)


def test_activations_can_be_those_of_a_store() -> None:
    saes = {point: planted.saes()[point] for point in (POINT, HookPoint(2))}
    expected = qualities(LM, saes, TEXTS, n_loss=5)
    with ActivationStore.capture(LM, TokenPool.read(LM, TEXTS, 10**6), list(saes)) as store:
        measured = qualities(LM, saes, TEXTS[:5], store=store)
        others = qualities(LM, saes, TEXTS[5:], n_loss=5, store=store)
        with pytest.raises(UsageError, match=r"unknown hook point of the store 'blocks\.0"):
            qualities(LM, planted.saes(), TEXTS[:5], store=store)
    for one, other, like in zip(measured, others, expected, strict=True):
        assert (one.point, one.dead) == (like.point, like.dead)
        assert one.l0 == other.l0 == pytest.approx(like.l0, rel=1e-3)
        assert one.fvu == other.fvu == pytest.approx(like.fvu, rel=1e-3)
        assert one.loss_recovered == pytest.approx(like.loss_recovered, abs=1e-4)


def test_cross_entropy_can_be_measured_on_the_first_texts_alone() -> None:
    saes = {POINT: replace(SAE, W_dec=SAE.W_dec * 0.3)}
    (every,), (some,) = (qualities(LM, saes, texts) for texts in (TEXTS, TEXTS[:3]))
    (measured,) = qualities(LM, saes, TEXTS, n_loss=3)
    assert (measured.l0, measured.fvu, measured.dead) == (every.l0, every.fvu, every.dead)
    assert measured.loss_recovered == pytest.approx(some.loss_recovered, abs=0.05)
    assert abs(measured.loss_recovered - every.loss_recovered) > 1e-4


def test_a_hand_made_sae_has_the_figures_that_were_made() -> None:
    """Reads the first number of activations (n, 2) if it is positive; its third feature never fires."""
    W_enc = torch.tensor([[1.0, 0, 0], [0, 0, 0]])
    b_enc = torch.tensor([0.0, 0, -1])
    sae = Sae(POINT, W_enc, b_enc, torch.eye(3, 2), torch.zeros(2), "relu")
    x = torch.tensor([[3.0, 0], [-3, 0], [0, 4], [0, -4]])
    tally = quality._Tally()
    tally.add(sae, x[:3])
    tally.add(sae, x[3:])
    measured = tally.quality(POINT, 1.0)
    assert measured.l0 == pytest.approx(1 / 4)
    assert measured.fvu == pytest.approx((9 + 16 + 16) / 50)
    assert measured.dead == pytest.approx(2 / 3)
    assert tally.mean.tolist() == [0, 0]
    assert fired(sae, x).tolist() == fired(sae, x.half()).tolist() == [True, False, False]
    assert not fired(sae, x[1:]).any()


WRONG = {
    "wrong scale": (replace(SAE, W_dec=SAE.W_dec * 5), "unexplained, expected at most 0.9"),
    "wrong sign": (replace(SAE, W_dec=-SAE.W_dec), "unexplained, expected at most 0.9"),
    "reads nothing": (replace(SAE, b_enc=SAE.b_enc - 1000), "unexplained|0.0 active features"),
}


@pytest.mark.parametrize(("sae", "figure"), WRONG.values(), ids=WRONG)
def test_an_sae_that_does_not_fit_is_refused_by_name_and_figure(sae: Sae, figure: str) -> None:
    with pytest.raises(UsageError, match=rf"SAE planted at blocks\.4\..*{figure}.*trained on planted"):
        check_quality(qualities(LM, {POINT: sae}, TEXTS), {POINT: sae}, override=False)


GOOD = Quality(POINT, l0=20, fvu=0.1, dead=0, loss_recovered=1)


@pytest.mark.parametrize(
    ("changes", "figure"),
    [
        ({"fvu": float("nan")}, "leaves nan of the variance"),
        ({"fvu": MAX_FVU + 0.05}, "leaves 0.95 of the variance"),
        ({"l0": 0.0}, "has 0.0 active features"),
        ({"l0": 65.0}, "has 65.0 active features per token, expected more than 0 and at most 64"),
    ],
)
def test_each_figure_has_its_bound(changes: dict, figure: str) -> None:
    check_quality([GOOD], {POINT: SAE}, override=False)
    with pytest.raises(UsageError, match=figure):
        check_quality([replace(GOOD, **changes)], {POINT: SAE}, override=False)


def test_the_model_is_left_as_it_was() -> None:
    before = _loss()
    qualities(LM, {POINT: SAE}, TEXTS)
    assert _loss() == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in LM.module.modules())


def test_with_the_override_an_sae_is_measured_and_not_refused() -> None:
    saes = {POINT: WRONG["wrong sign"][0]}
    (measured,) = qualities(LM, saes, TEXTS)
    check_quality([measured], saes, override=True)
    assert measured.fvu > MAX_FVU
