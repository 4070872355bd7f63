"""Sparse autoencoders: their weights as immutable tensors, and how they are taken over from SAELens's objects.

SAELens keeps the normalisation of the last `encode` on the object until the next `decode`, so that its answers depend
on the order of the calls. Here the input transform is explicit: `scale` and `decode` take the activation itself.
With transform T the features are act((T(x) - b_dec) @ W_enc + b_enc), and the reconstruction is T's inverse of
features @ W_dec + b_dec.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from emomech.errors import EmomechError
from emomech.vocab import HookPoint

if TYPE_CHECKING:
    from sae_lens import SAE

Activation = Literal["relu", "jumprelu", "topk"]
InputTransform = Literal["none", "center", "layer_norm"]

_EPSILON = 1e-5
"""What SAELens adds to the standard deviation on the way in, though not on the way out."""
_ACTIVATIONS: Mapping[str, Activation] = {
    "standard": "relu",
    "jumprelu": "jumprelu",
    "topk": "topk",
    "gated": "jumprelu",
}
_NEURONPEDIA = "https://www.neuronpedia.org"


@dataclass(frozen=True, eq=False)
class Sae:
    """An SAE for the activation at `point`; all tensors float32, without gradients."""

    point: HookPoint
    W_enc: Tensor = field(repr=False)
    """(d_in, d_sae)"""
    b_enc: Tensor = field(repr=False)
    """(d_sae)"""
    W_dec: Tensor = field(repr=False)
    """(d_sae, d_in)"""
    b_dec: Tensor = field(repr=False)
    """(d_in)"""
    activation: Activation
    threshold: Tensor | None = field(default=None, repr=False)
    """jumprelu: the pre-activation that a feature has to exceed (d_sae)."""
    k: int | None = None
    """topk: how many features may fire at once."""
    input_transform: InputTransform = "none"
    """center: the mean over d_in is taken off (models that TransformerLens centres); layer_norm: scaled as well."""
    apply_b_dec_to_input: bool = True
    name: str = ""
    trained_on: str = ""
    """The model, as recorded with the SAE; empty where that is not known."""
    neuronpedia_id: str = ""
    """Its model and source on Neuronpedia; empty where it is not there."""
    expected_l0: float | None = None
    """Active features per token, as published; None where that is not known."""
    expected_explained: float | None = None
    """Fraction of variance explained, as published; None where that is not known."""

    def __post_init__(self) -> None:
        """Raise EmomechError for weights that do not belong together or are not finite."""
        expected = {"W_enc": (self.d_in, self.d_sae), "b_enc": (self.d_sae,), "b_dec": (self.d_in,)}
        expected |= {"threshold": (self.d_sae,)} if self.activation == "jumprelu" else {}
        for weight, shape in expected.items():
            found = getattr(self, weight)
            if found is None or tuple(found.shape) != shape:
                has = "none" if found is None else f"shape {tuple(found.shape)}"
                raise EmomechError(f"SAE at {self.point}: {weight} has {has}, expected {shape} as W_dec says.")
        for weight in (*expected, "W_dec"):
            if not getattr(self, weight).isfinite().all():
                raise EmomechError(f"SAE at {self.point}: {weight} holds values that are not finite. Get it again.")
        if self.activation == "topk" and not (self.k and 0 < self.k <= self.d_sae):
            raise EmomechError(f"SAE at {self.point}: k is {self.k}, expected 1 to {self.d_sae}.")

    @property
    def d_in(self) -> int:
        """Width of the activation that is read."""
        return self.W_dec.shape[1]

    @property
    def d_sae(self) -> int:
        """Number of features."""
        return self.W_dec.shape[0]

    def link(self, feature: int) -> str:
        """Where Neuronpedia shows a feature; empty where it does not."""
        return f"{_NEURONPEDIA}/{self.neuronpedia_id}/{feature}" if self.neuronpedia_id else ""

    def encode(self, x: Tensor) -> Tensor:
        """Features (…, d_sae) of activations (…, d_in), never negative."""
        before = self.before(x)
        if self.activation == "topk":
            return _largest(before, cast(int, self.k))
        return before.relu_() if self.threshold is None else before.masked_fill_(before <= self.lowest, 0)

    def before(self, x: Tensor) -> Tensor:
        """Pre-activations (…, d_sae): what the activation function is given."""
        inside = self._inside(x) - (self.b_dec if self.apply_b_dec_to_input else 0)
        return torch.addmm(self.b_enc, inside.reshape(-1, self.d_in), self.W_enc).view(*x.shape[:-1], self.d_sae)

    @property
    def lowest(self) -> Tensor | float:
        """What a pre-activation has to exceed for its feature to fire (d_sae), but for topk."""
        return 0.0 if self.threshold is None else self.threshold.clamp(min=0)

    def scale(self, x: Tensor) -> Tensor:
        """How far the residual moves when the decoded vector moves by one (…, 1): its standard deviation, or 1."""
        if self.input_transform == "layer_norm":
            return x.to(self.W_dec).std(-1, keepdim=True)
        return torch.ones_like(x[..., :1], dtype=self.W_dec.dtype, device=self.W_dec.device)

    def decode(self, features: Tensor, x: Tensor) -> Tensor:
        """Reconstruct the activation x (…, d_in) from features; x itself only gives back the mean and the scale."""
        return self._outside(features @ self.W_dec + self.b_dec, x)

    def decode_nothing(self, x: Tensor) -> Tensor:
        """Reconstruct the activation x (…, d_in) as if no feature fired."""
        return self._outside(self.b_dec, x)

    def _outside(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Carry what is decoded back into the units of the activation x."""
        found = decoded * self.scale(x)
        return found if self.input_transform == "none" else found + x.to(self.W_dec).mean(-1, keepdim=True)

    def _inside(self, x: Tensor) -> Tensor:
        """Carry an activation into the units that the SAE was trained in."""
        x = x.to(self.W_enc)
        if self.input_transform == "none":
            return x
        centred = x - x.mean(-1, keepdim=True)
        return centred if self.input_transform == "center" else centred / (self.scale(x) + _EPSILON)


