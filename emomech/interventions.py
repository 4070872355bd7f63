"""Edits of an activation: dataclasses that are functions, for `hooks.intervene` to call.

A feature edit adds a difference, x' = x + (new - old) · scale · W_dec, and so keeps what the SAE does not explain.
To set a feature to the value that it has is to do nothing, bit for bit, and to set none leaves x itself. `scale` is the
residual's standard deviation where the SAE normalises its input (see `saes`), else 1. No edit is made in place.
A `mask` (batch, pos; true where the edit applies) limits it to some positions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from emomech.errors import UsageError
from emomech.saes import Sae


@dataclass(frozen=True, eq=False)
class SetFeatures:
    """Move chosen features to given values, and keep the SAE's error."""

    sae: Sae
    values: Mapping[int, float | Tensor]
    """Feature to its new value: one number, or a tensor that broadcasts to (batch, pos)."""
    mask: Tensor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise UsageError for a feature that the SAE does not have."""
        for index in self.values:
            if not 0 <= index < self.sae.d_sae:
                known = f"SAE {self.sae.name} at {self.sae.point} has features 0..{self.sae.d_sae - 1}"
                raise UsageError(f"feature {index}: {known}.")

    def __call__(self, x: Tensor) -> Tensor:
        """Activations (batch, pos, d_in) with the features moved."""
        if not self.values:
            return x
        index = list(self.values)
        now = self.sae.encode(x)[..., index]
        new = torch.stack([torch.as_tensor(value).to(now).expand(now.shape[:-1]) for value in self.values.values()], -1)
        delta = ((new - now) @ self.sae.W_dec[index]) * self.sae.scale(x)
        return _where(self.mask, x + delta.to(x), x)


@dataclass(frozen=True, eq=False)
class Reconstruct:
    """Put the SAE's reconstruction in the place of the activation; its error is lost, which is what is measured."""

    sae: Sae
    mask: Tensor | None = field(default=None, repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        """Reconstruct activations (…, d_in)."""
        return _where(self.mask, self.sae.decode(self.sae.encode(x), x).to(x), x)


@dataclass(frozen=True, eq=False)
class Replace:
    """Put one vector (d_in) in the place of every activation; with the mean activation this is mean ablation."""

    value: Tensor = field(repr=False)
    mask: Tensor | None = field(default=None, repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        """Replace activations (…, d_in)."""
        return _where(self.mask, self.value.to(x).expand_as(x), x)


def _where(mask: Tensor | None, edited: Tensor, x: Tensor) -> Tensor:
    """Keep the edit where the mask is true, and x bit for bit where it is not."""
    return edited if mask is None else torch.where(mask[..., None].to(x.device), edited, x)
