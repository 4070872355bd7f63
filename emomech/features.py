"""SAE features of many activations, sparse as they are produced."""

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from emomech.saes import Sae
from emomech.stats import Ints

_ROWS = 512
"""Activations encoded at once: bounds the dense block to a few hundred MB at the widest public SAEs."""


@torch.inference_mode()
def encode(sae: Sae, activations: Tensor) -> sp.csr_array:
    """Feature activations (read, d_sae) of residuals (read, d_in), float64 and sparse."""
    blocks = [_encoded(sae, rows.to(sae.W_enc.device)) for rows in activations.split(_ROWS)]
    return sp.csr_array(sp.vstack(blocks)) if blocks else sp.csr_array((0, sae.d_sae), dtype=np.float64)


def _encoded(sae: Sae, rows: Tensor) -> sp.csr_array:
    """Encode with one look at the pre-activations, most of which are nothing."""
    topk = sae.activation == "topk"
    value, lowest = (sae.encode(rows), 0.0) if topk else (sae.before(rows), sae.lowest)
    fires = _places((value > lowest).flatten())
    value = value.flatten()[torch.from_numpy(fires).to(value.device)].double().cpu().numpy()
    start = np.searchsorted(fires, np.arange(len(rows) + 1) * sae.d_sae)
    return sp.csr_array((value, fires % sae.d_sae, start), shape=(len(rows), sae.d_sae))


def _places(fires: Tensor) -> Ints:
    """Find the places that are true, on the device, so that few numbers leave a GPU; on a CPU NumPy is faster."""
    return np.flatnonzero(fires.numpy()) if fires.device.type == "cpu" else fires.nonzero()[:, 0].cpu().numpy()
