"""Weights that do not fit the configuration are refused by their name, and the others are taken over as they are."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from random_saes import D_IN, D_SAE, POINT, K, saelens_sae
from safetensors.torch import load_file, save_file
from torch import Tensor

from emomech.core.errors import EmomechError
from emomech.saes.config import SaeConfig
from emomech.saes.files import WEIGHTS, scan
from emomech.saes.saelens import sae_of

Weights = dict[str, Tensor]


def _set(name: str, value: float) -> Callable[[Weights], None]:
    def change(weights: Weights) -> None:
        weights[name].view(-1)[0] = value

    return change


DAMAGE: dict[str, tuple[str, Callable[[Weights], object], str]] = {
    "missing": ("standard", lambda w: w.pop("b_enc"), "has no weight b_enc, expected one, as it is standard"),
    "missing gate": ("gated", lambda w: w.pop("r_mag"), "has no weight r_mag, expected one, as it is gated"),
    "unexpected": ("standard", lambda w: w.update(threshold=w["b_enc"]), "has a weight threshold, which would be igno"),
    "scale": ("standard", lambda w: w.update(scaling_factor=torch.full((D_SAE,), 2.0)), "has a weight scaling_factor"),
    "transposed": (
        "standard",
        lambda w: w.update(W_enc=w["W_dec"]),
        r"W_enc has shape \(40, 12\), expected \(12, 40\)",
    ),
    "one threshold": ("jumprelu", lambda w: w.update(threshold=torch.ones(1)), r"threshold has shape \(1,\)"),
    "wide bias": ("topk", lambda w: w.update(b_dec=w["b_enc"]), r"b_dec has shape \(40,\), expected \(12,\)"),
    "whole": (
        "standard",
        lambda w: w.update(W_dec=w["W_dec"].int()),
        "W_dec has the type torch.int32, expected float16",
    ),
    "eight bits": (
        "standard",
        lambda w: w.update(b_dec=w["b_dec"].to(torch.float8_e4m3fn)),
        "type torch.float8_e4m3fn",
    ),
    "nan": ("standard", _set("W_dec", float("nan")), "W_dec holds values that are not finite"),
    "infinite": ("topk", _set("b_dec", float("inf")), "b_dec holds values that are not finite"),
    "nan in a gate": ("gated", _set("r_mag", float("nan")), "r_mag holds values that are not finite"),
    "infinite threshold": ("jumprelu", _set("threshold", float("inf")), "threshold holds values that are not finite"),
    "stretched too far": ("gated", _set("r_mag", 1000.0), "W_enc holds values that are not finite"),
    "no threshold": (
        "jumprelu",
        lambda w: w["threshold"].zero_(),
        "no threshold is above 0, so they are lost, or it is",
    ),
    "negative": ("jumprelu", lambda w: w["threshold"].neg_(), "no threshold is above 0"),
}


@pytest.mark.parametrize(("architecture", "damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_weight_that_does_not_fit_is_named(architecture: str, damage, message: str, tmp_path: Path) -> None:
    saelens_sae(architecture, **({"k": K} if architecture == "topk" else {})).save_model(tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    damage(weights)
    save_file({name: weight.clone() for name, weight in weights.items()}, tmp_path / WEIGHTS)
    with pytest.raises(EmomechError, match=f"^{tmp_path / WEIGHTS}: SAE at {POINT}: .*{message}"):
        scan(tmp_path, name="x")[0].load()


def test_a_file_that_was_cut_short_is_named(tmp_path: Path) -> None:
    saelens_sae().save_model(tmp_path)
    file = tmp_path / WEIGHTS
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(EmomechError, match=r"sae_weights\.safetensors: is damaged: .*Get the file again"):
        scan(tmp_path, name="x")[0].load()


def _weights() -> Weights:
    shapes = {"W_enc": (D_IN, D_SAE), "W_dec": (D_SAE, D_IN), "b_enc": (D_SAE,), "b_dec": (D_IN,)}
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def test_a_scale_that_was_never_trained_is_no_obstacle() -> None:
    config, weights = SaeConfig("standard", POINT, D_IN, D_SAE), _weights()
    sae = sae_of(config, weights | {"scaling_factor": torch.ones(D_SAE)})
    assert torch.equal(sae.W_dec, weights["W_dec"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_other_precision_are_read(dtype: torch.dtype) -> None:
    weights = {name: weight.to(dtype) for name, weight in _weights().items()}
    sae = sae_of(SaeConfig("topk", POINT, D_IN, D_SAE, k=K), weights)
    assert sae.W_dec.dtype == torch.float32 and torch.equal(sae.W_dec, weights["W_dec"].float())


def test_single_thresholds_may_be_zero_or_less() -> None:
    """Such a feature fires as one of a standard SAE does; some trainings leave a few of them."""
    threshold = torch.linspace(-1, 1, D_SAE)
    sae = sae_of(SaeConfig("jumprelu", POINT, D_IN, D_SAE), _weights() | {"threshold": threshold})
    features = sae.encode(torch.randn(50, D_IN))
    assert (features[:, 0] > 0).any() and (features >= 0).all()
