"""Measure how much of a model's cross-entropy survives if activations are replaced by the reconstructions of SAEs.

Loss recovered is (L_mean - L_sae) / (L_mean - L): L is the mean cross-entropy of the next token, L_sae that with the
activations at one hook point replaced by reconstructions, and L_mean that with them replaced by their mean. Only
content tokens are edited and scored. The model reads each text once. For every edit only the blocks behind it run again
(see `models.replay`); in a family whose final norm is not known all blocks do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emomech.core import progress
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import output_head
from emomech.models.hooks import intervene
from emomech.models.language_model import LanguageModel
from emomech.models.replay import Replay
from emomech.models.tokens import TokenBatch, TokenizedText, batches, tokens_at_once
from emomech.saes.collection import portions
from emomech.saes.edits import Reconstruct, Replace
from emomech.saes.sae import Sae

_HELD_BYTES = 2**29
"""Bytes of residual streams that are held at once, so that each SAE is loaded once for many texts."""
_TOKENS = 256
"""Tokens whose logits are in memory at the same time."""


@torch.inference_mode()
def loss_recovered(
    lm: LanguageModel,
    saes: Mapping[HookPoint, Sae],
    means: Mapping[HookPoint, Tensor],
    texts: Sequence[TokenizedText],
) -> dict[HookPoint, float]:
    """Measure the loss recovered by each SAE, given the mean activation (d_model) at its hook point.

    It is 1 if the reconstruction costs no cross-entropy, 0 if it costs as much as the mean activation, and NaN if the
    mean activation costs nothing or if there are no texts.
    """
    clean = 0.0
    ablated, reconstructed = dict.fromkeys(saes, 0.0), dict.fromkeys(saes, 0.0)
    with progress.track("measuring the loss that SAEs recover", len(texts) * len(saes), "text") as bar:
        for runs in portions(_runs(lm, texts), lambda run: run.n_bytes, _HELD_BYTES):
            clean += sum(run.loss({}) for run in runs)
            for point in saes:
                edits = {point: Replace(means[point].float())}, {point: Reconstruct(saes[point])}
                for run in runs:
                    for losses, edit in zip((ablated, reconstructed), edits, strict=True):
                        losses[point] += run.loss(edit)
                    bar.advance(len(run.batch.example))
    return {point: _share(ablated[point] - reconstructed[point], ablated[point] - clean) for point in saes}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


@dataclass(frozen=True, eq=False)
class _Run:
    """A batch that was read once."""

    lm: LanguageModel
    batch: TokenBatch
    replay: Replay | None
    """None for a family whose final norm is not known."""

    @property
    def n_bytes(self) -> int:
        """Bytes of the recorded streams."""
        return 0 if self.replay is None else sum(x.numel() * x.element_size() for x in self.replay.stream)

    def loss(self, edits: Mapping[HookPoint, Reconstruct | Replace]) -> float:
        """Sum the cross-entropy of the next content token, in nats, with the edits at content tokens."""
        masked = {point: replace(edit, mask=self.batch.content_mask) for point, edit in edits.items()}
        scored = self.batch.content_mask[:, 1:]
        following = self.batch.input_ids[:, 1:][scored]
        if self.replay is None:
            with intervene(self.lm, masked):
                logits = self.lm.module(**self.batch.forward_kwargs()).logits[:, :-1]
            return _cross_entropy(logits[scored].float(), following)
        stream = self.replay.final_stream(masked)[:, :-1][scored.to(self.replay.stream[-1].device)]
        parts = zip(stream.split(_TOKENS), following.split(_TOKENS), strict=True)
        return sum(_cross_entropy(self.replay.head.all_logits(x), tokens) for x, tokens in parts)


def _cross_entropy(logits: Tensor, tokens: Tensor) -> float:
    return float(torch.nn.functional.cross_entropy(logits, tokens.to(logits.device), reduction="sum"))


def _runs(lm: LanguageModel, texts: Sequence[TokenizedText]) -> Iterator[_Run]:
    """Read the texts batch by batch."""
    head, most = output_head(lm), min(lm.tokens_with_logits, tokens_at_once(lm.device))
    for batch in batches(texts, pad_id=lm.pad_id, max_tokens=most, device=lm.device):
        no_labels = batch.input_ids.new_empty(len(batch.example), 0)
        yield _Run(lm, batch, None if head is None else Replay.of(lm, head, batch, no_labels))
