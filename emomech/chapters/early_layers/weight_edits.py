"""Edited copies of a model: weights quantised, pruned, reduced in rank or with noise, or blocks skipped.

Every matrix of the chosen blocks is edited; embeddings, norms and biases stay as they are. The size of a change is the
Frobenius norm of the difference divided by that of the weights, so that different edits of different blocks can be
compared at an equal change. Pruning and rank reduction remove the smallest parts of a matrix; the squares of these
parts give the size of the change in advance. The original model is never changed.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel
from emomech.stats.estimates import Floats

EditMethod = Literal["quantisation", "pruning", "low rank", "noise"]
Svd: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Left singular vectors, singular values, the largest first, and right singular vectors of a matrix."""
THIRDS = ("early", "middle", "late")
_MOST_LEVELS = 2**15
"""Most quantisation levels to either side of zero that are tried."""
_HALVINGS = 40
"""Bisection steps in the search for the share to remove."""


def quantise(weight: Tensor, levels: int) -> Tensor:
    """Round each row, an output channel, to a grid with `levels` steps to either side of zero.

    With b bits there are 2^(b−1) − 1 such steps.

    Example:
        >>> import torch
        >>> from emomech.chapters.early_layers.weight_edits import quantise
        >>> quantise(torch.tensor([[1.0, 0.4, -0.3]]), levels=2).tolist()
        [[1.0, 0.5, -0.5]]
    """
    rows = weight.flatten(1)
    step = rows.abs().amax(1, keepdim=True).clamp(min=1e-12) / levels
    return ((rows / step).round() * step).view_as(weight)


def prune(weight: Tensor, share: float) -> Tensor:
    """Set the smallest entries, a share of all, to zero."""
    n = round(share * weight.numel())
    pruned = weight.flatten().clone()
    pruned[weight.abs().flatten().topk(n, largest=False).indices] = 0
    return pruned.view_as(weight)


def decompose(weights: Sequence[Tensor]) -> list[Svd]:
    """Decompose matrices, which takes longer than any edit of them; every edit of their rank can use the result."""
    return [torch.linalg.svd(weight.float().flatten(1), full_matrices=False) for weight in weights]


def truncate(weight: Tensor, share: float, parts: Svd | None = None) -> Tensor:
    """Remove the smallest singular values, a share of all; `parts` are those of the matrix, if they are known."""
    u, s, v = parts or decompose([weight])[0]
    kept = len(s) - round(share * len(s))
    lost = (u[:, kept:] * s[kept:]) @ v[kept:]
    return weight - lost.view_as(weight).to(weight)


