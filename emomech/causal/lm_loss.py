"""What an intervention costs the model as a language model: next-token loss, KL divergence, and agreement.

All three are sums per text, so that intervals can be bootstrapped over texts. The edited and the unedited model read
the same tokens; special tokens and padding are neither edited nor scored. `language_shifts` compares whole
distributions over the vocabulary; `language_loss` measures the loss of one model alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emomech.causal.questions import Edits, masked
from emomech.core import progress
from emomech.core.devices import tokens_at_once
from emomech.models.hooks import intervene
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import TokenBatch, batches, tokenize
from emomech.stats.estimates import Floats


@dataclass(frozen=True)
class LanguageShift:
    """Sums over each text's predicted tokens, before and after (text)."""

    n_tokens: Floats
    before: Floats
    """Cross-entropy of the unedited model, in nats."""
    after: Floats
    """Cross-entropy of the edited model, in nats."""
    kl: Floats
    """Divergence of the edited model's prediction from the unedited one's, in nats."""
    agree: Floats
    """Tokens at which both predict the same likeliest next token."""

    def means(self, weights: Floats | None = None) -> dict[str, Floats]:
        """Relative rise of the loss, KL per token in nats, share of agreement, in each row of weights (draw, text)."""
        w = np.ones((1, len(self.n_tokens))) if weights is None else weights
        n = w @ self.n_tokens
        return {
            "loss": w @ self.after / (w @ self.before) - 1,
            "kl": w @ self.kl / n,
            "agreement": w @ self.agree / n,
        }


def language_shifts(lm: LanguageModel, texts: Sequence[str], each: Sequence[Edits]) -> list[LanguageShift]:
    """Compare a model with itself under each of several edits; the unedited model reads each text once.

    Example:
        >>> import emomech as em
        >>> from emomech.causal.lm_loss import language_shifts
        >>> (shift,) = language_shifts(em.Study(limit=8).lm, ["Anna lost the ring."], [{}])
        >>> bool(shift.before[0] == shift.after[0]), bool(shift.agree[0] == shift.n_tokens[0])
        (True, True)
    """
    sums = np.zeros((len(each), 5, len(texts)))
    for batch, scored in _read(lm, texts, 1 + len(each)):
        clean, following = _log_probs(lm, batch, scored)
        for edits, of_edit in zip(each, sums, strict=True):
            with intervene(lm, masked(edits, batch.content_mask)):
                changed, _ = _log_probs(lm, batch, scored)
            values = (
                torch.ones(len(following), device=following.device),
                -clean.gather(1, following)[:, 0],
                -changed.gather(1, following)[:, 0],
                (clean.exp() * (clean - changed)).sum(1),
                (clean.argmax(1) == changed.argmax(1)).float(),
            )
            for row, of_tokens in enumerate(values):
                of_edit[row, list(batch.example)] = _sums(of_tokens, scored)
    return [LanguageShift(*of_edit) for of_edit in sums]


def language_loss(lm: LanguageModel, texts: Sequence[str]) -> Floats:
    """Cross-entropy of a model in nats, summed over each text's predicted tokens (text).

    It needs no distribution over the vocabulary, only its normaliser and the score of the token that follows.
    """
    loss = np.zeros(len(texts))
    for batch, scored in _read(lm, texts, 1):
        logits, following = _logits(lm, batch, scored)
        nats = logits.logsumexp(1) - logits.gather(1, following)[:, 0]
        loss[list(batch.example)] = _sums(nats, scored)
    return loss


@torch.inference_mode()
def _read(lm: LanguageModel, texts: Sequence[str], passes: int) -> Iterator[tuple[TokenBatch, Tensor]]:
    """Yield each batch, and which of its tokens but the first are scored (batch, pos - 1)."""
    most = min(lm.tokens_with_logits, tokens_at_once(lm.device))
    read = batches(tokenize(lm, texts), pad_id=lm.pad_id, max_tokens=most, device=lm.device)
    with progress.track("language modelling", len(texts) * passes, "text") as bar:
        for batch in read:
            yield batch, batch.content_mask[:, 1:]
            bar.advance(len(batch.example) * passes)


@torch.inference_mode()
def _logits(lm: LanguageModel, batch: TokenBatch, scored: Tensor) -> tuple[Tensor, Tensor]:
    """Logits that predict the scored tokens (token, vocabulary), and these tokens (token, 1)."""
    logits = lm.module(**batch.forward_kwargs()).logits[:, :-1]
    where = scored.to(logits.device)
    return logits[where].float(), batch.input_ids[:, 1:].to(logits.device)[where][:, None]


@torch.inference_mode()
def _log_probs(lm: LanguageModel, batch: TokenBatch, scored: Tensor) -> tuple[Tensor, Tensor]:
    logits, following = _logits(lm, batch, scored)
    return logits.log_softmax(1), following


def _sums(values: Tensor, scored: Tensor) -> Floats:
    """Sum values of the scored tokens (token) over each row of the batch (row)."""
    where = scored.cpu()
    return torch.zeros(where.shape, dtype=torch.float64).masked_scatter(where, values.double().cpu()).sum(1).numpy()
