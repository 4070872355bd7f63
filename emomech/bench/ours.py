"""The implementations of this package: every task as a user would run it, and in the plain way.

The plain way is the straightforward one: one forward pass per edit, or only the passes and matrix products that the
task needs. Like the peers, the module is run as a program in its own process.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from emomech.bench.analyses import analysis, plain_passes
from emomech.bench.stores import bare_store, store
from emomech.bench.training import train
from emomech.bench.worker import Prepared, serve
from emomech.bench.workloads import Workload, load
from emomech.causal.attribution import attribute, gradients
from emomech.causal.effects import logits_of_each, logits_without_each
from emomech.causal.patching import patched
from emomech.causal.questions import Edits
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.models.hooks import capture as read_points
from emomech.saes.edits import MoveFeatures
from emomech.saes.encoding import encode, firing
from emomech.stats.ranks import Ranks, effect_sizes
from emomech.stats.selectivity import Selectivity, Strata

Options = Mapping[str, Any]
_ROWS = 512
"""Activations per matrix product, as in `saes.encoding.encode`."""


def capture(workload: Workload, options: Options) -> Prepared:
    """Read and encode all layers; the answer is the sum of all features per layer (layer)."""
    lm, questions, saes = workload.lm, workload.questions, workload.saes
    positions = questions.positions("everywhere")

    def call() -> list[sp.csr_array]:
        activations = collect(lm, list(saes), questions.texts, positions)
        return [encode(saes[point], x) for point, x in activations.items()]

    return call, lambda layers: np.array([features.sum() for features in layers])


def capture_on_device(workload: Workload, options: Options) -> Prepared:
    """As `capture`, with the features left on the device: row, number and value of each that fires."""
    lm, saes = workload.lm, workload.saes
    batches = workload.questions.batches("everywhere")

    @torch.inference_mode()
    def call() -> list[list[torch.Tensor]]:
        fires: dict[HookPoint, list[tuple[torch.Tensor, ...]]] = {point: [] for point in saes}
        for batch, mask in batches:
            with read_points(lm, list(saes)) as seen:
                lm.module(**batch.forward_kwargs(), logits_to_keep=1)
            for point, x in seen.items():
                fires[point].append(firing(saes[point], x[mask].float()))
        return [[torch.cat(parts) for parts in zip(*of_point, strict=True)] for of_point in fires.values()]

    return call, lambda layers: np.array([float(value.double().sum()) for _, _, value in layers])


def bare_capture(workload: Workload, options: Options) -> Prepared:
    """Run the model, and multiply the same number of activations by each encoder."""
    batches = [batch.forward_kwargs() for batch, _ in workload.questions.batches("everywhere")]
    n = sum(map(len, workload.questions.positions("everywhere")))

    @torch.inference_mode()
    def call() -> None:
        for batch in batches:
            workload.lm.module(**batch, logits_to_keep=1)
        for sae in workload.saes.values():
            rows = sae.W_enc.new_ones(min(n, _ROWS), sae.d_in)
            for start in range(0, n, _ROWS):
                torch.mm(rows[: n - start], sae.W_enc)

    return call, lambda _: np.zeros(0)


def screen(workload: Workload, options: Options) -> Prepared:
    """Estimate the effect of moving each feature of each layer to its mean (layer, d_sae), mean over texts."""
    questions, saes = workload.questions, workload.saes
    targets = {point: (stats.features, stats.error) for point, stats in workload.feature_stats(list(saes)).items()}
    one_group = np.zeros(len(questions), dtype=int)

    def call() -> Any:
        return attribute(questions, saes, targets, groups=one_group)

    return call, lambda layers: np.stack([attribution.effect[0] for attribution in layers.values()])


def bare_screen(workload: Workload, options: Options) -> Prepared:
    """Run the model forward and backward, without any SAE."""
    questions, points = workload.questions, list(workload.saes)
    batches = [batch for batch, _ in questions.batches("everywhere")]

    def call() -> None:
        for batch in batches:
            gradients(questions, batch, points)

    return call, lambda _: np.zeros(0)


def effects(workload: Workload, options: Options) -> Prepared:
    """Move one feature after another to its target: logits of the labels (feature, text, label)."""
    sae = workload.saes[HookPoint.parse(options["point"])]
    if options["where"] == "answer":
        features, targets = torch.tensor(options["features"]), torch.tensor(options["targets"])
        return (lambda: logits_without_each(workload.questions, sae, features, targets)), np.array
    edits = moves_of(workload, options)
    return (lambda: logits_of_each(workload.questions, edits, options["where"])), np.array


def plain_effects(workload: Workload, options: Options) -> Prepared:
    """Run the whole model once per feature."""
    return _plain(workload, moves_of(workload, options), options)


def moves_of(workload: Workload, options: Options) -> list[Edits]:
    """Make the edits of `effects`, one per feature."""
    point = HookPoint.parse(options["point"])
    pairs = zip(options["features"], options["targets"], strict=True)
    return [{point: MoveFeatures(workload.saes[point], [index], offset=target)} for index, target in pairs]


def doses(workload: Workload, options: Options) -> Prepared:
    """Multiply some features at every token, one dose after another: logits of the labels (dose, text, label)."""
    edits = doses_of(workload, options)
    return (lambda: logits_of_each(workload.questions, edits, options["where"])), np.array


def plain_doses(workload: Workload, options: Options) -> Prepared:
    """Run the whole model once per dose."""
    return _plain(workload, doses_of(workload, options), options)


def doses_of(workload: Workload, options: Options) -> list[Edits]:
    """Make the edits of `doses`, one per dose."""
    point = HookPoint.parse(options["point"])
    sae, features = workload.saes[point], options["features"]
    return [{point: MoveFeatures(sae, features, factor=1 + dose)} for dose in options["doses"]]


def _plain(workload: Workload, edits: list[Edits], options: Options) -> Prepared:
    return (lambda: np.stack([workload.questions.logits(edit, options["where"]) for edit in edits])), np.array


def patching(workload: Workload, options: Options) -> Prepared:
    """Replace the activation of each text at the answer by that of the next text: logits (layer, text, label)."""
    questions, points = workload.questions, list(workload.saes)

    def call() -> list[np.ndarray]:
        activations = questions.activations(points, "answer")
        return [patched(questions, point, x.roll(-1, 0)) for point, x in activations.items()]

    return call, np.stack


def scores(folder: Path, options: Options) -> Prepared:
    """Score all features for all classes: AUROC (feature, class), effect size, and a permutation null."""
    stored: Any = sp.csr_array(sp.load_npz(folder / "features.npz"))
    features = stored[: options.get("n_texts"), : options.get("n_features")]
    member = np.load(folder / "member.npy")[: options.get("n_texts")]
    labels, strata = member.argmax(1), Strata(np.zeros(len(member), dtype=int))

    def call() -> np.ndarray:
        ranks = Ranks.of(features)
        effect_sizes(features, member)
        Selectivity.ranked(ranks, labels, strata).null(20, seed=0)
        aurocs = np.full((member.shape[1], features.shape[1]), 0.5)
        aurocs[:, ranks.feature] = ranks.aurocs(member)
        return aurocs

    return call, lambda aurocs: aurocs.T[options["features"]]


Task = Callable[[Workload, Options], Prepared]
OURS: Mapping[str, Task] = {
    "capture": capture,
    "capture on device": capture_on_device,
    "screen": screen,
    "effects": effects,
    "doses": doses,
    "patching": patching,
}
PLAIN: Mapping[str, Task] = {
    "capture": bare_capture,
    "capture on device": bare_capture,
    "screen": bare_screen,
    "effects": plain_effects,
    "doses": plain_doses,
}


def on_case(task: Task) -> Callable[[Path, Options], Prepared]:
    """Make a task read its workload from a case, cut to the numbers of texts and layers in its options."""
    return lambda folder, options: task(load(folder).first(options.get("n_texts"), options.get("n_layers")), options)


def tasks() -> dict[str, Callable[[Path, Options], Prepared]]:
    """All tasks of this program; the plain way of a task is called `plain` and its name."""
    plain = {f"plain {name}": on_case(task) for name, task in PLAIN.items()}
    own = {name: on_case(task) for name, task in OURS.items()}
    whole = {"analysis": analysis, "plain passes": plain_passes, "store": store, "plain store": bare_store}
    return own | plain | whole | {"scores": scores, "train": train}


if __name__ == "__main__":
    torch.set_num_threads(1)
    serve(tasks())
