"""Encode many activations in blocks, and keep only the features that fire."""

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from emomech.saes.sae import Sae

_ROWS = 512
"""Activations that are encoded at once; the dense block stays below a few hundred MB for the widest public SAEs."""


@torch.inference_mode()
def encode(sae: Sae, activations: Tensor) -> sp.csr_array:
    """Encode activations (n, d_in) as a sparse float64 matrix of features (n, d_sae).

    Example:
        >>> import torch
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.saes.controls import dimensions
        >>> from emomech.saes.encoding import encode
        >>> sae = dimensions([HookPoint(3)], d_in=2)[HookPoint(3)]
        >>> encode(sae, torch.tensor([[1.0, -2.0], [0.0, 3.0]])).toarray().tolist()
        [[1.0, 0.0, 0.0, 2.0], [0.0, 3.0, 0.0, 0.0]]
    """
    blocks = [_encoded(sae, rows.to(sae.W_enc.device)) for rows in activations.split(_ROWS)]
    return sp.csr_array(sp.vstack(blocks)) if blocks else sp.csr_array((0, sae.d_sae), dtype=np.float64)


def _encoded(sae: Sae, rows: Tensor) -> sp.csr_array:
    """Encode one block; its flat places are already in the order of a compressed sparse row matrix."""
    places, values = _fires(sae, rows)
    flat = places.cpu().numpy()
    starts = np.searchsorted(flat, np.arange(len(rows) + 1) * sae.d_sae)
    return sp.csr_array((values.double().cpu().numpy(), flat % sae.d_sae, starts), shape=(len(rows), sae.d_sae))


@torch.no_grad()
def firing(sae: Sae, activations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find where features fire on activations (n, d_in): row, feature and value of each, three tensors (n_fires)."""
    blocks = [_fires(sae, rows) for rows in activations.split(_ROWS)]
    starts = range(0, max(len(activations), 1), _ROWS)
    row = torch.cat([places // sae.d_sae + start for start, (places, _) in zip(starts, blocks, strict=True)])
    return row, torch.cat([places for places, _ in blocks]) % sae.d_sae, torch.cat([values for _, values in blocks])


def _fires(sae: Sae, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the flat indices into (n, d_sae) where features fire, in order, and their values.

    Except for topk, pre-activations decide, so that the dense features are never written.
    """
    topk = sae.activation == "topk"
    values, lowest = (sae.encode(rows), 0.0) if topk else (sae.before(rows), sae.lowest)
    places = _places((values > lowest).flatten())
    return places, values.flatten()[places]


def _places(fires: Tensor) -> Tensor:
    """Find the indices of true values on the device, so that few numbers leave a GPU; on a CPU NumPy is faster."""
    if fires.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(fires.numpy()))
    return fires.nonzero()[:, 0]
