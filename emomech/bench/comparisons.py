"""The comparisons: which tasks are timed, against which implementations, and the targets.

The function of a task yields one `Result` per other implementation, the plain way first.
"""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import scipy.sparse as sp

from emomech.bench import ours
from emomech.bench.bounds import bound
from emomech.bench.environments import LENS, NNSIGHT, SAELENS, SKLEARN
from emomech.bench.interleaved import OURS, PLAIN, Entry, Outcome, Processes
from emomech.bench.result import Heading, Result, bounded, results_of
from emomech.bench.workloads import L0, N_LABELS, Workload
from emomech.causal.feature_stats import FeatureStats
from emomech.core import origin

DOSES = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
CAPTURE = "encoding, all layers"
MEMORY_FACTOR = 1.1
"""Target of memory, as a multiple of that of the plain way: the model, one SAE and one batch."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of the measurements."""

    n_texts: int
    n_answer: int
    """Features that are ablated one by one at the answer."""
    n_everywhere: int
    """Features that are ablated one by one at every token."""
    n_slow: int
    """Features for which the slow implementations are run; their time is per feature."""
    n_turns: int


QUICK = Sizes(n_texts=2, n_answer=64, n_everywhere=4, n_slow=1, n_turns=1)
FULL = Sizes(n_texts=4, n_answer=192, n_everywhere=8, n_slow=1, n_turns=4)


def capture(workload: Workload, processes: Processes, rate: float) -> Iterator[Result]:
    """Read and encode all layers, against the bare forward pass and the bare matrix products."""
    n = sum(map(len, workload.questions.positions("everywhere")))
    outcomes = processes.compare(
        [
            Entry(OURS, "capture", n_units=n),
            Entry(PLAIN, "plain capture", n_units=n),
            Entry(SAELENS, "capture", n_units=n),
        ]
    )
    share = operations(workload, 1, 1) / _seconds(outcomes) / rate
    note = "reading, thresholds and sparse storage come on top of the products"
    heading = Heading(workload.name, CAPTURE, "token", note, 1 / 1.25, share, MEMORY_FACTOR)
    others = {
        PLAIN: ("bare forward pass and products", ""),
        SAELENS: ("SAELens, run with cache", "features kept dense"),
    }
    yield from results_of(heading, outcomes, others)


def screen(workload: Workload, processes: Processes, rate: float) -> Iterator[Result]:
    """Attribute all features of all layers, against one forward and backward pass, and SAEs in the graph of nnsight."""
    n = sum(map(len, workload.questions.positions("everywhere")))
    outcomes = processes.compare(
        [
            Entry(OURS, "screen", n_units=n),
            Entry(PLAIN, "plain screen", n_units=n),
            Entry(NNSIGHT, "screen", n_units=n),
        ]
    )
    share = operations(workload, 2, 1) / _seconds(outcomes) / rate
    note = "encoding of all layers comes on top of the passes; the gradient meets the features that fire"
    heading = Heading(workload.name, "attribution, every feature, all layers", "token", note, None, share)
    others = {
        PLAIN: ("one forward and backward pass", ""),
        NNSIGHT: ("nnsight, SAEs in the graph", "as in sparse feature circuits; all layers' features at once"),
    }
    yield from results_of(heading, outcomes, others)


def effects(workload: Workload, processes: Processes, sizes: Sizes) -> Iterator[Result]:
    """Ablate features one by one: at the answer, at every token to zero and to the mean, and after the last block."""
    name, middle, last = workload.name, workload.middle, workload.last
    stats = workload.feature_stats([middle, last])
    n_behind = workload.lm.n_layers - middle.resid_index()
    share = f"{n_behind} of {workload.lm.n_layers} blocks are behind the edit"
    features = workload.draw_features(stats[middle], sizes.n_answer)
    options = {"point": str(middle), "where": "answer"} | moves_to_mean(stats[middle], features)
    note = f"only the edited token is run; {share}"
    heading = Heading(name, "mean ablation, at the answer, middle layer", "feature", note, 20)
    yield from _effects(heading, processes, options, sizes, peers=True)
    features = features[: sizes.n_everywhere]
    options |= {"where": "everywhere", "features": features, "targets": [0.0] * len(features)}
    note = f"texts without the feature, and tokens before it, are not run; {share}"
    heading = bounded(name, "zero ablation, at every token, middle layer", "feature", note, _bound(workload, options))
    yield from _effects(heading, processes, options, sizes, peers=True)
    options |= moves_to_mean(stats[middle], features)
    note = f"every token changes, so only the blocks before the edit are saved: {share}, the last for the answer only"
    heading = bounded(name, "mean ablation, at every token, middle layer", "feature", note, _bound(workload, options))
    yield from _effects(heading, processes, options, sizes)
    features = workload.draw_features(stats[last], sizes.n_answer)
    options = {"point": str(last), "where": "answer"} | moves_to_mean(stats[last], features)
    note = "final norm and the labels' rows of the unembedding, no block"
    heading = Heading(name, "mean ablation, at the answer, last layer", "feature", note)
    yield from _effects(heading, processes, options, sizes)


def _bound(workload: Workload, options: Mapping[str, Any]) -> float:
    return bound(workload, ours.moves_of(workload, options))


def moves_to_mean(stats: FeatureStats, features: list[int]) -> dict[str, Any]:
    """Options of a task that moves each feature to its mean."""
    return {"features": features, "targets": stats.features[features].tolist()}


