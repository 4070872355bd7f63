"""Edits of an activation, for `models.hooks.intervene`: dataclasses that are called with the activation.

A feature edit adds a difference, x' = x + (new - old) · scale · W_dec, and so keeps what the SAE does not explain.
Ablating, scaling, adding to and clamping a feature are one edit with different numbers: new = factor · old + offset.
`scale` is the standard deviation of x if the SAE normalises its input (see `saes.sae`), else 1. An edit that moves
nothing leaves x unchanged bit for bit, and no edit changes x in place.

Every edit has a `mask` (batch, pos), true where the edit applies; None: everywhere.

Example:
    >>> import torch
    >>> from emomech.core.hook_points import HookPoint
    >>> from emomech.saes.controls import dimensions
    >>> from emomech.saes.edits import Add, MoveFeatures, Replace
    >>> sae = dimensions([HookPoint(3)], d_in=2)[HookPoint(3)]  # features 0 and 1: positive parts of x
    >>> x = torch.tensor([[[1.0, 2.0], [3.0, -4.0]]])
    >>> MoveFeatures(sae, [0, 1], factor=0)(x).tolist()
    [[[0.0, 0.0], [0.0, -4.0]]]
    >>> MoveFeatures(sae, [0], factor=1, offset=5, mask=torch.tensor([[True, False]]))(x).tolist()
    [[[6.0, 2.0], [3.0, -4.0]]]
    >>> Add(torch.tensor([1.0, 0.0]))(x).tolist(), Replace(torch.zeros(2))(x).sum().item()
    ([[[2.0, 2.0], [4.0, -4.0]]], 0.0)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.saes.sae import Sae

_FEW = 4
"""Encode a subset only if the SAE has at least 4 times as many features."""


@dataclass(frozen=True, eq=False)
class MoveFeatures:
    """Set features of an activation to `factor` times their value plus `offset`; the SAE's error is kept.

    Factor 0 ablates to the offset, 0 by default. Factor 1 adds the offset, also where a feature does not fire. Offset 0
    scales. Raises UsageError for a feature that the SAE does not have.
    """

    sae: Sae
    """The SAE at the hook point of the activation."""
    index: Sequence[int] | Tensor
    """Numbers of the features (n)."""
    factor: float | Tensor = 0.0
    """One number, or one per feature (n)."""
    offset: float | Tensor = 0.0
    """One number, one per feature (n), or a tensor that broadcasts to (batch, pos, n)."""
    mask: Tensor | None = field(default=None, repr=False)
    """Positions that are edited (batch, pos); None: all."""
    firing: bool = False
    """Leave a feature unchanged where it does not fire."""

    def __post_init__(self) -> None:
        """Check the features."""
        _check_features(self.sae, torch.as_tensor(self.index).tolist())

    def __call__(self, x: Tensor) -> Tensor:
        """Edit activations (batch, pos, d_in)."""
        index = torch.as_tensor(self.index, dtype=torch.long, device=self.sae.W_dec.device)
        if not len(index):
            return x
        offset = torch.as_tensor(self.offset)
        encoded = offset.ndim > 1  # values of a full encoding, which only a full encoding reproduces bit for bit
        old = self.sae.encode(x)[..., index] if encoded else encode_some(self.sae, x, index)
        change = old * (torch.as_tensor(self.factor).to(old) - 1) + offset.to(old)
        change = change * (old > 0) if self.firing else change
        delta = (change @ self.sae.W_dec[index]) * self.sae.scale(x)
        return _where(self.mask, x + delta.to(x), x)


@dataclass(frozen=True, eq=False)
class ResampleFeatures:
    """Set features, at every position, to the values that they have in one activation drawn at random."""

    sae: Sae
    index: Sequence[int] | Tensor
    """Numbers of the features (n)."""
    drawn: Tensor = field(repr=False)
    """Activations of other texts to draw from (n_drawn, d_in)."""
    seed: int = 0
    mask: Tensor | None = field(default=None, repr=False)
    """Positions that are edited (batch, pos); None: all."""

    def __call__(self, x: Tensor) -> Tensor:
        """Edit activations (batch, pos, d_in); every call with the same shape draws the same rows."""
        generator = torch.Generator().manual_seed(self.seed)
        row = torch.randint(len(self.drawn), x.shape[:-1], generator=generator)
        values = self.sae.encode(self.drawn.to(self.sae.W_enc))[:, torch.as_tensor(self.index, dtype=torch.long)]
        return MoveFeatures(self.sae, self.index, offset=values[row.to(values.device)], mask=self.mask)(x)


@dataclass(frozen=True, eq=False)
class Reconstruct:
    """Replace the activation by the SAE's reconstruction, and the SAE's error by a constant."""

    sae: Sae
    error: Tensor | None = field(default=None, repr=False)
    """The constant (d_in), such as the mean error; None: 0."""
    mask: Tensor | None = field(default=None, repr=False)
    """Positions that are edited (batch, pos); None: all."""

    def __call__(self, x: Tensor) -> Tensor:
        """Edit activations (batch, pos, d_in)."""
        reconstruction = self.sae.decode(self.sae.encode(x), x)
        reconstruction = reconstruction if self.error is None else reconstruction + self.error.to(reconstruction)
        return _where(self.mask, reconstruction.to(x), x)


@dataclass(frozen=True, eq=False)
class Replace:
    """Replace the activation at every position by one vector; by the mean activation it is mean ablation."""

    value: Tensor = field(repr=False)
    """The vector (d_in), or a tensor that broadcasts to (batch, pos, d_in)."""
    mask: Tensor | None = field(default=None, repr=False)
    """Positions that are edited (batch, pos); None: all."""

    def __call__(self, x: Tensor) -> Tensor:
        """Edit activations (batch, pos, d_in)."""
        return _where(self.mask, self.value.to(x).expand_as(x), x)


@dataclass(frozen=True, eq=False)
class Add:
    """Add a vector to the activation at every position, as steering does."""

    value: Tensor = field(repr=False)
    """The vector (d_in), or a tensor that broadcasts to (batch, pos, d_in)."""
    mask: Tensor | None = field(default=None, repr=False)
    """Positions that are edited (batch, pos); None: all."""

    def __call__(self, x: Tensor) -> Tensor:
        """Edit activations (batch, pos, d_in)."""
        return _where(self.mask, x + self.value.to(x), x)


def encode_some(sae: Sae, x: Tensor, index: Tensor) -> Tensor:
    """Encode activations (…, d_in) as the features `index` only (…, n).

    The other features are not computed if they are many. In a TopK SAE they always are, because features compete.
    """
    if sae.activation == "topk" or _FEW * len(index) > sae.d_sae:
        return sae.encode(x)[..., index]
    encoder = {name: getattr(sae, name)[..., index] for name in ("W_enc", "b_enc")}
    threshold = None if sae.threshold is None else sae.threshold[index]
    return replace(sae, W_dec=sae.W_dec[index], threshold=threshold, **encoder).encode(x)


def moved_each(sae: Sae, x: Tensor, index: Tensor, offset: Tensor) -> Tensor:
    """Set one feature at a time: from activations (batch, d_in) to one copy per feature (batch, n, d_in).

    In copy i the feature `index[i]` has the value `offset[i]`, and the others are unchanged.
    """
    index = index.to(sae.W_dec.device)
    change = (offset.to(sae.W_dec) - encode_some(sae, x, index)) * sae.scale(x)
    return x[:, None] + (change[..., None] * sae.W_dec[index]).to(x)


def _check_features(sae: Sae, index: Sequence[int]) -> None:
    """Raise UsageError for a feature that the SAE does not have."""
    for feature in index:
        if not 0 <= feature < sae.d_sae:
            raise UsageError(f"feature {feature}: SAE {sae.name} at {sae.point} has features 0..{sae.d_sae - 1}.")


def _where(mask: Tensor | None, edited: Tensor, x: Tensor) -> Tensor:
    """Keep the edit where the mask is true, and x, bit for bit, elsewhere."""
    return edited if mask is None else torch.where(mask[..., None].to(x.device), edited, x)


MaskedEdit = MoveFeatures | ResampleFeatures | Reconstruct | Replace | Add
"""Any edit of this module; all of them have a mask."""
