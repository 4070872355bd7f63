"""Exact effect of each of many edits on the answers to the same questions.

One forward pass over each batch is recorded, and every edit recomputes only the blocks after its depth
(`models.replay`). In a model family that cannot be replayed, each edit takes a whole forward pass.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from emomech.causal.questions import Edits, Questions, Where, masked
from emomech.causal.recordings import recorded
from emomech.core import progress
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import output_head
from emomech.models.replay import Replay, is_residual
from emomech.saes.edits import moved_each
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats

_TOKENS = 1024
"""Edited tokens that are run through the blocks in one batch."""


def logits_of_each(questions: Questions, edits: Sequence[Edits], where: Where = "everywhere") -> Floats:
    """Logits of the labels under each edit (edit, text, label); `Questions.logits` gives the same for one edit."""
    head = output_head(questions.lm)
    if head is None:
        return np.stack([questions.logits(edit, where) for edit in edits])
    logits = np.empty((len(edits), *questions.label_ids.shape))
    with progress.track("measuring edits", len(edits) * len(questions), "answer") as bar:
        for run, mask in recorded(questions, head, where):
            rows = list(run.batch.example)
            limited = [masked(edit, mask) for edit in edits]
            together = _last_tokens_together(run, limited) if where == "answer" else {}
            for i, edit in enumerate(limited):
                logits[i, rows] = (together[i] if i in together else run.logits(edit)).cpu().numpy()
                bar.advance(len(rows))
    return logits


def _last_tokens_together(
    run: Replay, edits: Sequence[Mapping[HookPoint, Callable[[Tensor], Tensor]]]
) -> dict[int, Tensor]:
    """Logits (batch, label) of the edits that change the stream of the last tokens at a single depth, by number."""
    by_depth: dict[int, list[int]] = {}
    for i, edit in enumerate(edits):
        if len(edit) == 1 and is_residual(point := next(iter(edit))):
            by_depth.setdefault(point.resid_index(), []).append(i)
    by_edit = {}
    n = max(1, _TOKENS // len(run.tokens))
    for depth, numbers in by_depth.items():
        for part in (numbers[i : i + n] for i in range(0, len(numbers), n)):
            x = [run.last(change(run.stream[depth])) for i in part for change in edits[i].values()]
            logits = run.after_last_token(depth, torch.stack(x, 1))
            by_edit |= dict(zip(part, logits.unbind(1), strict=True))
    return by_edit


@torch.inference_mode()
def logits_without_each(questions: Questions, sae: Sae, features: Tensor, offset: Tensor | float = 0.0) -> Floats:
    """Logits of the labels (feature, text, label), each with one feature set to `offset` at the answer.

    `offset` is one number, or one for each feature (feature). Raises UsageError for a point that is not on the residual
    stream, and for a model family whose final norm is not known.
    """
    head = output_head(questions.lm)
    if head is None or not is_residual(sae.point):
        raise UsageError(
            f"{sae.point} of {questions.lm.name}: cannot be replayed; take a resid point of a known model family."
        )
    depth = sae.point.resid_index()
    logits = np.empty((len(features), *questions.label_ids.shape))
    targets = torch.as_tensor(offset).expand(len(features))
    runs = recorded(questions, head, "answer")
    for run, mask in progress.counted(runs, f"ablating {len(features)} features one by one", "batch"):
        rows = list(run.batch.example)
        x, content = run.last(run.stream[depth]), run.last(mask)
        n = max(1, _TOKENS // len(rows))
        for start in range(0, len(features), n):
            part = slice(start, start + n)
            moved = moved_each(sae, x, features[part], targets[part])
            moved = torch.where(content[:, None, None], moved, x[:, None])
            logits[part, rows] = run.after_last_token(depth, moved).transpose(0, 1).cpu().numpy()
    return logits
