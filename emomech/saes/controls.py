"""Dictionaries to compare an SAE with: residual dimensions, and random directions of the same size and sparsity.

Stronger controls are SAEs that are trained with a frozen or a soft-frozen decoder. They lie on disk, see `beside`;
`study.Study.control_saes` loads them by the names of `beside`.

A random dictionary says how much of a result follows from many sparse directions alone. Its rows are drawn uniformly
from the unit sphere, and it reads activations from their mean, as most of their length is a constant.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.saes.sae import Sae


def signed_directions(point: HookPoint, rows: Tensor, centre: Tensor) -> Sae:
    """Read activations along orthonormal directions `rows` (n, d_in) from `centre` (d_in), one feature per sign.

    Features 0..n-1 are the positive sides, n..2n-1 the negative ones. With n = d_in the reconstruction is exact.
    """
    both = torch.cat([rows, -rows])
    return Sae(point, both.T.contiguous(), torch.zeros(len(both)), both, centre, "relu", name="directions")


def dimensions(points: Iterable[HookPoint], d_in: int) -> dict[HookPoint, Sae]:
    """Express the dimensions of the residual stream as SAEs, one feature for each sign of each dimension."""
    return {point: signed_directions(point, torch.eye(d_in), torch.zeros(d_in)) for point in points}


def random_like(sae: Sae, x: Tensor, seed: int, *, l0: float) -> Sae:
    """Draw a random SAE with the hook point and the number of features of `sae`, of which about `l0` are active.

    `x` (n, d_in) are the activations that the random SAE will read; they may be those of another model. `l0` is that of
    `sae`, see `mean_l0`.

    Example:
        >>> import torch
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.saes.controls import dimensions, mean_l0, random_like
        >>> x = torch.randn(100, 16, generator=torch.Generator().manual_seed(0))
        >>> sae = dimensions([HookPoint(3)], d_in=16)[HookPoint(3)]
        >>> random = random_like(sae, x, seed=0, l0=mean_l0(sae, x))
        >>> random.d_sae, random.k, round(mean_l0(random, x), 1)
        (32, 16, 14.3)
    """
    return random_sae(sae.point, x, sae.d_sae, l0, seed)


def random_sae(point: HookPoint, x: Tensor, d_sae: int, l0: float, seed: int) -> Sae:
    """Draw a TopK SAE with random unit decoder rows, which reads activations `x` (n, d_in) from their mean.

    k is `l0`, rounded, and at least 1.
    """
    rows = torch.randn(d_sae, x.shape[1], generator=torch.Generator().manual_seed(seed))
    W_dec = rows / rows.norm(dim=-1, keepdim=True)
    bias = (torch.zeros(d_sae), W_dec, x.detach().float().mean(0).cpu())
    return Sae(point, W_dec.T.contiguous(), *bias, "topk", k=max(1, round(l0)), name="random")


def mean_l0(sae: Sae, x: Tensor) -> float:
    """Measure the mean number of active features per activation of `x` (n, d_in)."""
    return float((sae.encode(x) > 0).sum(-1).float().mean())
