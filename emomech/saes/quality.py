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
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from emomech.core import progress
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import read_at
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch, TokenizedText, batches, tokenize
from emomech.saes.collection import portions
from emomech.saes.loss_recovered import loss_recovered
from emomech.saes.sae import Sae

if TYPE_CHECKING:
    from emomech.models.store import ActivationStore


_CHUNK = 2048
"""Activations that are encoded at once."""
_HELD_BYTES = 2**29
"""Bytes of activations that are held at once, so that each SAE is loaded once for many texts."""


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
        alive |= (sae.encode(chunk.to(sae.W_dec)) > 0).any(0).cpu()
    return alive


@dataclass
class _Tally:
    """Sums over activations, from which the measures of one SAE follow; features are discarded chunk by chunk."""

    n: int = 0
    active: int = 0
    error: float = 0.0
    squares: float = 0.0
    total: Tensor | float = 0.0
    """Sum of the activations (d_in), in double precision, like all sums of squares."""
    fired: Tensor | bool = False
    """Features that fired so far (d_sae)."""

    def add(self, sae: Sae, activations: Tensor) -> None:
        """Add activations (n, d_in)."""
        for chunk in activations.split(_CHUNK):
            x = chunk.to(sae.W_dec)
            features = sae.encode(x)
            self.n += len(x)
            self.active += int((features > 0).sum())
            self.fired = (features > 0).any(0) | self.fired
            self.error += float((x - sae.decode(features, x)).double().square().sum())
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
    lm: LanguageModel,
    saes: Mapping[HookPoint, Sae],
    texts: Sequence[str],
    *,
    n_loss: int | None = None,
    store: "ActivationStore | None" = None,
) -> list[Quality]:
    """Measure every SAE on the same texts, in the order of `saes`.

    Cross-entropy takes longest and is measured on the first `n_loss` texts; None: on all texts. With a `store`, all
    other measures are those of its activations, and of the texts only those for cross-entropy are read.

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
    if store is None:
        tokenized = tokenize(lm, texts)
        tallies, scored = _tallies(lm, saes, tokenized), tokenized[:n_loss]
    else:
        tallies, scored = _stored_tallies(saes, store), tokenize(lm, texts[:n_loss])
    recovered = loss_recovered(lm, saes, {point: tally.mean for point, tally in tallies.items()}, scored)
    return [tally.quality(point, recovered[point]) for point, tally in tallies.items()]


def _tallies(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], texts: Sequence[TokenizedText]
) -> dict[HookPoint, _Tally]:
    """Sum over the content tokens of texts, which are read once."""
    tallies = {point: _Tally() for point in saes}
    with progress.track("measuring SAEs", len(texts) * len(saes), "text") as bar:
        for portion in portions(_read(lm, list(saes), texts), lambda part: _n_bytes(part[1]), _HELD_BYTES):
            for point, tally in tallies.items():
                sae = saes[point]
                for batch, activations in portion:
                    tally.add(sae, activations[point])
                    bar.advance(len(batch.example))
    return tallies


def _read(
    lm: LanguageModel, points: Sequence[HookPoint], texts: Sequence[TokenizedText]
) -> Iterator[tuple[TokenBatch, dict[HookPoint, Tensor]]]:
    """Yield each batch with the activations of its content tokens (n, d_model)."""
    for batch in batches(texts, pad_id=lm.pad_id, device=lm.device):
        mask = batch.content_mask
        yield batch, read_at(lm, batch, points, lambda _, x, mask=mask: x[mask.to(x.device)].to(lm.device))


def _n_bytes(activations: Mapping[HookPoint, Tensor]) -> int:
    return sum(x.numel() * x.element_size() for x in activations.values())


def _stored_tallies(saes: Mapping[HookPoint, Sae], store: "ActivationStore") -> dict[HookPoint, _Tally]:
    """Sum over all activations of a store. Raises UsageError for a hook point that it does not have."""
    tallies = {point: _Tally() for point in saes}
    for point, tally in progress.counted(tallies.items(), "measuring SAEs", "SAE"):
        tally.add(saes[point], store.at(point))
    return tallies
