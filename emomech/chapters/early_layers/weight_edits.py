"""Edited copies of a model's weights: quantised, pruned, of low rank, noisy, or with blocks skipped.

What is edited is every matrix of some blocks; embeddings, norms and biases stay. A change is measured by its size
relative to the matrices, the Frobenius norm of the difference over that of the weights, so that different edits of
different blocks can be compared at an equal change. Magnitude pruning and truncated singular values both remove the
smallest parts of a matrix, whose squares say beforehand how large the change will be. The model that is given is never
changed.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from emomech.core.errors import UsageError
from emomech.models.language_model import LanguageModel, wrap
from emomech.stats.estimates import Floats

Method = Literal["quantisation", "pruning", "low rank", "noise"]
THIRDS = ("early", "middle", "late")
_MOST_LEVELS = 2**15
_HALVINGS = 40
"""Steps in which the share of a wanted change is found."""


def quantise(weight: Tensor, levels: int) -> Tensor:
    """Round each output channel, a row, to the nearest of `levels` steps to either side of zero, and zero.

    Of b bits there are 2^(b−1) − 1 such steps.
    """
    rows = weight.flatten(1)
    step = rows.abs().amax(1, keepdim=True).clamp(min=1e-12) / levels
    return ((rows / step).round() * step).view_as(weight)


def prune(weight: Tensor, share: float) -> Tensor:
    """Set a share of the entries, the smallest, to zero."""
    n = round(share * weight.numel())
    pruned = weight.flatten().clone()
    pruned[weight.abs().flatten().topk(n, largest=False).indices] = 0
    return pruned.view_as(weight)


def truncate(weight: Tensor, share: float) -> Tensor:
    """Take a share of the singular values, the smallest, out."""
    u, s, v = torch.linalg.svd(weight.float().flatten(1), full_matrices=False)
    kept = len(s) - round(share * len(s))
    lost = (u[:, kept:] * s[kept:]) @ v[kept:]
    return weight - lost.view_as(weight).to(weight)


def add_noise(weight: Tensor, size: float, generator: torch.Generator) -> Tensor:
    """Add a normal matrix of a size relative to the weight's own."""
    noise = torch.randn(weight.shape, generator=generator).to(weight.device)
    scale = size * weight.float().norm() / noise.norm()
    return weight + (noise * scale).to(weight)


@dataclass(frozen=True)
class WeightEdit:
    """What is done to every matrix; dose: levels, share removed, or relative size of the noise."""

    method: Method
    dose: float
    seed: int = 0

    def __str__(self) -> str:
        """Say the dose in words."""
        if self.method == "quantisation":
            return f"{2 * int(self.dose) + 1} levels, {np.log2(2 * self.dose + 1):.1f} bits"
        removed = {"pruning": "of the entries removed", "low rank": "of the rank removed", "noise": "of the norm added"}
        return f"{self.dose:.0%} {removed[self.method]}"

    def on(self, lm: LanguageModel, blocks: Sequence[int]) -> LanguageModel:
        """Copy a model with the matrices of some blocks edited."""
        copied = wrap(lm.name, copy.deepcopy(lm.module), lm.tokenizer, lm.prepend_bos)
        generator = torch.Generator().manual_seed(self.seed)
        edit: Mapping[Method, Callable[[Tensor], Tensor]] = {
            "quantisation": partial(quantise, levels=max(1, round(self.dose))),
            "pruning": partial(prune, share=self.dose),
            "low rank": partial(truncate, share=self.dose),
            "noise": partial(add_noise, size=self.dose, generator=generator),
        }
        with torch.no_grad():
            for weight in matrices(copied, blocks):
                weight.copy_(edit[self.method](weight))
        return copied


def matrices(lm: LanguageModel, blocks: Sequence[int]) -> list[Tensor]:
    """All weights with two dimensions or more of some blocks, their rows being output channels, once each.

    What is written into them is written into the model.
    """
    from transformers.pytorch_utils import Conv1D

    found: dict[int, Tensor] = {}
    for layer in blocks:
        for part in lm.blocks[layer].modules():
            for weight in part.parameters(recurse=False):
                if weight.ndim >= 2:
                    found.setdefault(id(weight), weight.T if isinstance(part, Conv1D) else weight)
    return list(found.values())


def relative_change(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    """Size of the difference relative to the weights, over all matrices together; 0 for none."""
    moved = sum(float((b.double() - a.double()).square().sum()) for b, a in zip(before, after, strict=True))
    return float(np.sqrt(moved / max(sum(float(b.double().square().sum()) for b in before), 1e-300)))


def at_change(lm: LanguageModel, blocks: Sequence[int], method: Method, change: float, seed: int = 0) -> WeightEdit:
    """Find the dose at which the matrices of some blocks change by a given relative size, as nearly as it can be had.

    Raises UsageError for a change that is not between 0 and 1, all that can be removed.
    """
    if not 0 < change < 1:
        raise UsageError(f"change {change}: expected a relative size between 0 and 1.")
    if method == "noise":
        return WeightEdit(method, change, seed)
    weights = matrices(lm, blocks)
    if method == "quantisation":
        return WeightEdit(method, _levels(weights, change), seed)
    removed = [_removed(weight, method) for weight in weights]
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        low, high = (share, high) if _share_change(removed, share) < change else (low, share)
    nearest = min((low, high), key=lambda share: abs(_share_change(removed, share) - change))
    return WeightEdit(method, nearest, seed)


def _levels(weights: Sequence[Tensor], change: float) -> int:
    """Find the number of levels whose change is nearest."""
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


def _removed(weight: Tensor, method: Method) -> Floats:
    """Squares of a matrix's parts, added up from the smallest (part + 1)."""
    flat = weight.double().flatten(1)
    parts = torch.linalg.svdvals(flat) if method == "low rank" else flat.flatten()
    return np.concatenate([[0.0], np.cumsum(np.sort(parts.square().cpu().numpy()))])


def _share_change(removed: Sequence[Floats], share: float) -> float:
    """Change that comes of taking a share of each matrix's parts out."""
    lost = sum(parts[round(share * (len(parts) - 1))] for parts in removed)
    return float(np.sqrt(lost / max(sum(parts[-1] for parts in removed), 1e-300)))


def thirds(n_layers: int) -> dict[str, list[int]]:
    """Divide the blocks by depth, as evenly as possible. Raises UsageError for fewer than three."""
    if n_layers < len(THIRDS):
        raise UsageError(f"the model has {n_layers} blocks, and {len(THIRDS)} are needed to compare thirds.")
    edges = [round(i * n_layers / len(THIRDS)) for i in range(len(THIRDS) + 1)]
    return {name: list(range(*edge)) for name, edge in zip(THIRDS, pairwise(edges), strict=True)}


def skip(lm: LanguageModel, blocks: Sequence[int]) -> LanguageModel:
    """Copy a model in which some blocks leave the stream as it is."""
    copied = wrap(lm.name, copy.deepcopy(lm.module), lm.tokenizer, lm.prepend_bos)
    for layer in blocks:
        block: Any = copied.blocks[layer]
        block.forward = partial(_unchanged, block.forward)
    return copied


def _unchanged(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Give a block's input in the place of its output, in the form in which the block gives it."""
    x = args[0] if args else kwargs["hidden_states"]
    output = forward(*args, **kwargs)
    return (x, *output[1:]) if isinstance(output, tuple) else x
