"""A 30-block model of the shape of SmolLM2-135M with random weights, random SAEs and texts, for stores and analyses.

Chapters refuse a model at chance. So the labels of the texts are the model's own answers, except for a share of wrong
ones that leaves room for a gain, and the label words stand in directions along which its answers vary. The vocabulary
is small, so that no implementation gains by leaving out the unembedding.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emomech.bench import inputs
from emomech.core.hook_points import HookPoint
from emomech.data import corpus
from emomech.data.corpus import Corpus, Example
from emomech.models.activations import collect
from emomech.models.language_model import LanguageModel, wrap
from emomech.models.tokens import tokenize
from emomech.saes.controls import random_sae
from emomech.saes.sae import Sae
from emomech.study.spec import StudySpec
from emomech.study.study import Study

SMOLLM = "SmolLM2's shape"
SHAPE = {
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
}
CONTEXT, VOCABULARY = 64, 512
D_SAE, K = 2304, 32
N_LABELS, _FIRST = 2, 2
"""Labels, and the number of the first one among the words; those before it are special."""
_N_WORDS = 3


def write(folder: Path, n_texts: int, shape: Mapping[str, int] = SHAPE, d_sae: int = D_SAE) -> Path:
    """Draw the model, one SAE for all blocks, and short texts; write them as a case, and return its folder."""
    lm, texts = _model(shape), sentences(n_texts, [_N_WORDS])
    points = [HookPoint(layer) for layer in range(lm.n_layers)]
    tokens = tokenize(lm, texts)
    ends = [[len(text.ids) - 1] for text in tokens]
    reads = collect(lm, [points[0], points[-1]], tokens, ends)
    answers = _spread(lm, reads[points[-1]])
    sae = random_sae(points[0], reads[points[0]], d_sae, K, seed=0)
    weights = {f"sae0.{name}": getattr(sae, name) for name in ("W_enc", "b_enc", "W_dec", "b_dec")}
    facts = {
        "config": inputs.model_config(lm.module),
        "saes": {str(point): {"number": 0, "k": K} for point in points},
        "texts": texts,
        "answers": answers.tolist(),
        "rows": [],
    }
    return inputs.write(folder, facts, inputs.model_tensors(lm.module) | weights)


def model(folder: Path) -> LanguageModel:
    """Read the model of a case."""
    module = inputs.read(folder).module
    return wrap(SMOLLM, module, inputs.words(module.config.vocab_size), True)


def study(folder: Path, layers: Sequence[int], wrong: int = 0) -> Study:
    """Read a case as a study with SAEs behind some blocks; every `wrong`-th text has a label that is not the answer."""
    case, lm = inputs.read(folder), model(folder)
    texts = case.facts["texts"]
    named = _labelled(texts, case.facts["answers"])
    if wrong:
        named = _labelled(texts, _with_wrong(named, case.facts["answers"], wrong))
    points = [HookPoint(layer) for layer in layers]
    return Study(StudySpec()).replaced(
        lm=lm,
        saes={point: Sae(point, activation="topk", **case.saes[str(point)]) for point in points},
        control_saes={},
        corpus=named,
        emotions={label: label for label in named.labels},
        prompts=texts,
        answers=[f" {label}" for label in named.labels],
        controls=[],
    )


def _labelled(texts: Sequence[str], labels: Sequence[int]) -> Corpus:
    pairs = zip(texts, labels, strict=True)
    examples = [Example(text, f"w{_FIRST + label}", cluster=str(i)) for i, (text, label) in enumerate(pairs)]
    return corpus.make("random words", examples)


def _with_wrong(named: Corpus, answers: Sequence[int], wrong: int) -> list[int]:
    """Change the label of every `wrong`-th text of each answer and part of the split (text)."""
    seen: dict[tuple[str, int], int] = {}
    labels = []
    for example, answer in zip(named.examples, answers, strict=True):
        key = (named.split(example, StudySpec().seed), answer)
        seen[key] = seen.get(key, 0) + 1
        labels.append((answer + 1) % N_LABELS if seen[key] % wrong == 0 else answer)
    return labels


def sentences(n: int, lengths: Sequence[int]) -> list[str]:
    """Draw n texts of words that are no labels; their lengths are drawn from the given ones."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(_FIRST + N_LABELS, VOCABULARY, rng.choice(lengths)) for _ in range(n)]
    return [" ".join(f"w{i}" for i in text) for text in texts]


def _model(shape: Mapping[str, int]) -> LanguageModel:
    """Draw the model; every weight is normal with the standard deviation of the family's first weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    special: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    sizes: dict[str, Any] = {**shape, "vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = LlamaForCausalLM(LlamaConfig(**sizes, **special, tie_word_embeddings=True))
    return wrap(SMOLLM, module, inputs.words(VOCABULARY), True)


@torch.no_grad()
def _spread(lm: LanguageModel, x: Tensor) -> np.ndarray:
    """Write the embeddings of the labels so that all are answered about equally often; return the answers (text).

    `x` is the residual stream after the last block at the answers (text, d_model). Labels stand at equal angles on the
    plane of the two largest principal components of the normed stream, without its mean.
    """
    normed = lm.module.get_submodule("model.norm")(x)
    centre = torch.nn.functional.normalize(normed.mean(0), dim=0)
    plane = torch.linalg.svd(normed - normed.mean(0), full_matrices=False)[2][:2]
    plane = torch.linalg.qr((plane - (plane @ centre)[:, None] * centre).T)[0].T
    angles = 2 * torch.pi * torch.arange(N_LABELS) / N_LABELS
    rows = torch.stack([angles.cos(), angles.sin()], 1) @ plane
    embedding: Any = lm.module.get_input_embeddings().weight
    embedding[_FIRST : _FIRST + N_LABELS] = rows * embedding.norm(dim=1).mean()
    return (normed @ rows.T).argmax(1).numpy()
