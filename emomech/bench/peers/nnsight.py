"""nnsight with SAEs in the model's graph: attribution of all features and ablation of single ones.

The procedure is that of sparse feature circuits (Marks et al., 2025, arXiv:2403.19647), written anew: SAEs stand in the
forward pass, their error is passed on, the gradient passes through where they stand, and the effect of a feature is its
gradient times the move that is asked about.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nnsight as _nnsight
import numpy as np
import torch
from torch import Tensor

from emomech.bench.inputs import Case, decode, encode, read
from emomech.bench.worker import Prepared, serve

nnsight: Any = _nnsight  # without nnsight, a type checker takes this file for it


def screen(folder: Path, given: Mapping[str, Any]) -> Prepared:
    """Estimate the effect of taking each feature of each layer to its mean, summed over tokens, mean over texts."""
    case = read(folder)
    model = nnsight.NNsight(case.module)
    targets = {point: torch.tensor(np.load(folder / f"{point}.npy")) for point in case.points}
    blocks = {point: model.transformer.h[int(point.split(".")[1])] for point in case.points}

    def call() -> dict[str, Tensor]:
        found = {point: torch.zeros(len(targets[point])) for point in case.points}
        for batch in case.batches:
            features, slopes = _of_batch(model, case, blocks, batch)
            for point in case.points:
                moved = (targets[point] - features[point]) * slopes[point]
                found[point] += moved[batch.content].sum(0)
        return {point: effect / len(case.gold) for point, effect in found.items()}

    return call, lambda found: np.stack([found[point].numpy() for point in case.points])


def _of_batch(model: Any, case: Case, blocks: Mapping[str, Any], batch: Any) -> tuple[dict[str, Tensor], Any]:
    """Features of each SAE, and the gradient of the summed log-odds with respect to them (batch, pos, d_sae)."""
    features = {}
    with torch.enable_grad():
        with model.trace(**batch.kwargs(), use_cache=False):
            kept = nnsight.save({})
            for point, block in blocks.items():
                x, sae = block.output, case.saes[point]
                now = encode(sae, x).detach().requires_grad_()
                rebuilt = decode(sae, now)
                kept[point] = now
                block.output = x + rebuilt - rebuilt.detach()
            logits = model.output.logits.save()
        labels = case.labels(logits, batch.rows)
        own = case.gold[batch.rows][:, None]
        others = labels.scatter(1, own, -torch.inf).logsumexp(1)
        total = (labels.gather(1, own)[:, 0] - others).sum()
        slopes = torch.autograd.grad(total, list(kept.values()))
    features = {point: now.detach() for point, now in kept.items()}
    return features, dict(zip(kept, slopes, strict=True))


def effects(folder: Path, given: Mapping[str, Any]) -> Prepared:
    """Move one feature after another to its target, at the last token or at all."""
    case, point = read(folder), given["point"]
    model = nnsight.NNsight(case.module)
    block, sae = model.transformer.h[int(point.split(".")[1])], case.saes[point]
    edits = list(zip(given["features"], given["targets"], strict=True))

    @torch.no_grad()
    def loop() -> list[list[Tensor]]:
        return [[_ablated(batch, *edit) for batch in case.batches] for edit in edits]

    def _ablated(batch: Any, feature: int, target: float) -> Tensor:
        place = torch.zeros_like(batch.content)
        place[:, -1] = True
        place = place if given["where"] == "answer" else batch.content | place
        with model.trace(**batch.kwargs(), use_cache=False):
            x = block.output
            now = encode(sae, x)
            error = x - decode(sae, now)
            moved = now.clone()
            moved[..., feature] = torch.where(place, target, now[..., feature])
            block.output = decode(sae, moved) + error
            logits = model.output.logits.save()
        return case.labels(logits, batch.rows)

    return loop, case.by_text


if __name__ == "__main__":
    serve({"screen": screen, "effects": effects})
