"""SAELens: features in the cache of its model, features ablated one by one and steered, SAEs trained, a store read."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sae_lens import (
    JumpReLUSAE,
    JumpReLUSAEConfig,
    LoggingConfig,
    TopKSAE,
    TopKSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
)
from sae_lens.config import SAETrainerConfig
from sae_lens.saes.sae import SAEMetadata
from sae_lens.training.activations_store import ActivationsStore
from sae_lens.training.sae_trainer import SAETrainer
from torch import Tensor

from emomech.bench import activations
from emomech.bench.inputs import read
from emomech.bench.peers.hooked import hooked
from emomech.bench.peers.quality import quality
from emomech.bench.worker import Prepared, serve

FEATURES = "hook_sae_acts_post"
_ROWS = 4
"""Rows that the store runs at once."""


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


def train(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Train a TopK SAE by the recipe of the package; the answer is its quality on held-out activations (2)."""
    (x, held_out), n_steps = activations.read(folder), options["n_steps"]
    sizes = {"d_in": x.shape[1], "d_sae": activations.D_SAE, "k": activations.K}

    def call() -> Any:
        torch.manual_seed(0)
        scaled: dict[str, Any] = {"normalize_activations": "expected_average_only_in", "apply_b_dec_to_input": True}
        sae = TopKTrainingSAE(TopKTrainingSAEConfig(**sizes, **scaled, device="cpu"))
        sae.b_dec.data = x.mean(0) * (x.shape[1] ** 0.5 / x.norm(dim=-1).mean())
        schedule = SAETrainerConfig(
            total_training_samples=n_steps * activations.BATCH,
            train_batch_size_samples=activations.BATCH,
            lr=3e-3,
            lr_end=3e-4,
            lr_decay_steps=n_steps // 4,
            device="cpu",
            dead_feature_window=50,
            n_batches_for_norm_estimate=32,
            logger=LoggingConfig(log_to_wandb=False),
        )
        return SAETrainer(cfg=schedule, sae=sae, data_provider=activations.shuffled(x)).fit()

    return call, lambda sae: quality(sae.encode, sae.decode, held_out)


def store(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Read the activations of the texts at some hook points, one after another; no answer.

    Its store joins texts to rows of the same length, so that there is no padding.
    """
    model, rows = hooked(read(folder)), options["rows"]
    sizes = {"context_size": len(rows[0]), "d_in": model.cfg.d_model, "n_batches_in_buffer": 8}
    batches = {"total_training_tokens": 1, "store_batch_size_prompts": _ROWS, "train_batch_size_tokens": 1024}
    texts = {
        "dataset": [{"tokens": row} for row in rows],
        "streaming": False,
        "hook_head_index": None,
        "prepend_bos": False,
    }
    numbers = {"normalize_activations": "none", "device": torch.device("cpu"), "dtype": "float32"}

    def call() -> None:
        for layer in options["layers"]:
            every: Any = {**sizes, **batches, **texts, **numbers, "hook_name": f"blocks.{layer}.hook_resid_post"}
            of_layer, kept = ActivationsStore(model, **every), []
            for _ in range(-(-len(rows) // _ROWS)):
                kept.append(of_layer.get_filtered_llm_batch())

    return call, lambda _: np.zeros(0)


def _mask(content: Tensor, where: str) -> Tensor:
    """Where an edit applies (batch, pos)."""
    last = torch.zeros_like(content)
    last[:, -1] = True
    return last if where == "answer" else content | last


if __name__ == "__main__":
    serve({"capture": capture, "effects": effects, "doses": doses, "train": train, "store": store})
