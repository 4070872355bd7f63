"""What many edits do to the answers of the same questions, each by itself and exactly; see `replay`."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from emomech.causal.questions import Edits, Questions, Where, masked
from emomech.core.errors import UsageError
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import ending
from emomech.models.replay import Replay, of_stream
from emomech.saes.edits import moved_each
from emomech.saes.sae import Sae
from emomech.stats.estimates import Floats

_TOKENS = 1024
"""Edited tokens that are carried through the blocks side by side."""


def logits_of_each(questions: Questions, edits: Sequence[Edits], where: Where = "everywhere") -> Floats:
    """Logits of the labels (edit, text, label) as `Questions.logits` gives them for one edit after another."""
    end = ending(questions.lm)
    if end is None:
        return np.stack([questions.logits(one, where) for one in edits])
    found = np.empty((len(edits), *questions.label_ids.shape))
    for batch, mask in questions.batches(where):
        rows = list(batch.example)
        run = Replay.of(questions.lm, end, batch, questions.label_ids[rows])
        limited = [masked(one, mask) for one in edits]
        beside = _beside(run, limited) if where == "answer" else {}
        for i, one in enumerate(limited):
            found[i, rows] = (beside[i] if i in beside else run.logits(one)).cpu().numpy()
    return found


def _beside(run: Replay, edits: Sequence[Mapping[HookPoint, Callable[[Tensor], Tensor]]]) -> dict[int, Tensor]:
    """Logits (batch, label) of those edits that change the stream of the last tokens at one depth, by number."""
    by_depth: dict[int, list[int]] = {}
    for i, one in enumerate(edits):
        if len(one) == 1 and of_stream(point := next(iter(one))):
            by_depth.setdefault(point.resid_index(), []).append(i)
    found = {}
    n = max(1, _TOKENS // len(run.tokens))
    for depth, all_here in by_depth.items():
        for here in (all_here[i : i + n] for i in range(0, len(all_here), n)):
            x = [run.last(edit(run.stream[depth])) for i in here for edit in edits[i].values()]
            logits = run.after_last_token(depth, torch.stack(x, 1))
            found |= dict(zip(here, logits.unbind(1), strict=True))
    return found


@torch.inference_mode()
def logits_without_each(questions: Questions, sae: Sae, features: Tensor, offset: Tensor | float = 0.0) -> Floats:
    """Logits of the labels (feature, text, label) with one feature moved to its offset at the answer, for each.

    `offset` is one number or one for each feature (feature). Raises UsageError for a point that is not of the stream,
    and in a family whose final norm is not known.
    """
    end = ending(questions.lm)
    if end is None or not of_stream(sae.point):
        raise UsageError(
            f"{sae.point} of {questions.lm.name}: cannot be replayed; take a resid point of a known family."
        )
    depth = sae.point.resid_index()
    found = np.empty((len(features), *questions.label_ids.shape))
    targets = torch.as_tensor(offset).expand(len(features))
    for batch, mask in questions.batches("answer"):
        rows = list(batch.example)
        run = Replay.of(questions.lm, end, batch, questions.label_ids[rows])
        x, content = run.last(run.stream[depth]), run.last(mask)
        n = max(1, _TOKENS // len(rows))
        for at in range(0, len(features), n):
            part = slice(at, at + n)
            moved = moved_each(sae, x, features[part], targets[part])
            moved = torch.where(content[:, None, None], moved, x[:, None])
            found[part, rows] = run.after_last_token(depth, moved).transpose(0, 1).cpu().numpy()
    return found
