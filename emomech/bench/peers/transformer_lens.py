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
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights

from emomech.bench.case import Case
from emomech.bench.worker import Prepared, serve


def hooked(case: Case, kind: type[HookedTransformer] = HookedTransformer) -> Any:
    """Make TransformerLens's model of the case's weights."""
    lm = case.module.config
    shape: dict[str, Any] = {
        "n_layers": lm.n_layer,
        "d_model": lm.n_embd,
        "n_ctx": lm.n_positions,
        "n_heads": lm.n_head,
        "d_head": lm.n_embd // lm.n_head,
        "d_mlp": 4 * lm.n_embd,
        "d_vocab": lm.vocab_size,
    }
    act = {"act_fn": lm.activation_function, "normalization_type": "LN", "eps": lm.layer_norm_epsilon}
    config = HookedTransformerConfig(**shape, **act, init_weights=False, default_prepend_bos=False)
    model = kind(config)
    model.load_state_dict(convert_gpt2_weights(case.module, config), strict=False)
    torch.nn.init.zeros_(model.unembed.b_U)
    return model.eval().requires_grad_(False)


def patching(folder: Path, given: Mapping[str, Any]) -> Prepared:
    """Put the next text's activation in the place of each text's, at the answer, one hook point after another."""
    case = Case.read(folder)
    model, points = hooked(case), case.points

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
