"""SAEs answer as SAELens's own do, and what cannot be read says why."""

import json
import subprocess
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from emomech.errors import EmomechError, UsageError
from emomech.saes import Sae, check_fits, from_saelens, load_release, load_saes, random_sae
from emomech.vocab import HookPoint

D_IN, D_SAE, K = 12, 40, 5
POINT = HookPoint(1)


def saelens_sae(architecture: str = "standard", hook_name: str = str(POINT), kwargs: dict | None = None, **options):
    """Make a random SAE of SAELens's, biases and decoder norms included."""
    with warnings.catch_warnings(action="ignore"):
        import sae_lens
        from sae_lens.saes.sae import SAEMetadata

    kinds = {"standard": "Standard", "jumprelu": "JumpReLU", "topk": "TopK", "gated": "Gated"}
    kind = kinds[architecture]
    metadata = SAEMetadata(model_name="tiny", hook_name=hook_name, model_from_pretrained_kwargs=kwargs)
    config = getattr(sae_lens, f"{kind}SAEConfig")(d_in=D_IN, d_sae=D_SAE, metadata=metadata, **options)
    with warnings.catch_warnings(action="ignore"):
        sae = getattr(sae_lens, f"{kind}SAE")(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in sae.named_parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.5)
            if name == "threshold":
                weight.abs_()
    return sae


def activations(*shape: int, shift: float = 3.0) -> Tensor:
    return torch.randn(*shape, D_IN, generator=torch.Generator().manual_seed(1)) * 2 + shift


def loaded(sae, folder: Path) -> Sae:
    sae.save_model(folder / "one")
    return load_saes(folder, name="random")[POINT]


KINDS = {
    "standard": {"architecture": "standard"},
    "standard, bias kept": {"architecture": "standard", "apply_b_dec_to_input": False},
    "jumprelu": {"architecture": "jumprelu", "apply_b_dec_to_input": False},
    "jumprelu, bias taken off": {"architecture": "jumprelu"},
    "topk": {"architecture": "topk", "k": K},
    "topk by decoder norm": {"architecture": "topk", "k": K, "rescale_acts_by_decoder_norm": True},
    "standard, layer norm": {"architecture": "standard", "normalize_activations": "layer_norm"},
    "topk, layer norm": {"architecture": "topk", "k": K, "normalize_activations": "layer_norm"},
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


def test_saes_come_in_order_of_depth(tmp_path: Path) -> None:
    points = [HookPoint(0, "resid_pre"), HookPoint(0), HookPoint(2), HookPoint(10)]
    for point in reversed(points):
        saelens_sae(hook_name=str(point)).save_model(tmp_path / str(point))
    assert list(load_saes(tmp_path, name="all")) == points
    assert list(load_saes(tmp_path / str(points[2]), name="the folder itself")) == [points[2]]


def test_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no SAE; expected cfg\.json and sae_weights\.safetensors"):
        load_saes(tmp_path, name="none")


def test_two_saes_for_one_point_are_named(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        saelens_sae().save_model(tmp_path / folder)
    with pytest.raises(UsageError, match=r"b: is a second SAE for blocks\.1\.hook_resid_post; the first is .*a\."):
        load_saes(tmp_path, name="two")


def _edit(config: Path, **changes: object) -> None:
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | changes))


NO_NAME = {"sae_lens_version": "6.54.0"}
DAMAGE = {
    r"cfg\.json: is not a JSON object": lambda cfg, _: cfg.write_text("{"),
    r"cfg\.json: is not a JSON": lambda cfg, _: cfg.write_text("[]"),
    r"kind 'unheard'; supported are standard, jumprelu, topk": lambda cfg, _: _edit(cfg, architecture="unheard"),
    r"safetensors: is missing": lambda _, weights: weights.unlink(),
    r"safetensors: is damaged": lambda _, weights: weights.write_bytes(b"not weights at all"),
    r"one: cfg\.json and .* do not describe one SAE": lambda cfg, _: _edit(cfg, architecture="jumprelu"),
    r"do not describe one SAE.*size mismatch": lambda cfg, _: _edit(cfg, d_in=D_IN + 1),
    r"point 'h\.1': expected blocks": lambda cfg, _: _edit(cfg, metadata=NO_NAME | {"hook_name": "h.1"}),
    r"hook point 'None'": lambda cfg, _: _edit(cfg, metadata=NO_NAME),
}


