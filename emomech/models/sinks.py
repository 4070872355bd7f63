"""Find massive activations: tokens whose activation is many times as long as that of other tokens of its layer.

Most language models write a very long vector at a few tokens, above all at the first token of a text, and attend to it
where they have nothing to read: an attention sink (Sun et al., 2024, arXiv:2402.17762; Xiao et al., 2023,
arXiv:2309.17453). Such a vector says nothing of the text. An SAE that is trained on it spends features on it, and
its size spoils every scale, peak and mean that it enters.

Example:
    >>> import torch
    >>> from emomech.models.sinks import ordinary_rows
    >>> activations = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
    >>> activations[3] *= 50
    >>> len(ordinary_rows(activations)), 3 in ordinary_rows(activations)
    (99, False)
"""

import torch
from torch import Tensor

MULTIPLE = 10.0
"""An activation is massive if it is longer than so many times the median of its hook point."""
_CHUNK = 65536
"""Activations that are converted to float32 at once."""


def lengths(activations: Tensor) -> Tensor:
    """Euclidean length of each activation (n, d_in): float32 on the processor (n)."""
    return torch.cat([chunk.float().norm(dim=-1).cpu() for chunk in activations.split(_CHUNK)])


def ordinary_rows(activations: Tensor) -> Tensor:
    """Number the activations (n, d_in) of one hook point that are not massive, in order."""
    length = lengths(activations)
    return (length <= MULTIPLE * length.median()).nonzero().flatten()
