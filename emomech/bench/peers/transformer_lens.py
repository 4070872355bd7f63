"""TransformerLens: activation patching, as its `patching.generic_activation_patch` does it.

That function takes no attention mask, which texts of different lengths need, so its loop is written out here.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoTokenizer

from emomech.bench.inputs import Case, read, words
from emomech.bench.worker import Prepared, serve


def bridge(case: Case) -> Any:
    """Make the TransformerLens model from the weights of the case; it needs a tokenizer that is read from a folder."""
    saved = str(case.folder / "tokenizer")
    words(case.module.config.vocab_size).save_pretrained(saved)
    tokenizer = AutoTokenizer.from_pretrained(saved)
    return TransformerBridge.boot_transformers("gpt2", hf_model=case.module, tokenizer=tokenizer, device="cpu")


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


if __name__ == "__main__":
    serve({"patching": patching})
