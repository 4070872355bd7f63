"""Measure how well an SAE reads a model on given texts: sparsity, variance explained, dead features, loss recovered.

The four measures are those of SAEBench (Karvonen et al., 2025). Cross-entropy recovered is measured against mean
ablation, which is stricter than the usual zero ablation. `compatibility` refuses an SAE by these measures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch, batches, tokenize
from emomech.saes.edits import Reconstruct, Replace
from emomech.saes.sae import Sae

_CHUNK = 2048
"""Activations whose features are held at once."""
_HELD_BYTES = 2**29
"""Activations that are held at once, unless those of a single hook point take more."""


@dataclass(frozen=True)
class Quality:
    """How well one SAE reads one model on the study's texts; beginning-of-sequence and padding excluded."""

    point: HookPoint
    l0: float
    """Mean number of active features per token."""
    fvu: float
    """Fraction of variance unexplained."""
    dead: float
    """Share of features that never fire on these texts."""
    loss_recovered: float
    """1: the reconstruction costs no cross-entropy; 0: it is as bad as the mean activation."""


@torch.inference_mode()
def fired(sae: Sae, activations: Tensor) -> Tensor:
    """Which features fire on any of the activations (n, d_in): booleans (d_sae)."""
    found = torch.zeros(sae.d_sae, dtype=torch.bool)
    for chunk in activations.split(_CHUNK):
        found |= (sae.encode(chunk) > 0).any(0).cpu()
    return found


@dataclass
class _Tally:
    """Sums over activations, from which the figures of one SAE follow; features are let go chunk by chunk."""

    sae: Sae
    n: int = 0
    active: int = 0
    error: float = 0.0
    squares: float = 0.0
    total: Tensor | float = 0.0
    """Sum of the activations (d_in), in double precision, as all sums of squares are."""
    fired: Tensor | bool = False
    """Which features fired so far (d_sae)."""

    def add(self, activations: Tensor) -> None:
        """Count activations (n, d_in)."""
        for chunk in activations.split(_CHUNK):
            x = chunk.to(self.sae.W_dec)
            features = self.sae.encode(x)
            self.n += len(x)
            self.active += int((features > 0).sum())
            self.fired = (features > 0).any(0) | self.fired
            self.error += float((x - self.sae.decode(features, x)).double().square().sum())
            self.squares += float(x.double().square().sum())
            self.total = x.double().sum(0) + self.total

    @property
    def mean(self) -> Tensor:
        """The mean activation (d_in)."""
        return torch.as_tensor(self.total) / max(self.n, 1)

    def quality(self, point: HookPoint, loss_recovered: float) -> Quality:
        variance = self.squares - self.n * float(self.mean.square().sum())
        l0, dead = self.active / max(self.n, 1), 1 - float(torch.as_tensor(self.fired).float().mean())
        return Quality(point, l0, self.error / variance if variance else float("nan"), dead, loss_recovered)


@torch.inference_mode()
def qualities(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], texts: Sequence[str], *, n_loss: int | None = None
) -> list[Quality]:
    """Measure every SAE on the same texts; cross-entropy on the first `n_loss` of them alone, as it takes longest.

    The share of dead features counts every feature that is rarer than the texts are many: trust it only on thousands
    of texts.
    """
    tokenized = tokenize(lm, texts)
    tallies = _tallies(lm, saes, list(batches(tokenized, pad_id=lm.pad_id, device=lm.device)))
    scored = {"pad_id": lm.pad_id, "max_tokens": lm.tokens_with_logits, "device": lm.device}
    parts = list(batches(tokenized[:n_loss], **scored))
    clean = _loss(lm, parts, {})
    found = []
    for point, tally in tallies:
        base = _loss(lm, parts, {point: Replace(tally.mean.float())})
        kept = _loss(lm, parts, {point: Reconstruct(tally.sae)})
        recovered = (base - kept) / (base - clean) if base != clean else float("nan")
        found.append(tally.quality(point, recovered))
    return found


def _tallies(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], parts: Sequence[TokenBatch]
) -> Iterator[tuple[HookPoint, _Tally]]:
    """Read the activations of as many hook points in one pass as memory allows, and then one SAE after the other."""
    n_tokens = sum(int(part.content_mask.sum()) for part in parts)
    at_once = max(1, _HELD_BYTES // (max(n_tokens, 1) * lm.d_model * 4))
    for first in range(0, len(saes), at_once):
        points = list(saes)[first : first + at_once]
        read: dict[HookPoint, list[Tensor]] = {point: [] for point in points}
        for batch in parts:
            with capture(lm, points) as seen:
                lm.module(**batch.forward_kwargs(), logits_to_keep=1)
            for point in points:
                read[point].append(seen[point][batch.content_mask])
        for point in points:
            tally = _Tally(saes[point])
            for activations in read.pop(point):
                tally.add(activations)
            yield point, tally


def _loss(lm: LanguageModel, parts: Sequence[TokenBatch], edits: Mapping[HookPoint, Reconstruct | Replace]) -> float:
    """Mean cross-entropy of the next token in nats, with content positions edited."""
    total, n = 0.0, 0
    for batch in parts:
        masked = {point: replace(edit, mask=batch.content_mask) for point, edit in edits.items()}
        with intervene(lm, masked):
            logits = lm.module(**batch.forward_kwargs()).logits[:, :-1].float()
        told = batch.content_mask[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits[told], batch.input_ids[:, 1:][told], reduction="sum")
        total, n = total + float(loss), n + int(told.sum())
    return total / max(n, 1)
