"""SAE features of many activations, sparse as they are produced."""

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from emomech.saes.sae import Sae

_ROWS = 512
"""Activations encoded at once: bounds the dense block to a few hundred MB at the widest public SAEs."""


@torch.inference_mode()
def encode(sae: Sae, activations: Tensor) -> sp.csr_array:
    """Feature activations (read, d_sae) of residuals (read, d_in), float64 and sparse."""
    blocks = [_encoded(sae, rows.to(sae.W_enc.device)) for rows in activations.split(_ROWS)]
    return sp.csr_array(sp.vstack(blocks)) if blocks else sp.csr_array((0, sae.d_sae), dtype=np.float64)


def _encoded(sae: Sae, rows: Tensor) -> sp.csr_array:
    place, value = _fires(sae, rows)
    fires = place.cpu().numpy()
    start = np.searchsorted(fires, np.arange(len(rows) + 1) * sae.d_sae)
    return sp.csr_array((value.double().cpu().numpy(), fires % sae.d_sae, start), shape=(len(rows), sae.d_sae))


@torch.no_grad()
def firing(sae: Sae, activations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find where features fire: number of the residual (read, d_in), number of the feature, and its activation."""
    found = [_fires(sae, rows) for rows in activations.split(_ROWS)]
    starts = range(0, max(len(activations), 1), _ROWS)
    row = torch.cat([place // sae.d_sae + start for start, (place, _) in zip(starts, found, strict=True)])
    return row, torch.cat([place for place, _ in found]) % sae.d_sae, torch.cat([value for _, value in found])


def _fires(sae: Sae, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Places in (read, d_sae) where features fire, in order, and their activations, from one look at what decides."""
    topk = sae.activation == "topk"
    value, lowest = (sae.encode(rows), 0.0) if topk else (sae.before(rows), sae.lowest)
    place = _places((value > lowest).flatten())
    return place, value.flatten()[place]


def _places(fires: Tensor) -> Tensor:
    """Find the places that are true, on the device, so that few numbers leave a GPU; on a CPU NumPy is faster."""
    if fires.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(fires.numpy()))
    return fires.nonzero()[:, 0]
