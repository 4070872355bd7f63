"""SAEs compute what SAELens computes, and an SAE that cannot be represented is an error that says why."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from random_saes import D_IN, D_SAE, POINT, K, activations, saelens_sae

from emomech.core.errors import EmomechError
from emomech.saes.controls import mean_l0, random_like, random_sae
from emomech.saes.files import scan
from emomech.saes.sae import Sae
from emomech.saes.saelens import from_saelens


def loaded(sae, folder: Path) -> Sae:
    sae.save_model(folder / "one")
    (file,) = scan(folder, name="random")
    assert file.point == POINT
    return file.load()


KINDS = {
    "standard": {"architecture": "standard"},
    "standard, bias kept": {"architecture": "standard", "apply_b_dec_to_input": False},
    "jumprelu": {"architecture": "jumprelu", "apply_b_dec_to_input": False},
    "jumprelu, bias taken off": {"architecture": "jumprelu"},
    "gated": {"architecture": "gated"},
    "gated, bias kept": {"architecture": "gated", "apply_b_dec_to_input": False},
    "topk": {"architecture": "topk", "k": K},
    "topk by decoder norm": {"architecture": "topk", "k": K, "rescale_acts_by_decoder_norm": True},
    "standard, layer norm": {"architecture": "standard", "normalize_activations": "layer_norm"},
    "topk, layer norm": {"architecture": "topk", "k": K, "normalize_activations": "layer_norm"},
    "gated, layer norm": {"architecture": "gated", "normalize_activations": "layer_norm"},
    "jumprelu, layer norm": {"architecture": "jumprelu", "normalize_activations": "layer_norm"},
}


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_encode_and_decode_are_those_of_saelens(options: dict, tmp_path: Path) -> None:
    theirs = saelens_sae(**options)
    ours = loaded(theirs, tmp_path)
    x = activations(3, 7)
    features = theirs.encode(x)
    reconstruction = theirs.decode(features)
    assert features.gt(0).any() and features.eq(0).any()
    torch.testing.assert_close(ours.encode(x), features, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.decode(ours.encode(x), x), reconstruction, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.decode_nothing(x), ours.decode(torch.zeros_like(features), x))


def test_what_is_loaded_is_float32_detached_and_named(tmp_path: Path) -> None:
    sae = loaded(saelens_sae("jumprelu", dtype="bfloat16"), tmp_path)
    assert (sae.point, sae.d_in, sae.d_sae) == (POINT, D_IN, D_SAE)
    assert (sae.name, sae.trained_on, sae.activation) == ("random", "tiny", "jumprelu")
    for weight in (sae.W_enc, sae.b_enc, sae.W_dec, sae.b_dec, sae.threshold):
        assert weight is not None and weight.dtype == torch.float32 and not weight.requires_grad


def test_taking_over_copies_the_weights() -> None:
    theirs = saelens_sae()
    ours = from_saelens(theirs)
    theirs.W_dec.data.zero_()
    assert ours.W_dec.abs().min() > 0


def test_layer_norm_scale_is_what_a_feature_moves_in_the_residual(tmp_path: Path) -> None:
    sae = loaded(saelens_sae(normalize_activations="layer_norm"), tmp_path)
    x = activations(2, 3)
    features = sae.encode(x)
    more = features.clone()
    more[..., 4] += 1
    moved = sae.decode(more, x) - sae.decode(features, x)
    torch.testing.assert_close(moved, sae.scale(x) * sae.W_dec[4])
    assert sae.scale(x).shape == (2, 3, 1) and not torch.allclose(sae.scale(x), torch.ones(1))


def test_answers_do_not_depend_on_the_order_of_calls(tmp_path: Path) -> None:
    sae = loaded(saelens_sae(normalize_activations="layer_norm"), tmp_path)
    a, b = activations(4), activations(4, shift=-1.0) * 5
    features = sae.encode(a)
    first = sae.decode(features, a)
    sae.encode(b)
    assert torch.equal(sae.decode(features, a), first)
    assert torch.equal(sae.decode(features, a), first)


def test_sae_of_a_centred_model_takes_and_gives_back_raw_activations() -> None:
    theirs = saelens_sae(kwargs={"center_writing_weights": True})
    ours = from_saelens(theirs)
    raw = activations(5)
    mean = raw.mean(-1, keepdim=True)
    assert ours.input_transform == "center"
    features = theirs.encode(raw - mean)
    torch.testing.assert_close(ours.encode(raw), features)
    torch.testing.assert_close(ours.decode(features, raw), theirs.decode(features) + mean)
    assert torch.equal(ours.scale(raw), torch.ones(5, 1))


def test_low_precision_activations_are_encoded_in_float32() -> None:
    sae = from_saelens(saelens_sae())
    x = activations(3).bfloat16()
    assert torch.equal(sae.encode(x), sae.encode(x.float()))
    assert sae.decode(sae.encode(x), x).dtype == torch.float32


def test_topk_fires_k_features_even_where_more_are_equal() -> None:
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    W_enc = torch.tensor([[2.0, 2.0, 2.0, 1.0], [0.0, 1.0, 2.0, 3.0]])
    sae = Sae(POINT, W_enc, torch.zeros(4), torch.eye(4)[:, :2], torch.zeros(2), "topk", k=2)
    encoded = sae.encode(x)
    assert encoded[0].sort().values.tolist() == [0, 0, 2, 2]  # two of three
    assert encoded[1].tolist() == [0, 0, 2, 3]
    assert encoded[2].tolist() == [0, 0, 0, 0]


def test_topk_fires_k_features_and_never_a_negative_one() -> None:
    sae = from_saelens(saelens_sae("topk", k=K))
    x = activations(50)
    assert (sae.encode(x) > 0).sum(-1).max() == K
    timid = replace(sae, b_enc=sae.b_enc - 1000)
    assert torch.equal(timid.encode(x), torch.zeros(50, D_SAE))


def test_jumprelu_threshold_is_strict() -> None:
    eye = torch.eye(2)
    sae = Sae(POINT, eye, torch.zeros(2), eye, torch.zeros(2), "jumprelu", threshold=torch.tensor([1.0, 1.0]))
    assert sae.encode(torch.tensor([1.0, 1.5])).tolist() == [0.0, 1.5]


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    sae = saelens_sae()
    sae.b_enc.data[3] = float("nan")
    with pytest.raises(
        EmomechError, match="one/sae_weights.safetensors: SAE at .*: b_enc holds values that are not finite"
    ):
        loaded(sae, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"normalize_activations": "expected_average_only_in"}, "not folded .* fold_activation_norm_scaling_factor"),
        ({"normalize_activations": "constant_norm_rescale"}, "'constant_norm_rescale'; supported are none and layer"),
        ({"hook_name": "blocks.1.attn.hook_z", "reshape_activations": "hook_z"}, "reshaped by 'hook_z'"),
    ],
)
def test_unsupported_kinds_are_named(options: dict, message: str) -> None:
    with pytest.raises(EmomechError, match=message):
        from_saelens(saelens_sae(**options))


def test_a_folded_normalisation_is_no_obstacle() -> None:
    theirs = saelens_sae(normalize_activations="expected_average_only_in")
    theirs.fold_activation_norm_scaling_factor(0.25)
    x = activations(3)
    torch.testing.assert_close(from_saelens(theirs).encode(x), theirs.encode(x))


def test_shapes_that_disagree_and_a_senseless_k_are_refused() -> None:
    x = activations(30)
    sae = random_sae(POINT, x, D_SAE, K, 0)
    with pytest.raises(EmomechError, match=r"b_enc has shape \(3,\), expected \(40,\)"):
        replace(sae, b_enc=torch.zeros(3))
    with pytest.raises(EmomechError, match=r"threshold has none, expected \(40,\)"):
        replace(sae, activation="jumprelu")
    with pytest.raises(EmomechError, match="k is 41, expected 1 to 40"):
        replace(sae, k=D_SAE + 1)


def test_random_sae_is_sparse_centred_unit_and_decided_by_its_seed() -> None:
    x = activations(60)
    sae = random_sae(POINT, x, D_SAE, K, seed=3)
    torch.testing.assert_close(sae.W_dec.norm(dim=-1), torch.ones(D_SAE))
    torch.testing.assert_close(sae.b_dec, x.mean(0))
    assert torch.equal(sae.W_enc, sae.W_dec.T)
    assert (sae.encode(x) > 0).sum(-1).max() <= K
    assert torch.equal(sae.W_dec, random_sae(POINT, x, D_SAE, K, seed=3).W_dec)
    assert not torch.equal(sae.W_dec, random_sae(POINT, x, D_SAE, K, seed=4).W_dec)


def test_importing_the_module_does_not_import_saelens() -> None:
    code = "import sys, emomech.saes.sae; sys.exit('sae_lens' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_random_counterpart_has_the_size_and_sparsity_of_the_sae() -> None:
    sae = from_saelens(saelens_sae("jumprelu"))
    x, shifted = activations(60), activations(60, shift=-1.0)
    l0 = mean_l0(sae, x)
    assert l0 == pytest.approx(float((sae.encode(x) > 0).sum() / 60)) and l0 > 1
    random = random_like(sae, shifted, 3, l0=l0)
    assert (random.point, random.d_sae, random.k) == (sae.point, sae.d_sae, round(l0))
    assert torch.equal(random.W_dec, random_sae(sae.point, shifted, D_SAE, l0, 3).W_dec)
    assert torch.equal(random.b_dec, shifted.mean(0))
    assert random_like(sae, x, 3, l0=0.2).k == 1
