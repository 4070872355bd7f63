"""Read a model's activations at chosen tokens of many texts, all hook points in one pass."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenizedText, batches


@torch.inference_mode()
def collect(
    lm: LanguageModel,
    points: Sequence[HookPoint],
    texts: Sequence[TokenizedText],
    positions: Sequence[Sequence[int]],
) -> Mapping[HookPoint, Tensor]:
    """Activations at the given token positions of each text (read, d_model), float32 on the CPU.

    Reads stand in the order of the texts, and within a text in the order of its positions.
    """
    start = torch.tensor([0, *(len(p) for p in positions)]).cumsum(0).tolist()
    found = {point: torch.empty(start[-1], lm.d_model) for point in points}
    for batch in batches(texts, pad_id=lm.pad_id, device=lm.device):
        with capture(lm, points) as seen:
            lm.module(**batch.forward_kwargs(), logits_to_keep=1)
        reads = [positions[text] for text in batch.example]
        row = torch.arange(len(reads)).repeat_interleave(torch.tensor(list(map(len, reads))))
        within = torch.tensor([i for read in reads for i in read], dtype=torch.long)
        home = torch.cat([torch.arange(start[text], start[text + 1]) for text in batch.example])
        row, column = row.to(lm.device), (within + batch.offset.cpu()[row]).to(lm.device)
        for point, activation in seen.items():
            found[point][home] = activation[row, column].float().cpu()
    return found
