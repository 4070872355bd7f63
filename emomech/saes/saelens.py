"""Make an `Sae` of a configuration and weights in SAELens's format; refuse weights that do not fit together."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from emomech.core.errors import EmomechError
from emomech.saes.config import Architecture, SaeConfig, parse
from emomech.saes.sae import Activation, Sae

if TYPE_CHECKING:
    from sae_lens import SAE


_ACTIVATIONS: Mapping[Architecture, Activation] = {
    "standard": "relu",
    "jumprelu": "jumprelu",
    "topk": "topk",
    "gated": "jumprelu",
}
_SCALE = "scaling_factor"
"""A weight that some versions of SAELens wrote although it was never trained."""


def from_saelens(sae: "SAE[Any]", *, name: str = "") -> Sae:
    """Convert an SAE of SAELens. Raises EmomechError for a kind or a normalisation that is not supported."""
    config = parse(sae.cfg.to_dict(), f"SAE at {sae.cfg.metadata.hook_name}")
    return sae_of(config, sae.state_dict(), name=name)


def sae_of(config: SaeConfig, weights: Mapping[str, Tensor], *, name: str = "") -> Sae:
    """Make an SAE of its configuration and its weights, which are copied.

    A TopK SAE that ranks features by decoder norm is rescaled to unit decoder rows. A gated SAE becomes the JumpReLU
    SAE that it is equivalent to (Rajamanoharan et al., 2024, arXiv:2407.14435). Neither changes the output. Raises
    EmomechError that names a weight that is missing, too many, of another shape, or not finite.
    """
    _check_weights(config, weights)
    state = {key: value.detach().to(torch.float32, copy=True) for key, value in weights.items()}
    if config.architecture == "gated":
        state |= _as_jumprelu(state)
    W_enc, b_enc, W_dec = state["W_enc"], state["b_enc"], state["W_dec"]
    if config.rescaled:
        norm = W_dec.norm(dim=-1).clamp(min=1e-8)
        W_enc, b_enc, W_dec = W_enc * norm, b_enc * norm, W_dec / norm[:, None]
    return Sae(
        point=config.point,
        W_enc=W_enc,
        b_enc=b_enc,
        W_dec=W_dec,
        b_dec=state["b_dec"],
        activation=_ACTIVATIONS[config.architecture],
        threshold=state.get("threshold"),
        k=config.k,
        input_transform=config.input_transform,
        apply_b_dec_to_input=config.apply_b_dec_to_input,
        name=name,
        trained_on=config.trained_on,
        neuronpedia_id=config.neuronpedia_id,
        expected_l0=config.expected_l0,
        expected_explained=config.expected_explained,
        dead=config.dead,
    )


def _as_jumprelu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Write the two paths of a gated SAE as one: its gate opens if the magnitude exceeds a threshold."""
    stretch = state["r_mag"].exp()
    threshold = state["b_mag"] - stretch * state["b_gate"]
    return {"W_enc": state["W_enc"] * stretch, "b_enc": state["b_mag"], "threshold": threshold}


def _shapes(config: SaeConfig) -> dict[str, tuple[int, ...]]:
    """List the weights of an SAE with their shapes."""
    d_in, d_sae = config.d_in, config.d_sae
    of_features = {"gated": ("b_gate", "b_mag", "r_mag"), "jumprelu": ("b_enc", "threshold")}
    shapes = {"W_enc": (d_in, d_sae), "W_dec": (d_sae, d_in), "b_dec": (d_in,)}
    return shapes | {weight: (d_sae,) for weight in of_features.get(config.architecture, ("b_enc",))}


def _check_weights(config: SaeConfig, weights: Mapping[str, Tensor]) -> None:
    """Raise EmomechError unless the weights are those of an SAE with this configuration."""
    where, shapes = f"SAE at {config.point}", _shapes(config)
    for weight, shape in shapes.items():
        if weight not in weights:
            raise EmomechError(f"{where}: has no weight {weight}, expected one, as it is {config.architecture}.")
        tensor = weights[weight]
        if tuple(tensor.shape) != shape:
            has = f"{weight} has shape {tuple(tensor.shape)}, expected {shape}"
            raise EmomechError(f"{where}: {has}, as d_in is {config.d_in} and d_sae is {config.d_sae}.")
        if not tensor.is_floating_point() or tensor.element_size() < 2:
            raise EmomechError(f"{where}: {weight} has the type {tensor.dtype}, expected float16, bfloat16 or float32.")
        if not tensor.isfinite().all():
            raise EmomechError(f"{where}: {weight} holds values that are not finite. Get it again.")
    for weight in weights.keys() - shapes.keys():
        if weight != _SCALE or not (weights[weight] == 1).all():
            known = ", ".join(shapes)
            raise EmomechError(f"{where}: has a weight {weight}, which would be ignored; expected only {known}.")
    if config.architecture == "jumprelu" and not (weights["threshold"] > 0).any():
        raise EmomechError(f"{where}: no threshold is above 0, so they are lost, or it is a standard SAE.")
