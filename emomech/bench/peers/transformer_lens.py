"""TransformerLens's model, and activation patching as its `patching.generic_activation_patch` does it.

That function takes no attention mask, which texts of different lengths need; so its loop is written out here.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer

from emomech.bench.inputs import Case, read, words
from emomech.bench.worker import Prepared, serve


def bridge(case: Case) -> Any:
    """Make TransformerLens's model of the case's weights; it reads its tokenizer again from where it was saved."""
    place = str(case.folder / "tokenizer")
    words(case.module.config.vocab_size).save_pretrained(place)
    tokenizer = AutoTokenizer.from_pretrained(place)
    return TransformerBridge.boot_transformers("gpt2", hf_model=case.module, tokenizer=tokenizer, device="cpu")


def patching(folder: Path, given: Mapping[str, Any]) -> Prepared:
    """Put the next text's activation in the place of each text's, at the answer, one hook point after another."""
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
        found = []
        for point in points:
            other, parts = values[point].roll(-1, 0), []
            for batch in case.batches:
                hooks = [(point, partial(put, value=other[batch.rows]))]
                masked = {"attention_mask": batch.attention_mask}
                logits = model.run_with_hooks(batch.input_ids, fwd_hooks=hooks, **masked)
                parts.append(case.labels(logits, batch.rows))
            found.append(parts)
        return found

    def answer(found: list[list[Tensor]]) -> np.ndarray:
        return case.by_text(found)

    return loop, answer


if __name__ == "__main__":
    serve({"patching": patching})
