"""Quality of an SAE on activations that it was not trained on, measured alike for all trainers."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

_ROWS = 1024


@torch.no_grad()
def quality(encode: Callable[[Tensor], Tensor], decode: Callable[[Tensor], Tensor], x: Tensor) -> np.ndarray:
    """Fraction of variance unexplained, and share of the features that never fire, on activations x (n, d_in)."""
    error, fires = 0.0, torch.zeros(0)
    for rows in x.split(_ROWS):
        features = encode(rows)
        error += float((decode(features) - rows).square().sum())
        fired = (features > 0).any(0)
        fires = fired if not len(fires) else fires | fired
    return np.array([error / float((x - x.mean(0)).square().sum()), float((~fires).float().mean())])