def add_noise(weight: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """Add a matrix of normal noise whose norm is `size` times that of the weight."""
    noise = torch.randn(weight.shape, generator=generator).to(weight.device)
    scale = size * weight.float().norm() / noise.norm()
    return weight + (noise * scale).to(weight)


@dataclass(frozen=True)
class WeightEdit:
    """An edit of every matrix of some blocks."""

    method: EditMethod
    dose: float
    """Quantisation levels to either side of zero, share that is removed, or relative size of the noise."""
    seed: int = 0

    def __str__(self) -> str:
        """Dose in words, for a table."""
        if self.method == "quantisation":
            return f"{2 * int(self.dose) + 1} levels, {np.log2(2 * self.dose + 1):.1f} bits"
        unit = {"pruning": "of the entries removed", "low rank": "of the rank removed", "noise": "of the norm added"}
        return f"{self.dose:.0%} {unit[self.method]}"

    def on(self, lm: LanguageModel, blocks: Sequence[int], parts: Sequence[Svd] | None = None) -> LanguageModel:
        """Copy of a model in which the matrices of some blocks are edited; `parts`: see `decompose`."""
        copied = lm.around(copy.deepcopy(lm.module))
        generator = torch.Generator().manual_seed(self.seed)
        edit: Mapping[EditMethod, Callable[..., Tensor]] = {
            "quantisation": partial(quantise, levels=max(1, round(self.dose))),
            "pruning": partial(prune, share=self.dose),
            "low rank": partial(truncate, share=self.dose),
            "noise": partial(add_noise, size=self.dose, generator=generator),
        }
        with torch.no_grad():
            weights = matrices(copied, blocks)
            for i, weight in enumerate(weights):
                known: dict[str, Any] = {"parts": parts[i]} if parts and self.method == "low rank" else {}
                weight.copy_(edit[self.method](weight, **known))
        return copied


def matrices(lm: LanguageModel, blocks: Sequence[int]) -> list[Tensor]:
    """Weights of some blocks with two dimensions or more, once each, with output channels in rows.

    They are views: writing into them changes the model.
    """
    from transformers.pytorch_utils import Conv1D

    views: dict[int, Tensor] = {}
    for layer in blocks:
        for part in lm.blocks[layer].modules():
            for weight in part.parameters(recurse=False):
                if weight.ndim >= 2:
                    views.setdefault(id(weight), weight.T if isinstance(part, Conv1D) else weight)
    return list(views.values())


def relative_change(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """Frobenius norm of the difference divided by that of the weights, over all matrices together."""
    squared = sum(float((b.double() - a.double()).square().sum()) for b, a in zip(before, after, strict=True))
    return float(np.sqrt(squared / max(sum(float(b.double().square().sum()) for b in before), 1e-300)))


def at_change(
    lm: LanguageModel,
    blocks: Sequence[int],
    method: EditMethod,
    change: float,
    seed: int = 0,
    parts: Sequence[Svd] | None = None,
) -> WeightEdit:
    """Find the dose whose relative change of the matrices of some blocks is closest to `change`.

    `parts`: see `decompose`. Raises UsageError for a change that is not between 0 and 1.
    """
    if not 0 < change < 1:
        raise UsageError(f"change {change}: expected a relative size between 0 and 1.")
    if method == "noise":
        return WeightEdit(method, change, seed)
    weights = matrices(lm, blocks)
    if method == "quantisation":
        return WeightEdit(method, _levels(weights, change), seed)
    if method == "low rank":
        removed = [_cumulated(s) for _, s, _ in parts or decompose(weights)]
    else:
        removed = [_cumulated(weight) for weight in weights]
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        low, high = (share, high) if _share_change(removed, share) < change else (low, share)
    nearest = min((low, high), key=lambda share: abs(_share_change(removed, share) - change))
    return WeightEdit(method, nearest, seed)


def _levels(weights: Sequence[Tensor], change: float) -> int:
    """Number of levels whose change is closest to `change`."""
    changes: dict[int, float] = {}

    def changed(n: int) -> float:
        if n not in changes:
            changes[n] = relative_change(weights, [quantise(weight, n) for weight in weights])
        return changes[n]

    low, high = 1, 2
    while high < _MOST_LEVELS and changed(high) > change:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if changed(middle) > change else (low, middle)
    return min((low, high), key=lambda n: abs(changed(n) - change))


def _cumulated(parts: Tensor) -> Floats:
    """Cumulative sum of the squared parts of a matrix, smallest first, with a leading 0 (part + 1)."""
    return np.concatenate([[0.0], np.cumsum(np.sort(parts.double().flatten().square().cpu().numpy()))])


def _share_change(removed: Sequence[Floats], share: float) -> float:
    """Relative change if a share of each matrix's parts is removed."""
    lost = sum(parts[round(share * (len(parts) - 1))] for parts in removed)
    return float(np.sqrt(lost / max(sum(parts[-1] for parts in removed), 1e-300)))


def thirds(n_layers: int) -> dict[str, list[int]]:
    """Divide the blocks into thirds by depth, as evenly as possible. Raises UsageError for fewer than three blocks."""
    if n_layers < len(THIRDS):
        raise UsageError(f"the model has {n_layers} blocks, and {len(THIRDS)} are needed to compare thirds.")
    edges = [round(i * n_layers / len(THIRDS)) for i in range(len(THIRDS) + 1)]
    return {name: list(range(*edge)) for name, edge in zip(THIRDS, pairwise(edges), strict=True)}


def skip(lm: LanguageModel, blocks: Sequence[int]) -> LanguageModel:
    """Copy of a model in which some blocks leave the residual stream unchanged."""
    copied = lm.around(copy.deepcopy(lm.module))
    for layer in blocks:
        block: Any = copied.blocks[layer]
        block.forward = partial(_unchanged, block.forward)
    return copied


def _unchanged(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the input of a block in place of its output, in the format of the output."""
    x = args[0] if args else kwargs["hidden_states"]
    output = forward(*args, **kwargs)
    return (x, *output[1:]) if isinstance(output, tuple) else x
