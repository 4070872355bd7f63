"""Edits change exactly the features and positions that they name, by the stated amount."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.saes.edits import Add, MoveFeatures, Reconstruct, Replace, ResampleFeatures
from emomech.saes.sae import Sae

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
EDITS = [
    MoveFeatures(SAES[0], [3], offset=2.0),
    Reconstruct(SAES[0]),
    Replace(_random(D_IN, seed=4)),
    Add(_random(D_IN, seed=4)),
    ResampleFeatures(SAES[0], [3, 5], _random(9, D_IN, seed=6) * 3),
]
KINDS = [type(edit).__name__ for edit in EDITS]


@pytest.mark.parametrize("sae", SAES)
def test_moving_nothing_is_the_identity_itself(sae: Sae) -> None:
    assert MoveFeatures(sae, [])(X) is X


@pytest.mark.parametrize("sae", SAES)
def test_moving_features_to_what_they_are_changes_no_bit(sae: Sae) -> None:
    index = [0, 7, 19]
    assert torch.equal(MoveFeatures(sae, index, offset=sae.encode(X)[..., index])(X), X)
    assert torch.equal(MoveFeatures(sae, index, factor=1.0)(X), X)


@pytest.mark.parametrize("sae", SAES)
@pytest.mark.parametrize(("factor", "offset"), [(0.0, 0.0), (0.0, 2.5), (3.0, 0.0), (1.0, 0.7)])
def test_the_edit_is_the_difference_of_two_reconstructions(sae: Sae, factor: float, offset: float) -> None:
    now = sae.encode(X)
    new = now.clone()
    new[..., [3, 11]] = now[..., [3, 11]] * factor + offset
    expected = X + sae.decode(new, X) - sae.decode(now, X)
    torch.testing.assert_close(MoveFeatures(sae, [3, 11], factor, offset)(X), expected, atol=1e-4, rtol=1e-4)


def test_each_feature_can_have_its_own_numbers() -> None:
    sae, factor, offset = SAES[0], torch.tensor([0.0, 2.0]), torch.tensor([1.0, 0.0])
    together = MoveFeatures(sae, [3, 11], factor, offset)(X) - X
    first = MoveFeatures(sae, [3], 0.0, 1.0)(X) - X
    second = MoveFeatures(sae, [11], 2.0, 0.0)(X) - X
    torch.testing.assert_close(together, first + second, atol=1e-5, rtol=1e-5)


def test_ablating_all_features_leaves_the_error_and_the_bias() -> None:
    sae = SAES[0]
    error = X - sae.decode(sae.encode(X), X)
    torch.testing.assert_close(MoveFeatures(sae, range(D_SAE))(X), error + sae.b_dec)


def test_a_feature_can_have_a_value_for_each_position() -> None:
    sae = SAES[0]
    values = _random(2, 5, 1, seed=5).abs()
    edited = MoveFeatures(sae, [2], offset=values)(X)
    each = [[MoveFeatures(sae, [2], offset=float(values[b, p]))(X[b, p]) for p in range(5)] for b in range(2)]
    torch.testing.assert_close(edited, torch.stack([torch.stack(row) for row in each]))


def test_resampled_features_stand_in_one_of_the_drawn_activations_together() -> None:
    sae, drawn = SAES[0], _random(9, D_IN, seed=6) * 3
    edited = ResampleFeatures(sae, [3, 5], drawn, seed=2)(X)
    moved = torch.stack([MoveFeatures(sae, [3, 5], offset=sae.encode(row)[[3, 5]])(X) for row in drawn])
    distance = (moved - edited).abs().amax(-1).amin(0)
    assert distance.max() < 1e-5
    assert torch.equal(edited, ResampleFeatures(sae, [3, 5], drawn, seed=2)(X))


@pytest.mark.parametrize("edit", EDITS, ids=KINDS)
def test_outside_the_mask_no_bit_changes(edit) -> None:
    edited, masked = edit(X), replace(edit, mask=MASK)(X)
    assert torch.equal(masked[~MASK], X[~MASK])
    assert torch.equal(masked[MASK], edited[MASK])
    assert not torch.equal(edited[MASK], X[MASK])


@pytest.mark.parametrize("edit", EDITS, ids=KINDS)
def test_what_stands_outside_the_mask_cannot_spoil_what_stands_inside(edit) -> None:
    spoilt = torch.where(MASK[..., None], X, torch.inf)
    masked = replace(edit, mask=MASK)
    assert torch.equal(masked(spoilt)[MASK], masked(X)[MASK])
    assert torch.isinf(masked(spoilt)[~MASK]).all()


@pytest.mark.parametrize("edit", EDITS, ids=KINDS)
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


def test_a_mean_can_stand_in_the_place_of_the_error() -> None:
    error = _random(D_IN, seed=8)
    torch.testing.assert_close(Reconstruct(SAES[0], error)(X), Reconstruct(SAES[0])(X) + error)


def test_add_moves_every_activation_alike() -> None:
    value = _random(D_IN, seed=4)
    torch.testing.assert_close(Add(value)(X) - X, value.expand_as(X))


def test_replace_puts_one_vector_everywhere() -> None:
    value = _random(D_IN, seed=4)
    assert (Replace(value)(X) == value).all()


@pytest.mark.parametrize("index", [-1, D_SAE])
def test_a_feature_that_does_not_exist_is_named(index: int) -> None:
    with pytest.raises(UsageError, match=rf"feature {index}: SAE small at blocks\.0\.hook_resid_post has .* 0\.\.19"):
        MoveFeatures(SAES[0], [index])


def test_gradients_flow_through_an_edit() -> None:
    x = X.clone().requires_grad_()
    MoveFeatures(SAES[0], [3])(x).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
