"""dictionary_learning: its trainer of TopK SAEs, on activations that are already there."""

import sys
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from emomech.bench.activations import D_IN, D_SAE, K, read, shuffled
from emomech.bench.peers.quality import quality
from emomech.bench.worker import Prepared, serve


def _trainer() -> Any:
    """Import its trainer without torchvision, which transformers would take and which needs a torch for GPUs."""
    sys.modules.setdefault("torchvision", None)  # pyright: ignore[reportArgumentType]
    from dictionary_learning.trainers.top_k import TopKTrainer  # pyright: ignore[reportMissingImports]

    return TopKTrainer


TopKTrainer: Any = _trainer()


def train(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Train a TopK SAE; the answer is its quality on held-out activations (2)."""
    (x, held_out), n_steps = read(folder), options["n_steps"]
    sizes = {"activation_dim": D_IN, "dict_size": D_SAE, "k": K, "steps": n_steps}
    schedule = {"lr": 3e-3, "warmup_steps": 0, "decay_start": n_steps * 3 // 4}

    def call() -> Any:
        trainer: Any = TopKTrainer(**sizes, **schedule, layer=0, lm_name="none", seed=0, device="cpu")
        for step, batch in enumerate(islice(shuffled(x), n_steps)):
            trainer.update(step, batch)
        return trainer.ae

    return call, lambda sae: quality(sae.encode, sae.decode, held_out)


if __name__ == "__main__":
    serve({"train": train})
