"""The largest ratio that an edit of many tokens allows: operations of whole forward passes over those of a replay.

Whole passes run every block on every token of every text. A replay runs the unedited texts once, and for each edit the
blocks behind it, on the tokens from the first one that changes. The last block computes keys and values for these
tokens, and everything else for the answer alone. Counted are products with weights; those between tokens are few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from emomech.bench.workloads import Workload
from emomech.causal.questions import Edits, masked
from emomech.models.architectures import output_head
from emomech.models.language_model import LanguageModel
from emomech.models.replay import Replay, is_residual

_KEYS = {"k_proj": 1.0, "v_proj": 1.0, "c_attn": 2 / 3}
"""Modules that compute keys and values, and the share of their weights that does; GPT-2 has queries in the same one."""


@dataclass(frozen=True)
class BlockWork:
    """Products with weights, per token of a block."""

    block: float
    """All of them."""
    keys: float
    """Those for keys and values."""

    @classmethod
    def of(cls, lm: LanguageModel) -> "BlockWork":
        """Count those of the first block; all blocks of the known families are alike."""
        matrices = {name: w.numel() for name, w in lm.blocks[0].named_parameters() if w.ndim == 2}
        shares = {name: _KEYS.get(name.split(".")[-2], 0.0) for name in matrices}
        return cls(float(sum(matrices.values())), sum(n * shares[name] for name, n in matrices.items()))


@torch.inference_mode()
def bound(workload: Workload, edits: Sequence[Edits]) -> float:
    """Largest ratio of times for edits at every token; each edit is of one point of the residual stream."""
    lm, questions = workload.lm, workload.questions
    work, head = BlockWork.of(lm), output_head(lm)
    assert head is not None
    n_tokens = sum(len(text.ids) for text in questions.texts)
    answers = lm.d_model * questions.label_ids.numel()
    passes = lm.n_layers * work.block * n_tokens
    least = passes + answers
    for batch, mask in questions.batches("everywhere"):
        run = Replay.of(lm, head, batch, questions.label_ids[list(batch.example)])
        for edit in edits:
            ((point, change),) = masked(edit, mask).items()
            assert is_residual(point)
            depth = point.resid_index()
            changed = (change(run.stream[depth]) != run.stream[depth]).any(-1)
            tokens = (batch.last - changed.int().argmax(1) + 1)[changed.any(1)]
            behind = (lm.n_layers - depth - 1) * work.block + work.keys
            least += float(tokens.sum()) * behind
            least += len(tokens) * (work.block - work.keys + lm.d_model * questions.label_ids.shape[1])
    plain = len(edits) * (passes + len(questions) * lm.d_model * lm.vocab_size)
    return plain / least
