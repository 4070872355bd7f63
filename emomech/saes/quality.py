"""Measure how well an SAE reads a model on given texts: sparsity, variance unexplained, dead features, loss recovered.

The measures are those of SAEBench (Karvonen et al., 2025, arXiv:2503.09532):

- L0: mean number of active features per token;
- FVU: squared error of the reconstruction, divided by the variance of the activations;
- dead: share of features that never fire. It falls with the number of texts, so trust it only on thousands of them;
- loss recovered: (L_mean - L_sae) / (L_mean - L), where L is the model's cross-entropy, L_sae that with the activations
  replaced by reconstructions, and L_mean that with them replaced by their mean. Mean ablation is stricter than the
  usual zero ablation.

BOS tokens and padding are left out. `compatibility` refuses an SAE by these measures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emomech.core.hook_points import HookPoint
from emomech.models.hooks import capture, intervene
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch, batches, tokenize, tokens_at_once
from emomech.saes.edits import Reconstruct, Replace
from emomech.saes.sae import Sae

_CHUNK = 2048
"""Activations that are encoded at once."""
_HELD_BYTES = 2**29
"""Bytes of activations that are held at once; those of one hook point may take more."""


@dataclass(frozen=True)
class Quality:
    """How well one SAE reads one model on some texts."""

    point: HookPoint
    l0: float
    """Mean number of active features per token."""
    fvu: float
    """Fraction of variance unexplained; NaN if the activations are all equal."""
    dead: float
    """Share of features that never fire on these texts."""
    loss_recovered: float
    """1: the reconstruction costs no cross-entropy; 0: it costs as much as the mean activation."""


@torch.inference_mode()
def fired(sae: Sae, activations: Tensor) -> Tensor:
    """Find the features that fire on any of the activations (n, d_in): booleans (d_sae)."""
    alive = torch.zeros(sae.d_sae, dtype=torch.bool)
    for chunk in activations.split(_CHUNK):
        alive |= (sae.encode(chunk) > 0).any(0).cpu()
    return alive


@dataclass
class _Tally:
    """Sums over activations, from which the measures of one SAE follow; features are discarded chunk by chunk."""

    sae: Sae
    n: int = 0
    active: int = 0
    error: float = 0.0
    squares: float = 0.0
    total: Tensor | float = 0.0
    """Sum of the activations (d_in), in double precision, like all sums of squares."""
    fired: Tensor | bool = False
    """Features that fired so far (d_sae)."""

    def add(self, activations: Tensor) -> None:
        """Add activations (n, d_in)."""
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
        """Compute the measures from the sums."""
        variance = self.squares - self.n * float(self.mean.square().sum())
        l0, dead = self.active / max(self.n, 1), 1 - float(torch.as_tensor(self.fired).float().mean())
        return Quality(point, l0, self.error / variance if variance else float("nan"), dead, loss_recovered)


@torch.inference_mode()
def qualities(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], texts: Sequence[str], *, n_loss: int | None = None
) -> list[Quality]:
    """Measure every SAE on the same texts, in the order of `saes`.

    Cross-entropy takes longest and is measured on the first `n_loss` texts; None: on all texts.

    Example:
        >>> from emomech.core.hook_points import HookPoint
        >>> from emomech.saes.quality import qualities
        >>> from emomech.saes.collection import load_saes
        >>> from emomech.study.spec import StudySpec
        >>> from emomech.study.study import Study
        >>> study, sae = Study(StudySpec(limit=10)), load_saes("organism")[HookPoint(3)]
        >>> (quality,) = qualities(study.lm, {sae.point: sae}, study.prompts, n_loss=2)
        >>> quality.l0, quality.fvu < 0.2, quality.loss_recovered > 0.5
        (16.0, True, True)
    """
    tokenized = tokenize(lm, texts)
    tallies = _tallies(lm, saes, list(batches(tokenized, pad_id=lm.pad_id, device=lm.device)))
    most = min(lm.tokens_with_logits, tokens_at_once(lm.device))
    parts = list(batches(tokenized[:n_loss], pad_id=lm.pad_id, max_tokens=most, device=lm.device))
    clean = _loss(lm, parts, {})
    measured = []
    for point, tally in tallies:
        ablated = _loss(lm, parts, {point: Replace(tally.mean.float())})
        reconstructed = _loss(lm, parts, {point: Reconstruct(tally.sae)})
        recovered = (ablated - reconstructed) / (ablated - clean) if ablated != clean else float("nan")
        measured.append(tally.quality(point, recovered))
    return measured


def _tallies(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], parts: Sequence[TokenBatch]
) -> Iterator[tuple[HookPoint, _Tally]]:
    """Yield the sums of each SAE; each pass over the texts reads as many hook points as fit in memory."""
    n_tokens = sum(int(part.content_mask.sum()) for part in parts)
    at_once = max(1, _HELD_BYTES // (max(n_tokens, 1) * lm.d_model * 4))
    for first in range(0, len(saes), at_once):
        points = list(saes)[first : first + at_once]
        collected: dict[HookPoint, list[Tensor]] = {point: [] for point in points}
        for batch in parts:
            with capture(lm, points) as seen:
                lm.module(**batch.forward_kwargs(), logits_to_keep=1)
            for point in points:
                collected[point].append(seen[point][batch.content_mask])
        for point in points:
            tally = _Tally(saes[point])
            for activations in collected.pop(point):
                tally.add(activations)
            yield point, tally


def _loss(lm: LanguageModel, parts: Sequence[TokenBatch], edits: Mapping[HookPoint, Reconstruct | Replace]) -> float:
    """Compute the mean cross-entropy of the next token, in nats, with the edits at content positions."""
    total, n = 0.0, 0
    for batch in parts:
        masked = {point: replace(edit, mask=batch.content_mask) for point, edit in edits.items()}
        with intervene(lm, masked):
            logits = lm.module(**batch.forward_kwargs()).logits[:, :-1].float()
        content = batch.content_mask[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits[content], batch.input_ids[:, 1:][content], reduction="sum")
        total, n = total + float(loss), n + int(content.sum())
    return total / max(n, 1)
