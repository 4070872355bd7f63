"""SAELens with its HookedSAETransformer: features in its cache, features ablated one by one, and steered."""

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sae_lens import HookedSAETransformer, JumpReLUSAE, JumpReLUSAEConfig, TopKSAE, TopKSAEConfig
from sae_lens.saes.sae import SAEMetadata
from torch import Tensor
from transformer_lens import HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions.gpt2 import convert_gpt2_weights

from emomech.bench.inputs import Case, read
from emomech.bench.worker import Prepared, serve

FEATURES = "hook_sae_acts_post"


@cache
def hooked(case: Case) -> Any:
    """Make the SAELens model from the weights of the case."""
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
    model = HookedSAETransformer(config)
    model.load_state_dict(convert_gpt2_weights(case.module, config), strict=False)
    torch.nn.init.zeros_(model.unembed.b_U)
    return model.eval().requires_grad_(False)


def sae_of(point: str, weights: Mapping[str, Any]) -> Any:
    """Make the SAELens SAE from the weights of the case."""
    d_sae, d_in = weights["W_dec"].shape
    with torch.device("meta"):
        shared: dict[str, Any] = {"metadata": SAEMetadata(hook_name=point), "device": "meta"}
        if weights["k"]:
            sae: Any = TopKSAE(TopKSAEConfig(d_in, d_sae, k=weights["k"], **shared))
        else:
            sae = JumpReLUSAE(JumpReLUSAEConfig(d_in, d_sae, **shared))
    for name in ("W_enc", "W_dec", "b_enc", "b_dec", "threshold"):
        if name in weights:
            setattr(sae, name, torch.nn.Parameter(weights[name], requires_grad=False))
    return sae


def capture(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Run the model with all SAEs and keep their features; the answer is their sum per layer (layer)."""
    case = read(folder)
    model = hooked(case)
    saes = [sae_of(point, weights) for point, weights in case.saes.items()]

    @torch.no_grad()
    def call() -> list[dict[str, Tensor]]:
        return [
            model.run_with_cache_with_saes(
                batch.input_ids,
                saes=saes,
                use_error_term=True,
                attention_mask=batch.attention_mask,
                names_filter=lambda name: name.endswith(FEATURES),
            )[1]
            for batch in case.batches
        ]

    def answer(caches: list[dict[str, Tensor]]) -> np.ndarray:
        sums = [
            [float(activations[f"{point}.{FEATURES}"][batch.content].sum()) for point in case.points]
            for batch, activations in zip(case.batches, caches, strict=True)
        ]
        return np.sum(sums, axis=0)

    return call, answer


def effects(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Move one feature after another to its target, at the last token or at every token."""

    def move(features: Tensor, hook: object, mask: Tensor, edit: tuple[int, float]) -> Tensor:
        feature, target = edit
        features[..., feature] = torch.where(mask, target, features[..., feature])
        return features

    return _with_sae(folder, options, move, list(zip(options["features"], options["targets"], strict=True)))


def doses(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Multiply some features at every token, one dose after another."""

    def move(features: Tensor, hook: object, mask: Tensor, edit: float) -> Tensor:
        steered = features[..., options["features"]]
        features[..., options["features"]] = torch.where(mask[..., None], steered * (1 + edit), steered)
        return features

    return _with_sae(folder, options, move, options["doses"])


def _with_sae(folder: Path, options: Mapping[str, Any], move: Callable[..., Tensor], edits: list[Any]) -> Prepared:
    """Run the model once for each edit of the features at a hook point."""
    case, point = read(folder), options["point"]
    model = hooked(case)
    masks = [_mask(batch.content, options["where"]) for batch in case.batches]
    sae = sae_of(point, case.saes[point])

    @torch.no_grad()
    def loop() -> list[list[Tensor]]:
        model.add_sae(sae, use_error_term=True)
        logits = []
        for edit in edits:
            of_batches = []
            for batch, mask in zip(case.batches, masks, strict=True):
                hooks = [(f"{point}.{FEATURES}", partial(move, mask=mask, edit=edit))]
                masked = {"attention_mask": batch.attention_mask}
                every = model.run_with_hooks(batch.input_ids, fwd_hooks=hooks, **masked)
                of_batches.append(case.labels(every, batch.rows))
            logits.append(of_batches)
        model.reset_saes()
        return logits

    return loop, case.by_text


def _mask(content: Tensor, where: str) -> Tensor:
    """Where an edit applies (batch, pos)."""
    last = torch.zeros_like(content)
    last[:, -1] = True
    return last if where == "answer" else content | last


if __name__ == "__main__":
    serve({"capture": capture, "effects": effects, "doses": doses})
