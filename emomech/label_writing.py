"""Which features write the word of a label: they say the answer, rather than tell what it follows from.

Told by the direct path alone: decoder direction times unembedding, without the last normalisation and without what
later blocks would make of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from emomech.questions import Questions
from emomech.saes import Sae
from emomech.vocab import FeatureId, HookPoint

TOP_TOKENS = 5
"""A feature writes a label if a label's token is among as many that its decoder direction promotes most."""
_ROWS = 1024
"""Features whose scores of the whole vocabulary are held at once."""


@torch.inference_mode()
def written_labels(questions: Questions, saes: Mapping[HookPoint, Sae], features: Sequence[FeatureId]) -> list[str]:
    """Name the label that each feature writes, or nothing for one that writes none."""
    module: Any = questions.lm.module
    output = module.get_output_embeddings() or module.lm_head  # the usual name, where a model does not say
    first = questions.label_ids[0].tolist() if len(questions) else []
    found = []
    for start in range(0, len(features), _ROWS):
        rows = torch.stack([saes[f.point].W_dec[f.index] for f in features[start : start + _ROWS]])
        scores = rows @ output.weight.to(rows).T
        value, label = scores[:, first].max(1)
        writes = (value > 0) & ((scores >= value[:, None]).sum(1) <= TOP_TOKENS)
        found += [questions.labels[i] if yes else "" for i, yes in zip(label.tolist(), writes.tolist(), strict=True)]
    return found