@pytest.mark.parametrize(("message", "damage"), DAMAGE.items(), ids=range(len(DAMAGE)))
def test_damage_is_told_with_the_file(message: str, damage, tmp_path: Path) -> None:
    saelens_sae().save_model(tmp_path / "one")
    damage(tmp_path / "one" / "cfg.json", tmp_path / "one" / "sae_weights.safetensors")
    with pytest.raises(EmomechError, match=message) as caught:
        load_saes(tmp_path, name="damaged")
    assert str(tmp_path / "one") in str(caught.value)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    sae = saelens_sae()
    sae.b_enc.data[3] = float("nan")
    with pytest.raises(EmomechError, match="one: SAE at .*: b_enc holds values that are not finite"):
        loaded(sae, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "gated"}, "is of the kind 'gated'; supported are standard, jumprelu, topk"),
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


@dataclass(frozen=True)
class _Model:
    name: str = "small"
    d_model: int = D_IN
    n_layers: int = 2


def test_an_sae_that_cannot_stand_in_the_model_is_refused() -> None:
    sae = from_saelens(saelens_sae(), name="set")
    check_fits(sae, _Model())
    check_fits(sae, _Model(name="another name of the same model"))
    with pytest.raises(UsageError, match=r"SAE set at blocks\.1.*reads 12 numbers, but .* small has 64.*on tiny"):
        check_fits(sae, _Model(d_model=64))
    with pytest.raises(UsageError, match=r"SAE set at blocks\.1\.hook_resid_post: small has blocks 0\.\.0"):
        check_fits(sae, _Model(n_layers=1))


def test_random_sae_is_sparse_centred_unit_and_decided_by_its_seed() -> None:
    x = activations(60)
    sae = random_sae(POINT, x, D_SAE, K, seed=3)
    torch.testing.assert_close(sae.W_dec.norm(dim=-1), torch.ones(D_SAE))
    torch.testing.assert_close(sae.b_dec, x.mean(0))
    assert torch.equal(sae.W_enc, sae.W_dec.T)
    assert (sae.encode(x) > 0).sum(-1).max() <= K
    assert torch.equal(sae.W_dec, random_sae(POINT, x, D_SAE, K, seed=3).W_dec)
    assert not torch.equal(sae.W_dec, random_sae(POINT, x, D_SAE, K, seed=4).W_dec)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch):
    """Let SAELens's `from_pretrained` do what a test wants, since no test goes to the network."""
    with warnings.catch_warnings(action="ignore"):
        from sae_lens import SAE

    def answer_with(answer) -> None:
        def from_pretrained(release: str, sae_id: str, **_: object):
            if isinstance(answer, Exception):
                raise answer
            return answer(sae_id)

        monkeypatch.setattr(SAE, "from_pretrained", from_pretrained)

    return answer_with


def test_a_release_is_taken_over_point_by_point(hub) -> None:
    hub(lambda sae_id: saelens_sae(hook_name=sae_id))
    points = [HookPoint(0), HookPoint(1)]
    found = load_release("some-release", {point: str(point) for point in points})
    assert list(found) == points and found[points[1]].name == "some-release"


def test_a_release_that_fails_says_the_way_out(hub) -> None:
    ids = {POINT: "layer_1"}
    hub(ConnectionError("no route"))
    with pytest.raises(EmomechError, match=r"SAE layer_1 of far: cannot be fetched \(no route\).*a folder of SAEs"):
        load_release("far", ids)
    hub(ValueError("ID layer_1 not found in release far."))
    with pytest.raises(UsageError, match="ID layer_1 not found"):
        load_release("far", ids)
    hub(lambda _: saelens_sae(hook_name="blocks.1.hook_resid_pre"))
    with pytest.raises(UsageError, match=r"stands at blocks\.1\.hook_resid_pre, expected blocks\.1\.hook_resid_post"):
        load_release("far", ids)


def test_importing_the_module_does_not_import_saelens() -> None:
    code = "import sys, emomech.saes; sys.exit('sae_lens' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
