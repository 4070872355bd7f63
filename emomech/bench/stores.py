"""How long it takes to store the activations of many texts at all hook points, beside the forward pass alone.

The package reads all hook points in one pass and writes them to disk. SAELens's store runs the model once for each hook
point, up to it, so it is run for a few hook points and its time is given for all.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emomech.bench import deep
from emomech.bench.environments import SAELENS
from emomech.bench.interleaved import OURS, PLAIN, Entry, Processes, Turns
from emomech.bench.result import Heading, Result, results_of
from emomech.bench.worker import Prepared
from emomech.core.devices import tokens_at_once
from emomech.core.hook_points import HookPoint
from emomech.models.pool import TokenPool
from emomech.models.store import ActivationStore, Place
from emomech.models.store_writing import WIDTH
from emomech.models.tokens import batches, tokenize

TASK = "storing activations, all hook points"
TARGET = 1.15
"""Largest time, as a multiple of that of the bare forward pass."""
MEMORY_FACTOR = 1.1
"""Largest memory, as a multiple of what the bare forward pass holds (the model and one batch) and of one chunk."""
LENGTHS = tuple(range(8, 48, 8))
"""Lengths of the texts, in words."""


@dataclass(frozen=True)
class StoreSizes:
    """How much is stored."""

    n_texts: int
    n_turns: int


QUICK = StoreSizes(n_texts=40, n_turns=1)
FULL = StoreSizes(n_texts=100, n_turns=2)


def chunk_bytes(n_layers: int) -> int:
    """Bytes of the activations of one batch at all hook points, which a store holds until they are written."""
    return tokens_at_once("cpu") * n_layers * deep.SHAPE["hidden_size"] * WIDTH


def storing(processes: Processes, n_layers: int, sizes: StoreSizes) -> Iterator[Result]:
    """Store the texts' activations, on all cores; the case of the processes is one of `deep`."""
    texts = deep.sentences(sizes.n_texts, LENGTHS)
    n, layers = sum(len(text.split()) for text in texts), sorted({0, n_layers // 2, n_layers - 1})
    options, rows = {"n_texts": sizes.n_texts}, joined(texts)
    entries = [
        Entry(OURS, "store", options, n),
        Entry(PLAIN, "plain store", options, n),
        Entry(SAELENS, "store", {"rows": rows, "layers": layers}, sum(map(len, rows)) * len(layers) / n_layers),
    ]
    turns = Turns(sizes.n_turns, clock="wall", threads=os.cpu_count() or 1)
    note = "writing, reading back and dropping padding come on top of the pass, which needs no unembedding"
    heading = Heading(
        *(deep.SMOLLM, TASK, "token", note, 1 / TARGET),
        memory_factor=MEMORY_FACTOR,
        memory_beside=chunk_bytes(n_layers),
        whole=True,
    )
    others = {
        PLAIN: ("bare forward pass", ""),
        SAELENS: (
            "SAELens, its ActivationsStore",
            f"one pass for each hook point; run for {len(layers)} of {n_layers}",
        ),
    }
    yield from results_of(heading, processes.compare(entries, turns), others)


def joined(texts: Sequence[str]) -> list[list[int]]:
    """Join the tokens of texts to rows of the same length, as SAELens does; what is left at the end is dropped."""
    ids = [i for text in texts for i in (0, *(int(word.removeprefix("w")) for word in text.split()))]
    return [ids[start : start + deep.CONTEXT] for start in range(0, len(ids) - deep.CONTEXT + 1, deep.CONTEXT)]


def store(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Write all hook points and read them back; the answer is their first number (hook point)."""
    lm, texts = deep.model(folder), deep.sentences(options["n_texts"], LENGTHS)
    pool = TokenPool.read(lm, texts, most=10**9)
    points = [HookPoint(layer) for layer in range(lm.n_layers)]

    def call() -> list[float]:
        with ActivationStore.capture(lm, pool, points, Place()) as stored:
            return [float(x[0, 0]) for _, x in stored]

    return call, np.array


def bare_store(folder: Path, options: Mapping[str, Any]) -> Prepared:
    """Run the model on the same texts, in batches of similar length."""
    lm, texts = deep.model(folder), deep.sentences(options["n_texts"], LENGTHS)
    every = [batch.forward_kwargs() for batch in batches(tokenize(lm, texts), pad_id=lm.pad_id)]

    @torch.inference_mode()
    def call() -> None:
        for batch in every:
            lm.module(**batch, logits_to_keep=1)

    return call, lambda _: np.zeros(0)
