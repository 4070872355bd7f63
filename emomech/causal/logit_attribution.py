"""Which words features write; one that writes a label says the answer, rather than tells what it follows from.

Told by the direct path alone: decoder direction times unembedding, without the last normalisation and without what
later blocks would make of it.
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
"""A feature writes a label if a label's token is among as many that its decoder direction promotes most."""
_ROWS = 1024
"""Features whose scores of the whole vocabulary are held at once."""


@torch.inference_mode()
def written_labels(questions: Questions, saes: Mapping[HookPoint, Sae], features: Sequence[FeatureId]) -> list[str]:
    """Name the label that each feature writes, or nothing for one that writes none."""
    first = questions.label_ids[0].tolist() if len(questions) else []
    found = []
    for scores in _scores(questions.lm, saes, features):
        value, label = scores[:, first].max(1)
        writes = (value > 0) & ((scores >= value[:, None]).sum(1) <= TOP_TOKENS)
        found += [questions.labels[i] if yes else "" for i, yes in zip(label.tolist(), writes.tolist(), strict=True)]
    return found


@torch.inference_mode()
def written_words(
    lm: LanguageModel, saes: Mapping[HookPoint, Sae], features: Sequence[FeatureId], n: int
) -> list[tuple[list[str], list[str]]]:
    """Name the `n` words that each feature promotes most, and the `n` that it lowers most.

    A word is a token of two letters or more, and nothing but letters.
    """
    tokenizer: Any = lm.tokenizer
    found = []
    for scores in _scores(lm, saes, features):
        for row in scores:
            order = row.argsort().tolist()
            found.append((_words(tokenizer, reversed(order), n), _words(tokenizer, order, n)))
    return found


def _words(tokenizer: Any, tokens: Iterable[int], n: int) -> list[str]:
    """Decode the first of some tokens that are words."""
    words = (tokenizer.decode([token], skip_special_tokens=True).strip() for token in tokens)
    return list(islice((word for word in words if len(word) > 1 and word.isalpha()), n))


def _scores(lm: LanguageModel, saes: Mapping[HookPoint, Sae], features: Sequence[FeatureId]) -> Iterator[Tensor]:
    """How much each feature promotes every token of the vocabulary (feature, token), some features at a time."""
    module: Any = lm.module
    output = module.get_output_embeddings() or module.lm_head  # the usual name, where a model does not say
    for start in range(0, len(features), _ROWS):
        rows = torch.stack([saes[f.point].W_dec[f.index] for f in features[start : start + _ROWS]])
        yield rows @ output.weight.to(rows).T
