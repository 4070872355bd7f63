"""Activations to train on: few rare directions, the same files at every call, and shuffled batches of all rows."""

from itertools import islice
from pathlib import Path

import torch

from emomech.bench import activations


def test_activations_are_low_dimensional_for_their_number_and_reproducible(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        activations.write(tmp_path / folder, 3 * activations.BATCH, 512)
    x, held_out = activations.read(tmp_path / "a")
    assert torch.equal(x, activations.read(tmp_path / "b")[0])
    assert x.shape == (3 * activations.BATCH, activations.D_IN) and held_out.shape == (512, activations.D_IN)
    assert not torch.isin(held_out[:, 0], x[:, 0]).any()
    variance = torch.linalg.svdvals(x - x.mean(0)).square()
    assert variance[:64].sum() > 4 * 64 / activations.D_IN * variance.sum(), "frequent directions carry most"


def test_a_pass_has_every_row_once(tmp_path: Path) -> None:
    x = torch.arange(2.0 * activations.BATCH + 5)[:, None]
    first, second = (torch.cat(list(islice(activations.shuffled(x, seed), 2))) for seed in (0, 1))
    assert len(first.unique()) == 2 * activations.BATCH and not torch.equal(first, second)
