"""Convert SAEs of SAELens to `Sae`, and refuse architectures and normalisations that `Sae` cannot represent."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from emomech.core.errors import EmomechError
from emomech.core.hook_points import HookPoint
from emomech.saes.sae import Activation, Sae

if TYPE_CHECKING:
    from sae_lens import SAE


_ACTIVATIONS: Mapping[str, Activation] = {
    "standard": "relu",
    "jumprelu": "jumprelu",
    "topk": "topk",
    "gated": "jumprelu",
}


def from_saelens(sae: "SAE[Any]", *, name: str = "") -> Sae:
    """Convert an SAE of SAELens. Raises EmomechError for a kind or a normalisation that is not supported.

    A TopK SAE that ranks features by decoder norm is rescaled to unit decoder rows. A gated SAE becomes the JumpReLU
    SAE that it is equivalent to (Rajamanoharan et al., 2024, arXiv:2407.14435). Neither changes the output.
    """
    cfg, metadata = sae.cfg, sae.cfg.metadata
    architecture = cfg.architecture()
    _check_supported(cfg, str(metadata.hook_name))
    state = {key: value.detach().clone().float() for key, value in sae.state_dict().items()}
    if architecture == "gated":
        state |= _as_jumprelu(state)
    W_enc, b_enc, W_dec = state["W_enc"], state["b_enc"], state["W_dec"]
    if getattr(cfg, "rescale_acts_by_decoder_norm", False):
        norm = W_dec.norm(dim=-1).clamp(min=1e-8)
        W_enc, b_enc, W_dec = W_enc * norm, b_enc * norm, W_dec / norm[:, None]
    centred = (metadata.model_from_pretrained_kwargs or {}).get("center_writing_weights", False)
    transform = "layer_norm" if cfg.normalize_activations == "layer_norm" else "center" if centred else "none"
    return Sae(
        point=HookPoint.parse(str(metadata.hook_name)),
        W_enc=W_enc,
        b_enc=b_enc,
        W_dec=W_dec,
        b_dec=state["b_dec"],
        activation=_ACTIVATIONS[architecture],
        threshold=state.get("threshold"),
        k=getattr(cfg, "k", None),
        input_transform=transform,
        apply_b_dec_to_input=bool(cfg.apply_b_dec_to_input),
        name=name,
        trained_on=metadata.model_name or "",
        neuronpedia_id=metadata.neuronpedia_id or "",
        expected_l0=metadata.l0 or None,
        expected_explained=metadata.variance_explained or None,
    )


def _as_jumprelu(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Write the two paths of a gated SAE as one: its gate opens if the magnitude exceeds a threshold."""
    stretch = state["r_mag"].exp()
    threshold = state["b_mag"] - stretch * state["b_gate"]
    return {"W_enc": state["W_enc"] * stretch, "b_enc": state["b_mag"], "threshold": threshold}


def check_architecture(architecture: str, where: str) -> None:
    """Raise EmomechError for an unsupported kind of SAE; BatchTopK is supported, as SAELens saves it as JumpReLU."""
    if architecture not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise EmomechError(f"SAE at {where}: is of the kind {architecture!r}; supported are {known}.")


def _check_supported(cfg: Any, where: str) -> None:
    """Raise EmomechError for a kind, a normalisation or a reshaping that `Sae` cannot represent."""
    check_architecture(cfg.architecture(), where)
    if cfg.normalize_activations == "expected_average_only_in":
        raise EmomechError(
            f"SAE at {where}: its normalisation (expected_average_only_in) is not folded into its weights. "
            "Call SAELens's fold_activation_norm_scaling_factor with the model's factor, and save it again."
        )
    if cfg.normalize_activations not in ("none", "layer_norm"):
        normalisation = cfg.normalize_activations
        raise EmomechError(f"SAE at {where}: normalises by {normalisation!r}; supported are none and layer_norm.")
    if cfg.reshape_activations != "none":
        raise EmomechError(
            f"SAE at {where}: reads activations reshaped by {cfg.reshape_activations!r}; supported are SAEs of the "
            "residual stream and of what attention and MLP add to it."
        )
