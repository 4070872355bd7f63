"""The package's own part: every task as it is done here, and as it would be done the plain way.

The plain ways are the slow twins of the fast ones: one forward pass for each edit, or nothing but the passes and matrix
products that a task cannot do without. Run as a program, a contender like the others.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from emomech.bench.worker import Prepared, serve
from emomech.bench.workloads import Subject, taken
from emomech.causal.attribution import attribute, gradients
from emomech.causal.effects import logits_of_each, logits_without_each
from emomech.causal.patching import patched
from emomech.causal.questions import Edits
from emomech.core.hook_points import HookPoint
from emomech.models.activations import collect
from emomech.saes.edits import MoveFeatures
from emomech.saes.encoding import encode
from emomech.stats.ranks import Ranks, effect_sizes
from emomech.stats.selectivity import Selectivity, Strata

Given = Mapping[str, Any]
_ROWS = 512
"""Activations that the bare matrix product takes at once, as `features` does."""


def capture(subject: Subject, given: Given) -> Prepared:
    """Read and encode all layers; the answer is the sum of all features of each (layer)."""
    lm, questions, saes = subject.lm, subject.questions, subject.saes
    positions = questions.positions("everywhere")

    def call() -> list[sp.csr_array]:
        read = collect(lm, list(saes), questions.texts, positions)
        return [encode(saes[point], x) for point, x in read.items()]

    return call, lambda found: np.array([one.sum() for one in found])


def bare_capture(subject: Subject, given: Given) -> Prepared:
    """Run the model, and multiply as many activations as are read by each encoder."""
    batches = [batch.forward_kwargs() for batch, _ in subject.questions.batches("everywhere")]
    n = sum(map(len, subject.questions.positions("everywhere")))

    @torch.inference_mode()
    def call() -> None:
        for batch in batches:
            subject.lm.module(**batch, logits_to_keep=1)
        for sae in subject.saes.values():
            rows = sae.W_enc.new_ones(min(n, _ROWS), sae.d_in)
            for start in range(0, n, _ROWS):
                torch.mm(rows[: n - start], sae.W_enc)

    return call, lambda _: np.zeros(0)


def screen(subject: Subject, given: Given) -> Prepared:
    """Estimate the effect of taking each feature of each layer to its mean (layer, d_sae), mean over texts."""
    questions, saes = subject.questions, subject.saes
    targets = {point: (u.features, u.error) for point, u in subject.usual(list(saes)).items()}
    together = np.zeros(len(questions), dtype=int)

    def call() -> Any:
        return attribute(questions, saes, targets, groups=together)

    return call, lambda found: np.stack([one.effect[0] for one in found.values()])


def bare_screen(subject: Subject, given: Given) -> Prepared:
    """Run the model forward and backward, and leave SAEs alone."""
    questions, points = subject.questions, list(subject.saes)
    batches = [batch for batch, _ in questions.batches("everywhere")]

    def call() -> None:
        for batch in batches:
            gradients(questions, batch, points)

    return call, lambda _: np.zeros(0)


def effects(subject: Subject, given: Given) -> Prepared:
    """Move one feature after another to its target: logits of the labels (feature, text, label)."""
    sae = subject.saes[HookPoint.parse(given["point"])]
    if given["where"] == "answer":
        features, targets = torch.tensor(given["features"]), torch.tensor(given["targets"])
        return (lambda: logits_without_each(subject.questions, sae, features, targets)), np.array
    edits = _moves(subject, given)
    return (lambda: logits_of_each(subject.questions, edits, given["where"])), np.array


def plain_effects(subject: Subject, given: Given) -> Prepared:
    """Run the whole model once for each."""
    return _plain(subject, _moves(subject, given), given)


def _moves(subject: Subject, given: Given) -> list[Edits]:
    point = HookPoint.parse(given["point"])
    pairs = zip(given["features"], given["targets"], strict=True)
    return [{point: MoveFeatures(subject.saes[point], [index], offset=target)} for index, target in pairs]


def doses(subject: Subject, given: Given) -> Prepared:
    """Multiply some features at every token, one dose after another: logits of the labels (dose, text, label)."""
    edits = _doses(subject, given)
    return (lambda: logits_of_each(subject.questions, edits, given["where"])), np.array


def plain_doses(subject: Subject, given: Given) -> Prepared:
    """Run the whole model once for each dose."""
    return _plain(subject, _doses(subject, given), given)


def _doses(subject: Subject, given: Given) -> list[Edits]:
    point = HookPoint.parse(given["point"])
    some = given["features"]
    return [{point: MoveFeatures(subject.saes[point], some, factor=1 + dose)} for dose in given["doses"]]


def _plain(subject: Subject, edits: list[Edits], given: Given) -> Prepared:
    return (lambda: np.stack([subject.questions.logits(one, given["where"]) for one in edits])), np.array


def patching(subject: Subject, given: Given) -> Prepared:
    """Put the next text's activation in the place of each text's, at the answer: logits (layer, text, label)."""
    questions, points = subject.questions, list(subject.saes)

    def call() -> list[np.ndarray]:
        read = questions.activations(points, "answer")
        return [patched(questions, point, x.roll(-1, 0)) for point, x in read.items()]

    return call, np.stack


def scores(folder: Path, given: Given) -> Prepared:
    """Score all features for all classes: AUROC (feature, class), effect size, and a permutation null."""
    whole: Any = sp.csr_array(sp.load_npz(folder / "features.npz"))
    features = whole[: given.get("n_texts"), : given.get("n_features")]
    member = np.load(folder / "member.npy")[: given.get("n_texts")]
    labels, strata = member.argmax(1), Strata(np.zeros(len(member), dtype=int))

    def call() -> np.ndarray:
        ranks = Ranks.of(features)
        effect_sizes(features, member)
        Selectivity.ranked(ranks, labels, strata).null(20, seed=0)
        found = np.full((member.shape[1], features.shape[1]), 0.5)
        found[:, ranks.feature] = ranks.aurocs(member)
        return found

    return call, lambda found: found.T[given["features"]]


Task = Callable[[Subject, Given], Prepared]
OURS: Mapping[str, Task] = {
    "capture": capture,
    "screen": screen,
    "effects": effects,
    "doses": doses,
    "patching": patching,
}
PLAIN: Mapping[str, Task] = {
    "capture": bare_capture,
    "screen": bare_screen,
    "effects": plain_effects,
    "doses": plain_doses,
}


def cut(subject: Subject, given: Given) -> Subject:
    """Keep as many texts and layers as are asked for."""
    return subject.first(given.get("n_texts"), given.get("n_layers"))


def from_case(task: Task) -> Callable[[Path, Given], Prepared]:
    """Let a task read its case."""
    return lambda folder, given: task(cut(taken(folder), given), given)


def one_thread() -> None:
    """Compute on one thread, whatever the machine has."""
    torch.set_num_threads(1)


def tasks() -> dict[str, Callable[[Path, Given], Prepared]]:
    """All tasks of this program; a plain way is named after its task."""
    plain = {f"plain {name}": from_case(task) for name, task in PLAIN.items()}
    return {name: from_case(task) for name, task in OURS.items()} | plain | {"scores": scores}


if __name__ == "__main__":
    one_thread()
    serve(tasks())
