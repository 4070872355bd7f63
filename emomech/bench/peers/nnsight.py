"""nnsight with SAEs in the model's graph: attribution of all features and ablation of single ones.

Attribution follows sparse feature circuits (Marks et al., 2025, arXiv:2403.19647), reimplemented: SAEs are part of
the forward pass and their error is added back, the gradient flows past them, and the effect of a feature is its
gradient times the distance to its target.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nnsight as _nnsight
import numpy as np
import torch
from torch import Tensor

from emomech.bench import passes
from emomech.bench.inputs import Batch, Case, decode, encode, read
from emomech.bench.passes import Change
from emomech.bench.worker import Prepared, serve

nnsight: Any = _nnsight  # without nnsight, a type checker mistakes this file for it


def screen(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Estimate the effect of moving each feature of each layer to its mean, summed over tokens, mean over texts."""
    case = read(folder)
    model = nnsight.NNsight(case.module)
    targets = {point: torch.tensor(np.load(folder / f"{point}.npy")) for point in case.points}
    blocks = {point: model.transformer.h[int(point.split(".")[1])] for point in case.points}

    def call() -> dict[str, Tensor]:
        effects = {point: torch.zeros(len(targets[point])) for point in case.points}
        for batch in case.batches:
            features, slopes = _features_and_slopes(model, case, blocks, batch)
            for point in case.points:
                effect = (targets[point] - features[point]) * slopes[point]
                effects[point] += effect[batch.content].sum(0)
        return {point: effect / len(case.gold) for point, effect in effects.items()}

    return call, lambda effects: np.stack([effects[point].numpy() for point in case.points])


def _features_and_slopes(
    model: Any, case: Case, blocks: Mapping[str, Any], batch: Any
) -> tuple[dict[str, Tensor], Any]:
    """Return each SAE's features, and the gradient of the summed log-odds of the right label (batch, pos, d_sae)."""
    features = {}
    with torch.enable_grad():
        with model.trace(**batch.kwargs(), use_cache=False):
            leaves = nnsight.save({})
            for point, block in blocks.items():
                x, sae = block.output, case.saes[point]
                leaf = encode(sae, x).detach().requires_grad_()
                reconstruction = decode(sae, leaf)
                leaves[point] = leaf
                block.output = x + reconstruction - reconstruction.detach()
            logits = model.output.logits.save()
        labels = case.labels(logits, batch.rows)
        gold = case.gold[batch.rows][:, None]
        others = labels.scatter(1, gold, -torch.inf).logsumexp(1)
        log_odds = (labels.gather(1, gold)[:, 0] - others).sum()
        slopes = torch.autograd.grad(log_odds, list(leaves.values()))
    features = {point: leaf.detach() for point, leaf in leaves.items()}
    return features, dict(zip(leaves, slopes, strict=True))


def effects(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Move one feature after another to its target, at the last token or at every token."""
    case, point = read(folder), options["point"]
    model = nnsight.NNsight(case.module)
    block, sae = model.transformer.h[int(point.split(".")[1])], case.saes[point]
    edits = list(zip(options["features"], options["targets"], strict=True))

    @torch.no_grad()
    def loop() -> list[list[Tensor]]:
        return [[_ablated(batch, *edit) for batch in case.batches] for edit in edits]

    def _ablated(batch: Any, feature: int, target: float) -> Tensor:
        mask = torch.zeros_like(batch.content)
        mask[:, -1] = True
        mask = mask if options["where"] == "answer" else batch.content | mask
        with model.trace(**batch.kwargs(), use_cache=False):
            x = block.output
            features = encode(sae, x)
            error = x - decode(sae, features)
            moved = features.clone()
            moved[..., feature] = torch.where(mask, target, features[..., feature])
            block.output = decode(sae, moved) + error
            logits = model.output.logits.save()
        return case.labels(logits, batch.rows)

    return loop, case.by_text


class Traced:
    """The wrapped model with traces, as `passes.Model`."""

    def __init__(self, case: Case) -> None:
        self.model = nnsight.NNsight(case.module)

    def _block(self, point: str) -> Any:
        return self.model.model.layers[int(point.split(".")[1])]

    def forward(self, batch: Batch, changes: Mapping[str, Change]) -> Tensor:
        """Trace with changed outputs of blocks; all logits."""
        with self.model.trace(**batch.kwargs(), use_cache=False):
            for point, change in changes.items():
                block = self._block(point)
                block.output = change(block.output)
            logits = self.model.output.logits.save()
        return logits

    def read(self, batch: Batch, points: list[str]) -> Mapping[str, Tensor]:
        """Trace and save outputs of blocks."""
        with self.model.trace(**batch.kwargs(), use_cache=False):
            seen = nnsight.save({})
            for point in points:
                seen[point] = self._block(point).output
        return dict(seen)

    def slopes(
        self, batch: Batch, points: list[str], measure: Callable[[Tensor], Tensor]
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Trace, save outputs of blocks, and differentiate; the graph begins at the first of them."""
        with self.model.trace(**batch.kwargs(), use_cache=False):
            seen = nnsight.save({})
            for point in points:
                block = self._block(point)
                seen[point] = block.output if seen else block.output.detach().clone().requires_grad_()
                block.output = seen[point]
            logits = self.model.output.logits.save()
        slopes = torch.autograd.grad(measure(logits), [seen[point] for point in points])
        return {point: (seen[point].detach(), slope) for point, slope in zip(points, slopes, strict=True)}


def repeat(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Run the sampled passes of an analysis, of one kind."""
    return passes.prepare(Traced(read(folder)), folder, options)


if __name__ == "__main__":
    serve({"screen": screen, "effects": effects, "passes": repeat})
