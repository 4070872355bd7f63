"""The two lenses side by side, and what the J-lens predicts against what a change of the activation does.

A lens that reads a label from an activation says what the model would say, not what it computes. Three checks:
accuracy by depth, with and without the mean logit of each label; both conventions of the J-lens; and the correlation
between the change of the final stream that J predicts and the change that the model makes, when the activation at the
answer moves towards that of another text by a small part of the way, or the whole way.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from emomech.causal.jacobian import JacobianLens
from emomech.causal.patching import read_out
from emomech.causal.questions import Questions, masked
from emomech.chapters.depth.measures import Measured, MeasuredTask
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import forward_to, intervene
from emomech.saes.edits import Replace
from emomech.stats.classification import Confusion
from emomech.stats.estimates import Floats, from_draws
from emomech.stats.tables import DEPTH, INTERVAL, Row, Schema

LENSES = Schema(
    keys={"lens": "what is applied before the final norm and the unembedding", "depth": DEPTH},
    values={
        "accuracy": "balanced accuracy of the label with the largest logit, at the answer",
        **INTERVAL,
        "centred": "the same after each label's mean logit on other texts is taken off",
        "n": "number of texts",
    },
)
PREDICTIONS = Schema(
    keys={"moved": "part of the way to the activation of another text", "depth": DEPTH},
    values={
        "correlation": "correlation of predicted and measured change over all components of the final stream",
        "ratio": "length of the predicted change divided by that of the measured one, over all texts",
        "n": "number of texts",
    },
)
MOVES: Mapping[str, float] = {"1 %": 0.01, "all": 1.0}
_MOST_MOVED = 35
"""Texts that are moved, about; a correlation over all components of so many texts is precise."""


def lens_rows(task: MeasuredTask, measured: Measured, depths: Floats) -> Iterator[Row]:
    """Accuracy of the logit lens and of both J-lenses by depth."""
    network = measured.trained
    half = task.lens.take(range(0, len(task.lens), 2))  # enough tokens, at half the cost
    everywhere = JacobianLens.fit(half, list(network.saes), "everywhere")
    fitted = {"none (logit lens)": None, "J at the answer": measured.lens, "J over all tokens": everywhere}
    for name, lens in fitted.items():
        for depth, point in zip(depths, network.saes, strict=True):
            sides = ((network.discover, network.fitted), (network.report, network.scored))
            other, own = (_logits(q, lens, point, pooled["answer"][point].activation) for q, pooled in sides)
            accuracies = [_accuracy(task, logits.argmax(1)) for logits in (own, own - other.mean(0))]
            values = {"accuracy": from_draws(accuracies[0], len(own)), "centred": float(accuracies[1][0])}
            yield {"lens": name, "depth": depth, **values, "n": len(own)}


def _logits(questions: Questions, lens: JacobianLens | None, point: HookPoint, x: Tensor) -> Floats:
    return read_out(questions, x) if lens is None else lens.read(questions, point, x)


def _accuracy(task: MeasuredTask, predicted: "np.ndarray") -> Floats:
    n = len(task.report.labels)
    return Confusion.of(task.report.gold, predicted, n, task.report.weights).balanced_accuracy()


def prediction_rows(task: MeasuredTask, measured: Measured, depths: Floats) -> Iterator[Row]:
    """How well J predicts the change of the final stream at the answer, when the activation there moves."""
    network = measured.trained
    rows = task.edited[:: max(1, len(task.edited) // _MOST_MOVED)]
    questions = network.report.take(rows)
    partner = np.random.default_rng(task.report.seed).permutation(len(rows))
    before = None
    for depth, point in zip(depths, network.saes, strict=True):
        x = network.scored["answer"][point].activation[rows]
        before = final_stream(questions, point, x) if before is None else before
        for name, part in MOVES.items():
            moved = part * (x[partner] - x)
            change = final_stream(questions, point, x + moved) - before
            agreement = _agreement(measured.lens.carry(point, moved), change)
            yield {"moved": name, "depth": depth, **agreement, "n": len(rows)}


def _agreement(predicted: Tensor, measured: Tensor) -> dict[str, float]:
    first, second = predicted.flatten().double(), measured.flatten().double()
    correlation = torch.corrcoef(torch.stack([first, second]))[0, 1]
    return {"correlation": float(correlation), "ratio": float(first.norm() / second.norm())}


@torch.inference_mode()
def final_stream(questions: Questions, point: HookPoint, values: Tensor) -> Tensor:
    """Stream after the last block at the answer (text, d_model), with `values` (text, d_model) put in at a point."""
    last, streams = HookPoint(questions.lm.n_layers - 1), torch.empty(values.shape)
    for batch, mask in questions.batches("answer"):
        rows = list(batch.example)
        edit = masked({point: Replace(values[rows][:, None])}, mask)
        with intervene(questions.lm, edit):
            final = forward_to(questions.lm, batch, [last])[last]
        streams[rows] = final[mask.to(final.device)].float().cpu()
    return streams
