"""SAE features of many activations, sparse as they are produced."""

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from emomech.saes import Sae

_ROWS = 2048
"""Activations encoded at once: bounds the dense block to a few hundred MB at the widest public SAEs."""


@torch.inference_mode()
def encode(sae: Sae, activations: Tensor) -> sp.csr_array:
    """Feature activations (read, d_sae) of residuals (read, d_in), float64 and sparse."""
    blocks = []
    for rows in activations.split(_ROWS):
        dense = sae.encode(rows.to(sae.W_enc.device))
        row, feature = dense.nonzero(as_tuple=True)
        value = dense[row, feature].double().cpu().numpy()
        index = (row.cpu().numpy(), feature.cpu().numpy())
        blocks.append(sp.csr_array((value, index), shape=(len(rows), sae.d_sae)))
    return sp.csr_array(sp.vstack(blocks)) if blocks else sp.csr_array((0, sae.d_sae), dtype=np.float64)
