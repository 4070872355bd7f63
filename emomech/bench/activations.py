"""Activations that SAEs are trained on: sums of few of many directions, as the features of a language model are.

A direction fires more rarely the higher its number, as words do (Zipf's law), so that a training also meets features
that die. The files are read by peers in their own environments.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

D_IN, D_SAE, K, BATCH = 576, 2304, 32, 1024
N_DIRECTIONS = 4096
N_FIRING = 24
"""Directions of an activation."""
TRAINED, HELD_OUT = "trained.npy", "held_out.npy"
_NOISE = 0.05
"""Standard deviation of the noise in each dimension; that of the directions together is about 0.23."""


def write(folder: Path, n: int, n_held_out: int) -> None:
    """Write n activations to train on, and others to measure on, float32 (n, d_in)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((N_DIRECTIONS, D_IN), dtype=np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    rate = 1 / np.arange(4, N_DIRECTIONS + 4)
    centre = rng.standard_normal(D_IN, dtype=np.float32)
    for name, size in ((TRAINED, n), (HELD_OUT, n_held_out)):
        file = np.lib.format.open_memmap(folder / name, "w+", np.float32, (size, D_IN))
        for start in range(0, size, 4096):
            rows = min(4096, size - start)
            index = rng.choice(N_DIRECTIONS, (rows, N_FIRING), p=rate / rate.sum())
            value = rng.gamma(4.0, 0.25, (rows, N_FIRING)).astype(np.float32)
            noise = _NOISE * rng.standard_normal((rows, D_IN), dtype=np.float32)
            file[start : start + rows] = np.einsum("nk,nkd->nd", value, directions[index]) + centre + noise
        file.flush()


def read(folder: Path) -> tuple[Tensor, Tensor]:
    """Read the activations to train on, mapped from their file, and those to measure on (n, d_in)."""
    trained, held_out = np.load(folder / TRAINED, mmap_mode="c"), np.load(folder / HELD_OUT)
    return torch.from_numpy(trained), torch.from_numpy(held_out)


def shuffled(x: Tensor, seed: int = 0) -> Iterator[Tensor]:
    """Yield batches without end; each pass has every activation at most once, in the order that the package takes."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for rows in torch.randperm(len(x), generator=generator).split(BATCH):
            if len(rows) == BATCH:
                yield x[rows]
