"""Dictionaries to compare an SAE with: residual dimensions, random directions of like size and sparsity."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.saes.sae import Sae

if TYPE_CHECKING:
    pass


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
