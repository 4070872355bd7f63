"""Which words features write: direct logit attribution of decoder directions.

The score of a token is the decoder direction times its row of the unembedding (the direct path; Elhage et al., 2021),
without the final norm and without what later blocks do with the direction. A feature that writes a label
states the answer; it does not show how the model reached it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from emomech.causal.questions import Questions
from emomech.core.hook_points import FeatureId, HookPoint
from emomech.models.language_model import LanguageModel
from emomech.saes.sae import Sae

TOP_TOKENS = 5
"""A feature writes a label if the label's first token is among this many that its direction promotes most."""
_ROWS = 1024
"""Features whose scores for the whole vocabulary are in memory at once."""


@torch.inference_mode()
def written_labels(questions: Questions, saes: Mapping[HookPoint, Sae], features: Sequence[FeatureId]) -> list[str]:
    """Name the label that each feature writes; empty for a feature that writes none."""
    first = questions.label_ids[0].tolist() if len(questions) else []
    written = []
    for scores in _scores(questions.lm, saes, features):
        value, label = scores[:, first].max(1)
        writes = (value > 0) & ((scores >= value[:, None]).sum(1) <= TOP_TOKENS)
        written += [questions.labels[i] if yes else "" for i, yes in zip(label.tolist(), writes.tolist(), strict=True)]
    return written


@torch.inference_mode()
def written_words(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], features: Sequence[FeatureId], n: int
) -> list[tuple[list[str], list[str]]]:
    """Name the `n` words that each feature promotes most, and the `n` that it lowers most.

    A word is a token of at least two letters that holds nothing else.
    """
    tokenizer: Any = lm.tokenizer
    words = []
    for scores in _scores(lm, saes, features):
        for row in scores:
            order = row.argsort().tolist()
            words.append((_words(tokenizer, reversed(order), n), _words(tokenizer, order, n)))
    return words


def _words(tokenizer: Any, tokens: Iterable[int], n: int) -> list[str]:
    """Decode the first n tokens that are words."""
    words = (tokenizer.decode([token], skip_special_tokens=True).strip() for token in tokens)
    return list(islice((word for word in words if len(word) > 1 and word.isalpha()), n))


def _scores(lm: LanguageModel, saes: Mapping[HookPoint, Sae], features: Sequence[FeatureId]) -> Iterator[Tensor]:
    """Score of every token of the vocabulary for each feature (feature, token), `_ROWS` features at a time."""
    module: Any = lm.module
    output = module.get_output_embeddings() or module.lm_head  # the usual attribute, if the model has no accessor
    for start in range(0, len(features), _ROWS):
        rows = torch.stack([saes[f.point].W_dec[f.index] for f in features[start : start + _ROWS]])
        yield rows @ output.weight.to(rows).T
