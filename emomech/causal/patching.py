"""Activation patching and the logit lens: replace the activation at the answer, and read the model's new answer.

Put in at the depth at which they were read, activations show whether that depth suffices for an answer (activation
patching; Vig et al., 2020; Meng et al., 2022, arXiv:2202.05262). After the last block, the model's own final norm and
unembedding read them, as if no block followed: the logit lens (nostalgebraist, 2020), for any architecture.
"""

import numpy as np
import torch
from torch import Tensor

from emomech.causal.questions import Questions, masked
from emomech.core.hook_points import HookPoint
from emomech.models.hooks import intervene
from emomech.saes.edits import Replace
from emomech.stats.estimates import Floats

_ROWS = 1024
"""Activations read out at once; each gives logits of the whole vocabulary."""


@torch.inference_mode()
def patched(questions: Questions, point: HookPoint, values: Tensor) -> Floats:
    """Logits of the labels (text, label) with the activation at each answer replaced by `values` (text, d_model)."""
    of_labels = np.empty(questions.label_ids.shape)
    for batch, mask in questions.batches("answer"):
        rows = list(batch.example)
        with intervene(questions.lm, masked({point: Replace(values[rows][:, None])}, mask)):
            logits = questions.lm.module(**batch.forward_kwargs(), logits_to_keep=1).logits[:, -1].float()
        of_labels[rows] = logits.gather(1, questions.label_ids[rows].to(logits.device)).cpu().numpy()
    return of_labels


@torch.inference_mode()
def read_out(questions: Questions, values: Tensor) -> Floats:
    """Logits of the labels (text, label) from final norm and unembedding of an activation per text (text, d_model)."""
    lm = questions.lm
    last = HookPoint(lm.n_layers - 1)
    parts = []
    for x, ids in zip(values.split(_ROWS), questions.label_ids.split(_ROWS), strict=True):
        token = torch.full((len(x), 1), lm.pad_id, device=lm.device)  # any token: its activation is replaced
        with intervene(lm, {last: Replace(x[:, None])}):
            alone = {"attention_mask": torch.ones_like(token), "position_ids": torch.zeros_like(token)}
            logits = lm.module(input_ids=token, **alone, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        parts.append(logits.gather(1, ids.to(logits.device)).cpu().numpy())
    return np.concatenate(parts)
