"""SAELens's HookedSAETransformer: features in its cache, features ablated one by one, and steered."""

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
    """Make SAELens's model of the case's weights."""
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


def sae_of(point: str, own: Mapping[str, Any]) -> Any:
    """Make SAELens's SAE of the case's weights."""
    d_sae, d_in = own["W_dec"].shape
    with torch.device("meta"):
        shared: dict[str, Any] = {"metadata": SAEMetadata(hook_name=point), "device": "meta"}
        if own["k"]:
            found: Any = TopKSAE(TopKSAEConfig(d_in, d_sae, k=own["k"], **shared))
        else:
            found = JumpReLUSAE(JumpReLUSAEConfig(d_in, d_sae, **shared))
    for name in ("W_enc", "W_dec", "b_enc", "b_dec", "threshold"):
        if name in own:
            setattr(found, name, torch.nn.Parameter(own[name], requires_grad=False))
    return found


def capture(folder: Path, given: Mapping[str, Any]) -> Prepared:
    """Run the model with all SAEs, and keep their features."""
    case = read(folder)
    model = hooked(case)
    saes = [sae_of(point, one) for point, one in case.saes.items()]

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

    def answer(found: list[dict[str, Tensor]]) -> np.ndarray:
        sums = [
            [float(cache[f"{point}.{FEATURES}"][batch.content].sum()) for point in case.points]
            for batch, cache in zip(case.batches, found, strict=True)
        ]
        return np.sum(sums, axis=0)

    return call, answer


def effects(folder: Path, given: Mapping[str, Any]) -> Prepared:
    """Move one feature after another to its target, at the last token or at all."""

    def moved(features: Tensor, hook: object, place: Tensor, edit: tuple[int, float]) -> Tensor:
        feature, target = edit
        features[..., feature] = torch.where(place, target, features[..., feature])
        return features

    return _with_sae(folder, given, moved, list(zip(given["features"], given["targets"], strict=True)))


def doses(folder: Path, given: Mapping[str, Any]) -> Prepared:
    """Multiply some features at every token, one dose after another."""

    def moved(features: Tensor, hook: object, place: Tensor, edit: float) -> Tensor:
        some = features[..., given["features"]]
        features[..., given["features"]] = torch.where(place[..., None], some * (1 + edit), some)
        return features

    return _with_sae(folder, given, moved, given["doses"])


def _with_sae(folder: Path, given: Mapping[str, Any], moved: Callable[..., Tensor], edits: list[Any]) -> Prepared:
    """Run the model once for each edit of the features at a hook point."""
    case, point = read(folder), given["point"]
    model = hooked(case)
    places = [_places(batch.content, given["where"]) for batch in case.batches]
    sae = sae_of(point, case.saes[point])

    @torch.no_grad()
    def loop() -> list[list[Tensor]]:
        model.add_sae(sae, use_error_term=True)
        found = []
        for edit in edits:
            parts = []
            for batch, place in zip(case.batches, places, strict=True):
                hooks = [(f"{point}.{FEATURES}", partial(moved, place=place, edit=edit))]
                masked = {"attention_mask": batch.attention_mask}
                parts.append(case.labels(model.run_with_hooks(batch.input_ids, fwd_hooks=hooks, **masked), batch.rows))
            found.append(parts)
        model.reset_saes()
        return found

    return loop, case.by_text


def _places(content: Tensor, where: str) -> Tensor:
    last = torch.zeros_like(content)
    last[:, -1] = True
    return last if where == "answer" else content | last


if __name__ == "__main__":
    serve({"capture": capture, "effects": effects, "doses": doses})
