"""How fast TopK SAEs are trained, beside the trainers of other libraries: the same activations, recipe and cores.

Each contender trains an SAE from the same start of its random numbers, and answers with its fraction of variance
unexplained and its share of dead features on activations that none of them was trained on.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emomech.bench import activations
from emomech.bench.activations import BATCH, D_SAE, K
from emomech.bench.environments import DICTIONARY_LEARNING, SAELENS, SPARSIFY
from emomech.bench.interleaved import OURS, Entry, Outcome, Processes, Turns
from emomech.bench.peers.quality import quality
from emomech.bench.result import Heading, Result, results_of
from emomech.bench.worker import Prepared

TASK, SUBJECT = "training a TopK SAE", "576 dimensions, 2,304 features"
TARGET = 3.0
"""Target of the ratio to SAELens's trainer."""
ALIKE = 0.02
"""Largest difference of the two measures of quality that counts as equal, as a share."""


@dataclass(frozen=True)
class TrainingSizes:
    """How long is trained."""

    n_steps: int
    n_pool: int
    """Activations that are trained on, again and again."""
    n_turns: int


QUICK = TrainingSizes(n_steps=32, n_pool=16 * BATCH, n_turns=1)
FULL = TrainingSizes(n_steps=160, n_pool=60 * BATCH, n_turns=1)
_N_HELD_OUT = 8192


def training(folder: Path, processes: Processes, sizes: TrainingSizes) -> Iterator[Result]:
    """Train with all trainers, on all cores; the first comparison is with SAELens's."""
    activations.write(folder, sizes.n_pool, _N_HELD_OUT)
    options, n = {"n_steps": sizes.n_steps}, sizes.n_steps * BATCH
    others = {
        SAELENS: ("SAELens, its trainer", ""),
        SPARSIFY: ("sparsify, its trainer's step", "signum, its default; other start and learning rate"),
        DICTIONARY_LEARNING: ("dictionary_learning, its trainer", "Adam with the same rate; dense"),
    }
    entries = [Entry(name, "train", options, n) for name in (OURS, *others)]
    turns = Turns(sizes.n_turns, warm_up=False, clock="wall", threads=os.cpu_count() or 1)
    outcomes = processes.on(folder).compare(entries, turns)
    note = "k of d_sae features fire: decoding and all gradients need their rows alone"
    heading = Heading(SUBJECT, TASK, "activation", note, TARGET, whole=True)
    for result, name in zip(results_of(heading, outcomes, others), others, strict=True):
        yield with_quality(result, outcomes[OURS], outcomes[name])


def with_quality(result: Result, own: Outcome, other: Outcome) -> Result:
    """Add the quality of both SAEs to the note; a target is met only if they are alike."""
    if own.answer is None or other.answer is None:
        return replace(result, difference=None)
    fvu, dead = zip(own.answer, other.answer, strict=True)
    text = f"variance unexplained {fvu[0]:.3f}, theirs {fvu[1]:.3f}; dead {dead[0]:.1%}, theirs {dead[1]:.1%}"
    alike = abs(fvu[0] - fvu[1]) <= ALIKE * fvu[1] and abs(dead[0] - dead[1]) <= ALIKE
    note = "; ".join(part for part in (text, result.note) if part)
    met = None if result.met is None else result.met and bool(alike)
    return replace(result, note=note, met=met, difference=None)


def train(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Train with the package's trainer; the answer is the quality on held-out activations (2)."""
    from emomech.saes.recipe import SaeRecipe
    from emomech.saes.topk_training import train_topk

    x, held_out = activations.read(folder)
    recipe = SaeRecipe(d_sae=D_SAE, k=K, n_tokens=options["n_steps"] * BATCH, batch=BATCH)
    return (lambda: train_topk(x, recipe)), lambda sae: quality(sae.encode, sae.decode, held_out)
