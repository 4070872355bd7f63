"""Does an SAE fit the model on these very texts? Four figures, and a refusal where it plainly does not.

A wrong scale, site or activation function loads without a word and gives features that mean nothing. The
figures are those of SAEBench (Karvonen et al., 2025); cross-entropy recovered is measured against mean
ablation, which is stricter than the usual zero ablation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from emomech.errors import UsageError
from emomech.hooks import capture, intervene
from emomech.interventions import Reconstruct, Replace
from emomech.models import LanguageModel
from emomech.saes import Sae
from emomech.tokens import TokenBatch, batches, tokenize
from emomech.vocab import HookPoint

MAX_FVU = 0.9
"""An SAE that leaves more of the variance than this unexplained does hardly better than a constant."""


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

    def check(self, sae: Sae) -> None:
        """Raise UsageError, with the figure, where the SAE is plainly mis-loaded or of another model."""
        wrong = None
        if not self.fvu <= MAX_FVU:
            wrong = f"leaves {self.fvu:.2f} of the variance unexplained, expected at most {MAX_FVU}"
        elif not 0 < self.l0 <= sae.d_in:
            wrong = f"has {self.l0:.1f} active features per token, expected more than 0 and at most {sae.d_in}"
        if wrong:
            raise UsageError(
                f"SAE {sae.name} at {self.point}: on this study's texts it {wrong}. "
                f"It was trained on {sae.trained_on or 'an unnamed model'}; take SAEs of the model that is studied."
            )


@torch.inference_mode()
def qualities(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], texts: Sequence[str], *, refuse: bool = True
) -> list[Quality]:
    """Measure every SAE on the same texts. Raises UsageError for one that does not fit, if it is to be refused."""
    parts = list(batches(tokenize(lm, texts), pad_id=lm.pad_id, device=lm.device))
    clean = _loss(lm, parts, {})
    found = []
    for point, sae in saes.items():
        residual = _residuals(lm, parts, point)
        features = sae.encode(residual)
        mean = residual.mean(0)
        error = (residual - sae.decode(features, residual)).square().sum()
        base = _loss(lm, parts, {point: Replace(mean)})
        kept = _loss(lm, parts, {point: Reconstruct(sae)})
        quality = Quality(
            point,
            l0=float((features > 0).sum(-1).float().mean()),
            fvu=float(error / (residual - mean).square().sum()),
            dead=float((features.amax(0) == 0).float().mean()),
            loss_recovered=(base - kept) / (base - clean) if base != clean else float("nan"),
        )
        if refuse:
            quality.check(sae)
        found.append(quality)
    return found


def _residuals(lm: LanguageModel, parts: Sequence[TokenBatch], point: HookPoint) -> Tensor:
    rows = []
    for batch in parts:
        with capture(lm, [point]) as seen:
            lm.module(**batch.forward_kwargs(), logits_to_keep=1)
        rows.append(seen[point][batch.content_mask].float())
    return torch.cat(rows)


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
