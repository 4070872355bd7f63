"""Edits of an activation: dataclasses that are functions, for `hooks.intervene` to call.

A feature edit adds a difference, x' = x + (new - old) · scale · W_dec, and so keeps what the SAE does not explain.
To move a feature to the value that it has is to do nothing, bit for bit, and to move none leaves x itself. `scale` is
the residual's standard deviation where the SAE normalises its input (see `saes`), else 1. No edit is made in place.
A `mask` (batch, pos; true where the edit applies) limits it to some positions.

Ablating, scaling, adding and clamping are one edit with other numbers: new = factor · old + offset.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.saes.sae import Sae

_FEW = 4
"""To encode some features alone pays where there are so many times as many."""


@dataclass(frozen=True, eq=False)
class MoveFeatures:
    """Make chosen features `factor` times what they are, plus `offset`, and keep the SAE's error.

    Factor 0 is ablation, to zero or to the offset; factor 1 adds, wherever the feature fires or not; offset 0 scales.
    """

    sae: Sae
    index: Sequence[int] | Tensor
    """Which features (n)."""
    factor: float | Tensor = 0.0
    """One number, or one for each feature (n)."""
    offset: float | Tensor = 0.0
    """One number, one for each feature (n), or what broadcasts to (batch, pos, n)."""
    mask: Tensor | None = field(default=None, repr=False)
    firing: bool = False
    """Leave a feature alone where it does not fire."""

    def __post_init__(self) -> None:
        """Raise UsageError for a feature that the SAE does not have."""
        _check_features(self.sae, torch.as_tensor(self.index).tolist())

    def __call__(self, x: Tensor) -> Tensor:
        """Activations (batch, pos, d_in) with the features moved."""
        index = torch.as_tensor(self.index, dtype=torch.long, device=self.sae.W_dec.device)
        if not len(index):
            return x
        offset = torch.as_tensor(self.offset)
        read = offset.ndim > 1  # values of a whole encoding, which are met bit for bit by another one alone
        now = self.sae.encode(x)[..., index] if read else encode_some(self.sae, x, index)
        moved = now * (torch.as_tensor(self.factor).to(now) - 1) + offset.to(now)
        moved = moved * (now > 0) if self.firing else moved
        delta = (moved @ self.sae.W_dec[index]) * self.sae.scale(x)
        return _where(self.mask, x + delta.to(x), x)


@dataclass(frozen=True, eq=False)
class ResampleFeatures:
    """Give chosen features, at every position, the values that they have together in an activation drawn at random."""

    sae: Sae
    index: Sequence[int] | Tensor
    """Which features (n)."""
    drawn: Tensor = field(repr=False)
    """Activations of other texts (read, d_in)."""
    seed: int = 0
    mask: Tensor | None = field(default=None, repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        """Activations (batch, pos, d_in) with the features moved; the same draws in every call of the same shape."""
        generator = torch.Generator().manual_seed(self.seed)
        row = torch.randint(len(self.drawn), x.shape[:-1], generator=generator)
        values = self.sae.encode(self.drawn.to(self.sae.W_enc))[:, torch.as_tensor(self.index, dtype=torch.long)]
        return MoveFeatures(self.sae, self.index, offset=values[row.to(values.device)], mask=self.mask)(x)


@dataclass(frozen=True, eq=False)
class Reconstruct:
    """Put the SAE's reconstruction in the place of the activation, plus a constant in the place of its error."""

    sae: Sae
    error: Tensor | None = field(default=None, repr=False)
    """What is put in the place of the error (d_in): its mean, or nothing."""
    mask: Tensor | None = field(default=None, repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        """Reconstruct activations (…, d_in)."""
        found = self.sae.decode(self.sae.encode(x), x)
        found = found if self.error is None else found + self.error.to(found)
        return _where(self.mask, found.to(x), x)


@dataclass(frozen=True, eq=False)
class Replace:
    """Put one vector (d_in) in the place of every activation; with the mean activation this is mean ablation."""

    value: Tensor = field(repr=False)
    mask: Tensor | None = field(default=None, repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        """Replace activations (…, d_in)."""
        return _where(self.mask, self.value.to(x).expand_as(x), x)


@dataclass(frozen=True, eq=False)
class Add:
    """Add a vector (d_in, or what broadcasts to (batch, pos, d_in)) to every activation."""

    value: Tensor = field(repr=False)
    mask: Tensor | None = field(default=None, repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        """Shift activations (…, d_in)."""
        return _where(self.mask, x + self.value.to(x), x)


def encode_some(sae: Sae, x: Tensor, index: Tensor) -> Tensor:
    """Some features (…, n) of activations (…, d_in), without the others where these have no say in them."""
    if sae.activation == "topk" or _FEW * len(index) > sae.d_sae:
        return sae.encode(x)[..., index]
    some = {name: getattr(sae, name)[..., index] for name in ("W_enc", "b_enc")}
    threshold = None if sae.threshold is None else sae.threshold[index]
    return replace(sae, W_dec=sae.W_dec[index], threshold=threshold, **some).encode(x)


def moved_each(sae: Sae, x: Tensor, index: Tensor, offset: Tensor) -> Tensor:
    """Activations (batch, n, d_in) with one feature moved to its offset (n) in each, from activations (batch, d_in)."""
    index = index.to(sae.W_dec.device)
    moved = (offset.to(sae.W_dec) - encode_some(sae, x, index)) * sae.scale(x)
    return x[:, None] + (moved[..., None] * sae.W_dec[index]).to(x)


def _check_features(sae: Sae, index: Sequence[int]) -> None:
    for feature in index:
        if not 0 <= feature < sae.d_sae:
            raise UsageError(f"feature {feature}: SAE {sae.name} at {sae.point} has features 0..{sae.d_sae - 1}.")


def _where(mask: Tensor | None, edited: Tensor, x: Tensor) -> Tensor:
    """Keep the edit where the mask is true, and x bit for bit where it is not."""
    return edited if mask is None else torch.where(mask[..., None].to(x.device), edited, x)


MaskedEdit = MoveFeatures | ResampleFeatures | Reconstruct | Replace | Add
"""An edit of this file; what they have in common is the mask."""
