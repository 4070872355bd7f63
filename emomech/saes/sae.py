"""A sparse autoencoder (SAE): weights as immutable tensors, encoding and decoding without hidden state.

With an input transform T, the features of an activation x are act((T(x) - b_dec) @ W_enc + b_enc), and its
reconstruction is the inverse of T, applied to features @ W_dec + b_dec. SAELens keeps the normalisation of the last
`encode` on the object until the next `decode`, so its results depend on the order of calls. Here `scale` and `decode`
take the activation as an argument.
"""

from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from emomech.core.errors import EmomechError, UsageError
from emomech.core.hook_points import HookPoint

Activation = Literal["relu", "jumprelu", "topk"]
InputTransform = Literal["none", "center", "layer_norm"]
_EPSILON = 1e-5
"""Added by SAELens to the standard deviation in `encode`, but not in `decode`."""
_NEURONPEDIA = "https://www.neuronpedia.org"


@dataclass(frozen=True, eq=False)
class Sae:
    """An SAE that reads the activation at `point`; all tensors are float32 and have no gradients.

    Example:
        >>> import torch
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.saes.sae import Sae
        >>> both = torch.cat([torch.eye(4), -torch.eye(4)])
        >>> sae = Sae(HookPoint(3), both.T, torch.zeros(8), both, torch.zeros(4), "relu")
        >>> x = torch.tensor([[1.0, -2.0, 0.0, 3.0]])
        >>> sae.encode(x).nonzero()[:, 1].tolist(), torch.equal(sae.decode(sae.encode(x), x), x)
        ([0, 3, 5], True)
    """

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
    """jumprelu: pre-activation that a feature has to exceed to fire (d_sae)."""
    k: int | None = None
    """topk: largest number of features that fire at once."""
    input_transform: InputTransform = "none"
    """center: subtract the mean over d_in (for models that TransformerLens centres); layer_norm: divide by the standard
    deviation as well."""
    apply_b_dec_to_input: bool = True
    """Whether `b_dec` is subtracted before encoding."""
    name: str = ""
    """Name of the set of SAEs that it belongs to, for messages."""
    trained_on: str = ""
    """The model, as recorded with the SAE; empty if unknown."""
    neuronpedia_id: str = ""
    """Model and source on Neuronpedia, such as `gpt2-small/8-res-jb`; empty if it is not there."""
    expected_l0: float | None = None
    """Published number of active features per token; None if unknown."""
    expected_explained: float | None = None
    """Published fraction of variance explained; None if unknown."""
    dead: int | None = None
    """Features that were dead at the end of the training, as recorded with the SAE; None if unknown."""

    def __post_init__(self) -> None:
        """Raise EmomechError for weights whose shapes do not match or that are not finite, and for a wrong k."""
        expected = {"W_enc": (self.d_in, self.d_sae), "b_enc": (self.d_sae,), "b_dec": (self.d_in,)}
        expected |= {"threshold": (self.d_sae,)} if self.activation == "jumprelu" else {}
        for weight, shape in expected.items():
            tensor = getattr(self, weight)
            if tensor is None or tuple(tensor.shape) != shape:
                has = "none" if tensor is None else f"shape {tuple(tensor.shape)}"
                raise EmomechError(f"SAE at {self.point}: {weight} has {has}, expected {shape} as W_dec says.")
        for weight in (*expected, "W_dec"):
            if not getattr(self, weight).isfinite().all():
                raise EmomechError(f"SAE at {self.point}: {weight} holds values that are not finite. Get it again.")
        if self.activation == "topk" and not (self.k and 0 < self.k <= self.d_sae):
            raise EmomechError(f"SAE at {self.point}: k is {self.k}, expected 1 to {self.d_sae}.")

    @property
    def d_in(self) -> int:
        """Width of the activation."""
        return self.W_dec.shape[1]

    @property
    def d_sae(self) -> int:
        """Number of features."""
        return self.W_dec.shape[0]

    def link(self, feature: int) -> str:
        """Return the address of a feature on Neuronpedia; empty if the SAE is not there."""
        return f"{_NEURONPEDIA}/{self.neuronpedia_id}/{feature}" if self.neuronpedia_id else ""

    def encode(self, x: Tensor) -> Tensor:
        """Encode activations (…, d_in) as features (…, d_sae), which are never negative."""
        before = self.before(x)
        if self.activation == "topk":
            return _largest(before, cast(int, self.k))
        return before.relu_() if self.threshold is None else before.masked_fill_(before <= self.lowest, 0)

    def before(self, x: Tensor) -> Tensor:
        """Compute the pre-activations (…, d_sae) of activations (…, d_in): the input of the activation function.

        Raises UsageError for activations of another width, such as those of another model.
        """
        if x.shape[-1] != self.d_in:
            raise UsageError(
                f"SAE {self.name} at {self.point}: reads activations of width {self.d_in}, and these have width "
                f"{x.shape[-1]}. Take SAEs of the model that is studied."
            )
        inside = self._inside(x) - (self.b_dec if self.apply_b_dec_to_input else 0)
        return torch.addmm(self.b_enc, inside.reshape(-1, self.d_in), self.W_enc).view(*x.shape[:-1], self.d_sae)

    @property
    def lowest(self) -> Tensor | float:
        """Value that a pre-activation has to exceed for its feature to fire, (d_sae) or one for all; not for topk."""
        return 0.0 if self.threshold is None else self.threshold.clamp(min=0)

    def scale(self, x: Tensor) -> Tensor:
        """Factor that turns decoded vectors into activations (…, 1): for layer_norm the standard deviation, else 1."""
        if self.input_transform == "layer_norm":
            return x.to(self.W_dec).std(-1, keepdim=True)
        return torch.ones_like(x[..., :1], dtype=self.W_dec.dtype, device=self.W_dec.device)

    def decode(self, features: Tensor, x: Tensor) -> Tensor:
        """Reconstruct activations (…, d_in) from features (…, d_sae); of `x` (…, d_in) only mean and scale are used."""
        return self._outside(features @ self.W_dec + self.b_dec, x)

    def decode_nothing(self, x: Tensor) -> Tensor:
        """Reconstruct activations (…, d_in) as if no feature fired."""
        return self._outside(self.b_dec, x)

    def _outside(self, decoded: Tensor, x: Tensor) -> Tensor:
        """Undo the input transform of `x` on a decoded vector."""
        scaled = decoded * self.scale(x)
        return scaled if self.input_transform == "none" else scaled + x.to(self.W_dec).mean(-1, keepdim=True)

    def _inside(self, x: Tensor) -> Tensor:
        """Apply the input transform."""
        x = x.to(self.W_enc)
        if self.input_transform == "none":
            return x
        centred = x - x.mean(-1, keepdim=True)
        return centred if self.input_transform == "center" else centred / (self.scale(x) + _EPSILON)


def _largest(before: Tensor, k: int) -> Tensor:
    """Keep the k largest values of each row that are positive, and set the others to 0."""
    if before.device.type == "cpu":  # NumPy selects several times faster than torch
        parted = np.partition(before.detach().numpy(), -k, axis=-1)
        least = np.maximum(parted[..., -k], np.finfo(parted.dtype).tiny)
        if (parted[..., :-k].max(-1, initial=0) < least).all():  # no tie at the k-th place
            return torch.where(before < torch.from_numpy(least)[..., None], 0.0, before)
    value, index = before.topk(k, dim=-1, sorted=False)
    return torch.zeros_like(before).scatter(-1, index, value.relu())
