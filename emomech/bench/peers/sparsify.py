"""EleutherAI's sparsify: the step of its trainer, with its defaults, on activations that are already there.

Its `Trainer` runs the language model itself, so the part that trains an SAE is written out here as it stands there:
SignSGD with momentum in a schedule-free wrapper, the fraction of variance unexplained as the loss.
"""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import schedulefree as _schedulefree  # pyright: ignore[reportMissingImports]
import sparsify as _sparsify
import torch
from sparsify import sign_sgd as _sign_sgd  # pyright: ignore[reportAttributeAccessIssue]
from torch import Tensor

from emomech.bench.activations import D_IN, D_SAE, K, read, shuffled
from emomech.bench.peers.quality import quality
from emomech.bench.worker import Prepared, serve

schedulefree: Any = _schedulefree  # without these libraries, a type checker mistakes this file for one of them
sparsify: Any = _sparsify
sign_sgd: Any = _sign_sgd


def train(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Train a TopK SAE; the answer is its quality on held-out activations (2)."""
    x, held_out = read(folder)

    def call() -> Any:
        torch.manual_seed(0)
        sae: Any = sparsify.SparseCoder(
            D_IN, sparsify.SparseCoderConfig(num_latents=D_SAE, k=K), "cpu", dtype=torch.float32
        )
        rate = 5e-3 / (D_SAE / 2**14) ** 0.5
        optimizer: Any = schedulefree.ScheduleFreeWrapper(sign_sgd.SignSGD(sae.parameters(), lr=rate), momentum=0.95)
        optimizer.train()
        for step, batch in enumerate(islice(shuffled(x), options["n_steps"])):
            if step == 0:
                sae.b_dec.data = batch.mean(0)
            sae.set_decoder_norm_to_unit_norm()
            sae(batch).fvu.backward()
            sae.remove_gradient_parallel_to_decoder_directions()
            optimizer.step()
            optimizer.zero_grad()
        optimizer.eval()
        return sae

    return call, lambda sae: quality(
        lambda rows: _encode(sae, rows), lambda rows: rows @ sae.W_dec + sae.b_dec, held_out
    )


def _encode(sae: Any, x: Tensor) -> Tensor:
    """All features (n, d_sae); sparsify gives those that fire."""
    values, index, _ = sae.encode(x)
    return torch.zeros(len(x), D_SAE).scatter(1, index, values)


if __name__ == "__main__":
    serve({"train": train})
