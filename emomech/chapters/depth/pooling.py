"""Pooling: activations and SAE features of a text and of its answer, one row per text.

A text has many tokens and its answer has one, so activations and features are averaged over the tokens of the text. The
mean of the features is not the same as the features of the mean activation: a feature that fires at one word is part of
the former and may be missing from the latter.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from emomech.causal.questions import Questions, Where, places
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import forward_to
from emomech.models.tokens import TokenBatch
from emomech.saes.collection import portions
from emomech.saes.sae import Sae

PLACES: tuple[Where, ...] = ("text", "answer")
_TOKENS = 2048
"""Tokens whose features are in memory at the same time."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """Means over the tokens of one place, at one hook point, for every text."""

    activation: Tensor = field(repr=False)
    """(text, d_model), float32 on the CPU."""
    features: sp.csr_array = field(repr=False)
    """(text, d_sae)"""


@torch.inference_mode()
def pool(questions: Questions, saes: Mapping[HookPoint, Sae]) -> dict[Where, dict[HookPoint, Pooled]]:
    """Pool all hook points at both places in one pass over the texts."""
    order: list[int] = []
    parts: dict[tuple[Where, HookPoint], list[tuple[Tensor, sp.csr_array]]] = {}
    for portion in portions(_read(questions, list(saes)), lambda read: sum(4 * x.numel() for x in read[1].values())):
        order += [text for batch, _ in portion for text in batch.example]
        for point in saes:
            sae = saes[point]
            for batch, seen in portion:
                for where in PLACES:
                    means = _means(sae, seen[point].float(), places(batch, where))
                    parts.setdefault((where, point), []).append(means)
    back = np.argsort(order)
    return {where: {point: _in_order(parts[where, point], back) for point in saes} for where in PLACES}


def _read(questions: Questions, points: Sequence[HookPoint]) -> Iterator[tuple[TokenBatch, dict[HookPoint, Tensor]]]:
    """Activations (row, pos, d_in) at every hook point, batch by batch."""
    for batch, _ in questions.batches("everywhere"):
        yield batch, forward_to(questions.lm, batch, points)


def _means(sae: Sae, x: Tensor, mask: Tensor) -> tuple[Tensor, sp.csr_array]:
    """Mean activation (row, d_in) and mean features (row, d_sae) over the tokens that `mask` (row, pos) selects."""
    owner, tokens = mask.nonzero()[:, 0], x[mask]
    count = mask.sum(1).clamp(min=1)[:, None]
    activation = torch.zeros(len(x), x.shape[-1], device=x.device).index_add_(0, owner, tokens)
    features = torch.zeros(len(x), sae.d_sae, device=sae.W_enc.device)
    for chunk, whose in zip(tokens.split(_TOKENS), owner.split(_TOKENS), strict=True):
        features.index_add_(0, whose.to(features.device), sae.encode(chunk.to(features.device)))
    mean = (features / count.to(features.device)).cpu().numpy()
    return (activation / count).cpu(), sp.csr_array(mean)


def _in_order(parts: list[tuple[Tensor, sp.csr_array]], back: np.ndarray) -> Pooled:
    activation = torch.cat([part[0] for part in parts])[torch.from_numpy(back)]
    return Pooled(activation, sp.csr_array(sp.vstack([part[1] for part in parts]).tocsr()[back]))