def _largest(before: Tensor, k: int) -> Tensor:
    """Keep the k largest of each row, if they are positive, and set the others to zero."""
    if before.device.type == "cpu":  # where NumPy selects several times as fast as torch
        parted = np.partition(before.detach().numpy(), -k, axis=-1)
        least = np.maximum(parted[..., -k], np.finfo(parted.dtype).tiny)
        if (parted[..., :-k].max(-1, initial=0) < least).all():  # else several are equal, and not all of them stay
            return torch.where(before < torch.from_numpy(least)[..., None], 0.0, before)
    value, index = before.topk(k, dim=-1, sorted=False)
    return torch.zeros_like(before).scatter(-1, index, value.relu())


def from_saelens(sae: "SAE[Any]", *, name: str = "") -> Sae:
    """Take over an SAE of SAELens. Raises EmomechError for a kind or a normalisation that is not supported.

    A TopK SAE that ranks by decoder norm is rescaled to unit decoder rows, and a gated one becomes a JumpReLU, which
    it is (Rajamanoharan et al., 2024, arXiv:2407.14435); either leaves its output what it was.
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
    """Write a gated SAE's two paths as one: the gate opens where the magnitude exceeds a threshold."""
    stretch = state["r_mag"].exp()
    threshold = state["b_mag"] - stretch * state["b_gate"]
    return {"W_enc": state["W_enc"] * stretch, "b_enc": state["b_mag"], "threshold": threshold}


def signed_directions(point: HookPoint, rows: Tensor, centre: Tensor) -> Sae:
    """Read an activation along orthonormal directions (n, d_in) from a centre; each has a feature for either sign.

    The first n features are of the positive side. With all axes it reproduces the activation exactly.
    """
    both = torch.cat([rows, -rows])
    return Sae(point, both.T.contiguous(), torch.zeros(len(both)), both, centre, "relu", name="directions")


def dimensions(points: Iterable[HookPoint], d_in: int) -> dict[HookPoint, Sae]:
    """Read the dimensions of the residual stream as they are, through the code that reads features."""
    return {point: signed_directions(point, torch.eye(d_in), torch.zeros(d_in)) for point in points}


def random_sae(point: HookPoint, x: Tensor, d_sae: int, l0: float, seed: int) -> Sae:
    """Make the control: a TopK SAE whose features are random directions around the mean of activations x (n, d_in).

    As many fire at once as of the SAE that it stands beside on average, `l0`, rounded, but one at least.
    """
    rows = torch.randn(d_sae, x.shape[1], generator=torch.Generator().manual_seed(seed))
    W_dec = rows / rows.norm(dim=-1, keepdim=True)
    bias = (torch.zeros(d_sae), W_dec, x.detach().float().mean(0).cpu())
    return Sae(point, W_dec.T.contiguous(), *bias, "topk", k=max(1, round(l0)), name="random")


def check_architecture(architecture: str, where: str) -> None:
    """Raise EmomechError for a kind of SAE that is not supported; SAELens saves BatchTopK as JumpReLU."""
    if architecture not in _ACTIVATIONS:
        known = ", ".join(_ACTIVATIONS)
        raise EmomechError(f"SAE at {where}: is of the kind {architecture!r}; supported are {known}.")


def _check_supported(cfg: Any, where: str) -> None:
    check_architecture(cfg.architecture(), where)
    if cfg.normalize_activations == "expected_average_only_in":
        raise EmomechError(
            f"SAE at {where}: its normalisation (expected_average_only_in) is not folded into its weights. "
            "Call SAELens's fold_activation_norm_scaling_factor with the model's factor, and save it again."
        )
    if cfg.normalize_activations not in ("none", "layer_norm"):
        found = cfg.normalize_activations
        raise EmomechError(f"SAE at {where}: normalises by {found!r}; supported are none and layer_norm.")
    if cfg.reshape_activations != "none":
        raise EmomechError(
            f"SAE at {where}: reads activations reshaped by {cfg.reshape_activations!r}; supported are SAEs of the "
            "residual stream and of what attention and MLP add to it."
        )
