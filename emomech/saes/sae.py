"""Sparse autoencoders: their weights as immutable tensors, and how they are taken over from SAELens's objects.

SAELens keeps the normalisation of the last `encode` on the object until the next `decode`, so that its answers depend
on the order of the calls. Here the input transform is explicit: `scale` and `decode` take the activation itself.
With transform T the features are act((T(x) - b_dec) @ W_enc + b_enc), and the reconstruction is T's inverse of
features @ W_dec + b_dec.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from torch import Tensor

from emomech.core.errors import EmomechError
from emomech.core.hook_points import HookPoint

if TYPE_CHECKING:
    pass


Activation = Literal["relu", "jumprelu", "topk"]
InputTransform = Literal["none", "center", "layer_norm"]
_EPSILON = 1e-5
"""What SAELens adds to the standard deviation on the way in, though not on the way out."""
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
