"""Collect a model's activations at chosen tokens of many texts, at all hook points in one pass."""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from emomech.core import progress
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import read_at
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText, batches


@torch.inference_mode()
def collect(
    lm: LanguageModel,
    points: Sequence[HookPoint],
    texts: Sequence[TokenizedText],
    positions: Sequence[Sequence[int]],
) -> Mapping[HookPoint, Tensor]:
    """Collect the activations at the given token positions of each text.

    `positions` has one sequence of token numbers per text, counted from 0 and including a BOS. Returns, for each hook
    point, float32 activations on the CPU (read, d_model): the reads of the first text in the order of its positions,
    then those of the second text, and so on. Raises UsageError for a hook point that the model does not have.

    Example:
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.models.activations import collect
        >>> from emomech.models.tokens import tokenize
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> lm = Study(StudySpec(limit=8)).lm
        >>> texts = tokenize(lm, ["Anna lost the ring.", "Ben won."])
        >>> last = [[len(text.ids) - 1] for text in texts]
        >>> collect(lm, [HookPoint(6)], texts, last)[HookPoint(6)].shape
        torch.Size([2, 128])
    """
    start = torch.tensor([0, *(len(p) for p in positions)]).cumsum(0).tolist()
    reads = {point: torch.empty(start[-1], lm.d_model) for point in points}
    with progress.track("reading activations", len(texts), "text") as bar:
        for batch in batches(texts, pad_id=lm.pad_id, device=lm.device):
            tokens = [positions[text] for text in batch.example]
            row = torch.arange(len(tokens)).repeat_interleave(torch.tensor(list(map(len, tokens))))
            token = torch.tensor([i for of_text in tokens for i in of_text], dtype=torch.long)
            target = torch.cat([torch.arange(start[text], start[text + 1]) for text in batch.example])
            places = (row.to(lm.device), (token + batch.offset.cpu()[row]).to(lm.device))
            for point, activation in read_at(lm, batch, points, partial(_at, places)).items():
                reads[point][target] = activation.float().cpu()
            bar.advance(len(tokens))
    return reads


def _at(places: tuple[Tensor, Tensor], _: HookPoint, activation: Tensor) -> Tensor:
    """Select rows and columns of an activation (batch, pos, d_model), on its own device."""
    row, column = (index.to(activation.device) for index in places)
    return activation[row, column]
