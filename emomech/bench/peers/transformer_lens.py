"""TransformerLens: the passes of analyses, and patching as its `patching.generic_activation_patch` does it.

That function takes no attention mask, which texts of different lengths need, so its loop is written out here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer

from emomech.bench import passes
from emomech.bench.inputs import Batch, Case, read, words
from emomech.bench.passes import Change
from emomech.bench.worker import Prepared, serve


def bridge(case: Case) -> Any:
    """Make the TransformerLens model from the weights of the case; it needs a tokenizer that is read from a folder."""
    saved = str(case.folder / "tokenizer")
    words(case.module.config.vocab_size).save_pretrained(saved)
    tokenizer = AutoTokenizer.from_pretrained(saved)
    name = case.module.config.model_type
    return TransformerBridge.boot_transformers(name, hf_model=case.module, tokenizer=tokenizer, device="cpu")


def patching(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Replace the activation of each text at the answer by that of the next text, one hook point after another."""
    case = read(folder)
    points, model = case.points, bridge(case)

    def put(x: Tensor, hook: object, value: Tensor) -> Tensor:
        x[:, -1] = value
        return x

    @torch.no_grad()
    def loop() -> list[list[Tensor]]:
        values = {point: torch.empty(len(case.gold), model.cfg.d_model) for point in points}
        for batch in case.batches:
            _, cache = model.run_with_cache(
                batch.input_ids, attention_mask=batch.attention_mask, names_filter=lambda name: name in points
            )
            for point in points:
                values[point][batch.rows] = cache[point][:, -1]
        logits = []
        for point in points:
            donors, of_batches = values[point].roll(-1, 0), []
            for batch in case.batches:
                hooks = [(point, partial(put, value=donors[batch.rows]))]
                masked = {"attention_mask": batch.attention_mask}
                every = model.run_with_hooks(batch.input_ids, fwd_hooks=hooks, **masked)
                of_batches.append(case.labels(every, batch.rows))
            logits.append(of_batches)
        return logits

    return loop, case.by_text


class Lens:
    """The bridge with hooks, as `passes.Model`."""

    def __init__(self, case: Case) -> None:
        self.model = bridge(case)

    def forward(self, batch: Batch, changes: Mapping[str, Change]) -> Tensor:
        """Run with hooks that change activations; all logits."""
        hooks = [(point, lambda x, hook, change=change: change(x)) for point, change in changes.items()]
        return self.model.run_with_hooks(batch.input_ids, fwd_hooks=hooks, attention_mask=batch.attention_mask)

    def read(self, batch: Batch, points: list[str]) -> Mapping[str, Tensor]:
        """Run with a cache of the hook points."""
        masked = {"attention_mask": batch.attention_mask}
        return self.model.run_with_cache(batch.input_ids, names_filter=lambda name: name in points, **masked)[1]

    def slopes(
        self, batch: Batch, points: list[str], measure: Callable[[Tensor], Tensor]
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Run with hooks that keep activations, and differentiate; the graph begins at the first of them."""
        kept: dict[str, Tensor] = {}

        def keep(x: Tensor, hook: object, point: str) -> Tensor:
            kept[point] = x if kept else x.detach().clone().requires_grad_()
            return kept[point]

        hooks = [(point, partial(keep, point=point)) for point in points]
        logits = self.model.run_with_hooks(batch.input_ids, fwd_hooks=hooks, attention_mask=batch.attention_mask)
        slopes = torch.autograd.grad(measure(logits), [kept[point] for point in points])
        return {point: (kept[point].detach(), slope) for point, slope in zip(points, slopes, strict=True)}


def repeat(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Run the sampled passes of an analysis, of one kind."""
    return passes.prepare(Lens(read(folder)), folder, options)


if __name__ == "__main__":
    serve({"patching": patching, "passes": repeat})