def _effects(
    heading: Heading, processes: Processes, options: Mapping[str, Any], sizes: Sizes, peers: bool = False
) -> Iterator[Result]:
    few = {**options, **{name: options[name][: sizes.n_slow] for name in ("features", "targets")}}
    others = {PLAIN: ("one forward pass per feature", "")}
    if peers:
        others |= {SAELENS: ("SAELens, one run per feature", "SAE and its error in the model")}
        others |= {NNSIGHT: ("nnsight, one trace per feature", "SAE and its error in the trace")}
    entries = [Entry(OURS, "effects", options, len(options["features"]))]
    entries += [Entry(name, "plain effects" if name == PLAIN else "effects", few, sizes.n_slow) for name in others]
    yield from results_of(heading, processes.compare(entries), others)


def doses(workload: Workload, processes: Processes) -> Iterator[Result]:
    """Steer by several features of the middle layer, one dose after another."""
    stats = workload.feature_stats([workload.middle])[workload.middle]
    features, n = workload.draw_features(stats, 8), len(DOSES)
    options = {"point": str(workload.middle), "features": features, "doses": list(DOSES), "where": "everywhere"}
    others = {
        PLAIN: ("one forward pass per dose", ""),
        SAELENS: ("SAELens, one run per dose", "SAE and its error in the model"),
    }
    entries = [
        Entry(OURS, "doses", options, n),
        Entry(PLAIN, "plain doses", options, n),
        Entry(SAELENS, "doses", options, n),
    ]
    note = f"{len(features)} features are multiplied at every token; the blocks before the edit are run once"
    limit = bound(workload, ours.doses_of(workload, options))
    heading = bounded(workload.name, "steering, a sweep of doses, middle layer", "dose", note, limit)
    yield from results_of(heading, processes.compare(entries), others)


def patching(workload: Workload, processes: Processes) -> Iterator[Result]:
    """Patch the activation at the answer, one layer after another."""
    n = len(workload.saes)
    outcomes = processes.compare([Entry(OURS, "patching", n_units=n), Entry(LENS, "patching", n_units=n)])
    note = "one whole forward pass per layer, as TransformerLens does"
    heading = Heading(workload.name, "patching, at the answer, every layer", "layer", note)
    yield from results_of(heading, outcomes, {LENS: ("TransformerLens, one run per layer", "")})


def scores(processes: Processes, sizes: Sizes, n: int = 5000, d_sae: int = 16384) -> Iterator[Result]:
    """Score all features for all emotions: AUROC, effect size, and a permutation null."""
    features = write_random_features(processes.case, 4 * sizes.n_slow, n, d_sae)
    task = f"scores of {d_sae:,} features, {N_LABELS} emotions, {n:,} texts"
    entries = [
        Entry(OURS, "scores", {"features": features}),
        Entry(SKLEARN, "scores", {"features": features}, len(features) / d_sae),
    ]
    outcomes = processes.compare(entries)
    own, note = _seconds(outcomes), "AUROC, effect size, and 20 permutations"
    yield Result("random features", task, "layer", own, "none", "none", 1.0, own < 1, note)
    heading = Heading("random features", task, "layer", f"AUROC alone, from {len(features)} features")
    yield from results_of(heading, outcomes, {SKLEARN: ("scikit-learn, a loop", "")})


def write_random_features(folder: Path, n_frequent: int, n: int, d_sae: int) -> list[int]:
    """Write features that fire as often as those of public SAEs, and labels; return the most frequent features."""
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.3, size=d_sae)
    column = rng.choice(d_sae, n * L0, p=rate / rate.sum())
    value = rng.integers(1, 1000, n * L0).astype(float)
    features = sp.csr_array((value, (np.repeat(np.arange(n), L0), column)), shape=(n, d_sae))
    folder.mkdir(parents=True, exist_ok=True)
    sp.save_npz(folder / "features.npz", features)
    np.save(folder / "member.npy", rng.integers(0, N_LABELS, n)[:, None] == np.arange(N_LABELS))
    return np.argsort(-rate)[:n_frequent].tolist()


def start(sizes: Sizes) -> Iterator[Result]:
    """Start the command line and list all presets."""
    seconds = []
    for _ in range(sizes.n_turns + 1):
        before = _children_seconds()
        command = [sys.executable, "-P", "-m", "emomech", "list"]
        subprocess.run(command, env=os.environ | origin.environment(), capture_output=True, check=True)
        seconds.append(_children_seconds() - before)
    own = median(seconds[1:])
    yield Result("command line", "emomech list", "call", own, "none", "none", 0.5, own < 0.5, "lists all presets")


def operations(workload: Workload, n_passes: int, n_products: int) -> int:
    """Floating-point operations per token of `n_passes` through all blocks and `n_products` with every encoder."""
    blocks = sum(w.numel() for block in workload.lm.blocks for w in block.parameters() if w.ndim == 2)
    return 2 * n_passes * blocks + 2 * n_products * sum(sae.W_enc.numel() for sae in workload.saes.values())


def _seconds(outcomes: Mapping[str, Outcome]) -> float:
    seconds = outcomes[OURS].seconds
    assert isinstance(seconds, float)
    return seconds


def _children_seconds() -> float:
    """Processor time of all finished child processes, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
