"""Measure how much of a model's cross-entropy survives if activations are replaced by the reconstructions of SAEs.

Loss recovered is (L_mean - L_sae) / (L_mean - L): L is the mean cross-entropy of the next token, L_sae that with the
activations at one hook point replaced by reconstructions, and L_mean that with them replaced by their mean. Only
content tokens are edited and scored.

- The model reads each text once. For every edit only the blocks behind it run again (see `models.replay`); in a family
  whose final norm is not known all blocks do.
- With the same vector at all content tokens of the residual stream, a prediction depends on its position alone. So
  L_mean is computed from the longest text, unless texts have special tokens in different places.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emomech.core import progress
from emomech.core.devices import tokens_at_once
from emomech.core.hook_points import HookPoint
from emomech.models.architectures import output_head
from emomech.models.hooks import intervene
from emomech.models.language_model import LanguageModel
from emomech.models.replay import Replay, is_residual
from emomech.models.tokens import TokenBatch, TokenizedText, batches
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
    clean, replaced, reconstructed = 0.0, dict.fromkeys(saes, 0.0), dict.fromkeys(saes, 0.0)
    alike = _predicted_alike(lm, saes, texts)
    with progress.track("measuring the loss that SAEs recover", len(texts) * len(saes), "text") as bar:
        for runs in portions(_runs(lm, texts), lambda run: run.n_bytes, _HELD_BYTES):
            clean += sum(run.loss({}) for run in runs)
            for point in saes:
                mean, sae = Replace(means[point].float()), saes[point]
                for run in runs:
                    reconstructed[point] += run.loss({point: Reconstruct(sae)})
                    replaced[point] += 0 if point in alike else run.loss({point: mean})
                    bar.advance(len(run.batch.example))
    if alike:
        (longest,) = _runs(lm, [max(texts, key=lambda text: len(text.ids))])
        replaced |= {point: longest.loss_of_others({point: Replace(means[point].float())}, texts) for point in alike}
    return {point: _share(replaced[point] - reconstructed[point], replaced[point] - clean) for point in saes}


def _predicted_alike(lm: LanguageModel, points: Iterable[HookPoint], texts: Sequence[TokenizedText]) -> list[HookPoint]:
    """Select the hook points at which one vector for all content tokens leaves nothing of a text but its length.

    They are those on the residual stream, if no later layer reads the tokens again, as in the families with a known
    output head, and if the texts have the same special tokens at their beginning, and content alone after them.
    """
    beginnings = {text.ids[: sum(text.special)] for text in texts}
    others = any(not all(text.content[sum(text.special) :]) for text in texts)
    if len(beginnings) != 1 or others or output_head(lm) is None:
        return []
    return [point for point in points if is_residual(point)]


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
        following = self.batch.input_ids[:, 1:][self.batch.content_mask[:, 1:]]
        parts = zip(self.logits(edits), following.split(_TOKENS), strict=True)
        return sum(_cross_entropy(logits, tokens) for logits, tokens in parts)

    def logits(self, edits: Mapping[HookPoint, Reconstruct | Replace]) -> Iterator[Tensor]:
        """Yield the logits (n, vocabulary) that predict the content tokens, for some tokens at a time."""
        masked = {point: replace(edit, mask=self.batch.content_mask) for point, edit in edits.items()}
        predicted = self.batch.content_mask[:, 1:]
        if self.replay is None:
            with intervene(self.lm, masked):
                logits = self.lm.module(**self.batch.forward_kwargs()).logits[:, :-1]
            yield from logits[predicted].float().split(_TOKENS)
            return
        stream = self.replay.final_stream(masked)[:, :-1]
        for x in stream[predicted.to(stream.device)].split(_TOKENS):
            yield self.replay.head.all_logits(x)

    def loss_of_others(self, edits: Mapping[HookPoint, Replace], texts: Sequence[TokenizedText]) -> float:
        """Sum the cross-entropy over texts that the model, under these edits, predicts as it does this longest one."""
        predicted = [text.ids[max(1, sum(text.special)) :] for text in texts]
        tokens = torch.tensor([token for ids in predicted for token in ids], device=self.lm.device)
        place = torch.cat([torch.arange(len(ids), device=self.lm.device) for ids in predicted])
        total = 0.0
        for number, logits in enumerate(self.logits(edits)):
            here = place // _TOKENS == number
            row, token = (index[here].to(logits.device) for index in (place % _TOKENS, tokens))
            total -= float(logits.log_softmax(-1)[row, token].double().sum())
        return total


def _cross_entropy(logits: Tensor, tokens: Tensor) -> float:
    return float(torch.nn.functional.cross_entropy(logits, tokens.to(logits.device), reduction="sum"))


def _runs(lm: LanguageModel, texts: Sequence[TokenizedText]) -> Iterator[_Run]:
    """Read the texts batch by batch."""
    head, most = output_head(lm), min(lm.tokens_with_logits, tokens_at_once(lm.device))
    for batch in batches(texts, pad_id=lm.pad_id, max_tokens=most, device=lm.device):
        no_labels = batch.input_ids.new_empty(len(batch.example), 0)
        yield _Run(lm, batch, None if head is None else Replay.of(lm, head, batch, no_labels))
