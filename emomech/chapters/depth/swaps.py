"""Swaps: the answer of a text after the activation at its answer is replaced by that of another text.

The blocks after a hook point run at the last token only, because nothing before it changes (`models.replay`). In a
model family that cannot be replayed, each hook point takes a whole forward pass over all texts.
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from emomech.causal.patching import patched
from emomech.causal.questions import Questions
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import output_head
from emomech.models.replay import Replay, is_residual
from emomech.stats.estimates import Ints


@torch.inference_mode()
def answers_after(questions: Questions, values: Mapping[HookPoint, Tensor]) -> Ints:
    """Number of the label that each text answers (hook point, text) with `values` (text, d_model) at its answer."""
    head = output_head(questions.lm)
    if head is None or not all(map(is_residual, values)):
        return np.stack([patched(questions, point, x).argmax(1) for point, x in values.items()])
    answers = np.empty((len(values), len(questions)), dtype=int)
    for batch, _ in questions.batches("answer"):
        rows = list(batch.example)
        replay = Replay.of(questions.lm, head, batch, questions.label_ids[rows])
        for i, (point, x) in enumerate(values.items()):
            variant = x[rows][:, None].to(replay.stream[0])
            answers[i, rows] = replay.after_last_token(point.resid_index(), variant)[:, 0].argmax(1).cpu().numpy()
    return answers
