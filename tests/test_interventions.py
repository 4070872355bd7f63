"""Edits keep what they do not name, and do exactly what they say to what they do."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from emomech.errors import UsageError
from emomech.interventions import Reconstruct, Replace, SetFeatures
from emomech.saes import Sae
from emomech.vocab import HookPoint

D_IN, D_SAE = 8, 20
POINT = HookPoint(0)


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _sae(transform: str = "none", activation: str = "relu") -> Sae:
    W_dec = _random(D_SAE, D_IN)
    bias = (_random(D_SAE, seed=1) * 0.1, W_dec, _random(D_IN, seed=2))
    sae = Sae(POINT, W_dec.T.contiguous(), *bias, "relu", input_transform=transform, name="small")  # pyright: ignore
    return replace(sae, activation=activation, k=4, threshold=torch.full((D_SAE,), 0.5))  # pyright: ignore


SAES = [_sae(t, a) for t in ("none", "center", "layer_norm") for a in ("relu", "jumprelu", "topk")]
X = _random(2, 5, D_IN, seed=3) * 3 + 1
MASK = torch.tensor([[True, True, False, True, False], [False, True, True, True, True]])
EDITS = [SetFeatures(SAES[0], {3: 2.0}), Reconstruct(SAES[0]), Replace(_random(D_IN, seed=4))]


@pytest.mark.parametrize("sae", SAES)
def test_setting_nothing_is_the_identity_itself(sae: Sae) -> None:
    assert SetFeatures(sae, {})(X) is X


@pytest.mark.parametrize("sae", SAES)
def test_setting_features_to_what_they_are_changes_no_bit(sae: Sae) -> None:
    now = sae.encode(X)
    edit = SetFeatures(sae, {index: now[..., index] for index in (0, 7, 19)})
    assert torch.equal(edit(X), X)


@pytest.mark.parametrize("sae", SAES)
def test_the_edit_is_the_difference_of_two_reconstructions(sae: Sae) -> None:
    now = sae.encode(X)
    new = now.clone()
    new[..., 3], new[..., 11] = 0.0, 2.5
    expected = X + sae.decode(new, X) - sae.decode(now, X)
    torch.testing.assert_close(SetFeatures(sae, {3: 0.0, 11: 2.5})(X), expected, atol=1e-4, rtol=1e-4)


def test_ablating_all_features_leaves_the_error_and_the_bias() -> None:
    sae = SAES[0]
    error = X - sae.decode(sae.encode(X), X)
    ablated = SetFeatures(sae, dict.fromkeys(range(D_SAE), 0.0))(X)
    torch.testing.assert_close(ablated, error + sae.b_dec)


def test_a_feature_can_have_a_value_for_each_position() -> None:
    sae = SAES[0]
    values = _random(2, 5, seed=5).abs()
    edited = SetFeatures(sae, {2: values})(X)
    each = [[SetFeatures(sae, {2: float(values[b, p])})(X[b, p]) for p in range(5)] for b in range(2)]
    torch.testing.assert_close(edited, torch.stack([torch.stack(row) for row in each]))


@pytest.mark.parametrize("edit", EDITS, ids=["set", "reconstruct", "replace"])
def test_outside_the_mask_no_bit_changes(edit) -> None:
    edited, masked = edit(X), replace(edit, mask=MASK)(X)
    assert torch.equal(masked[~MASK], X[~MASK])
    assert torch.equal(masked[MASK], edited[MASK])
    assert not torch.equal(edited[MASK], X[MASK])


@pytest.mark.parametrize("edit", EDITS, ids=["set", "reconstruct", "replace"])
def test_what_stands_outside_the_mask_cannot_spoil_what_stands_inside(edit) -> None:
    spoilt = torch.where(MASK[..., None], X, torch.inf)
    masked = replace(edit, mask=MASK)
    assert torch.equal(masked(spoilt)[MASK], masked(X)[MASK])
    assert torch.isinf(masked(spoilt)[~MASK]).all()


@pytest.mark.parametrize("edit", EDITS, ids=["set", "reconstruct", "replace"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_edits_keep_type_and_shape_and_leave_their_argument_alone(edit, dtype: torch.dtype) -> None:
    x = X.to(dtype)
    before = x.clone()
    edited = edit(x)
    assert edited.dtype == dtype and edited.shape == x.shape
    assert torch.equal(x, before) and edited.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("sae", SAES)
def test_reconstruction_is_the_saes_own(sae: Sae) -> None:
    assert torch.equal(Reconstruct(sae)(X), sae.decode(sae.encode(X), X))


def test_replace_puts_one_vector_everywhere() -> None:
    value = _random(D_IN, seed=4)
    assert (Replace(value)(X) == value).all()


@pytest.mark.parametrize("index", [-1, D_SAE])
def test_a_feature_that_does_not_exist_is_named(index: int) -> None:
    with pytest.raises(UsageError, match=rf"feature {index}: SAE small at blocks\.0\.hook_resid_post has .* 0\.\.19"):
        SetFeatures(SAES[0], {index: 0.0})


def test_gradients_flow_through_an_edit() -> None:
    x = X.clone().requires_grad_()
    SetFeatures(SAES[0], {3: 0.0})(x).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
