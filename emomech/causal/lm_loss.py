"""What an intervention costs the model as a language model: next-token loss, KL divergence, and agreement.

All three are sums per text, so that intervals can be bootstrapped over texts. The edited and the unedited model read
the same tokens; special tokens and padding are neither edited nor scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from emomech.causal.questions import Edits, masked
from emomech.models.hooks import intervene
from emomech.models.language_model import LanguageModel
from emomech.models.tokens import batches, tokenize
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


@torch.inference_mode()
def language_shift(
    lm: LanguageModel, texts: Sequence[str], edits: Edits, edited: LanguageModel | None = None
) -> LanguageShift:
    """Compare a model with itself under edits, or with another model of the same tokenizer under these edits."""
    sums = np.zeros((5, len(texts)))
    most = lm.tokens_with_logits
    for batch in batches(tokenize(lm, texts), pad_id=lm.pad_id, max_tokens=most, device=lm.device):
        clean = _log_probs(lm, batch.forward_kwargs())
        with intervene(edited or lm, masked(edits, batch.content_mask)):
            changed = _log_probs(edited or lm, batch.forward_kwargs())
        scored = batch.content_mask[:, 1:]
        following = batch.input_ids[:, 1:, None]
        each = (
            torch.ones_like(scored, dtype=torch.float32),
            -clean.gather(-1, following)[..., 0],
            -changed.gather(-1, following)[..., 0],
            (clean.exp() * (clean - changed)).sum(-1),
            (clean.argmax(-1) == changed.argmax(-1)).float(),
        )
        for row, values in enumerate(each):
            sums[row, list(batch.example)] = (values * scored).double().sum(-1).cpu().numpy()
    return LanguageShift(*sums)


def _log_probs(lm: LanguageModel, arguments: dict[str, Tensor]) -> Tensor:
    return lm.module(**arguments).logits[:, :-1].float().log_softmax(-1)
